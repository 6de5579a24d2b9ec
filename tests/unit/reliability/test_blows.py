"""Which message that came twice is explained by what, so that an unexplained one is noticed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from reliability.arrivals import Arrival
from reliability.blows import Blow, duplicates

KILL = Blow("kill", 100.0)
FREEZE = Blow("freeze", 100.0, 113.0)
LOSS = Blow("loss", 100.0, 105.0, of_database=True)


@dataclass
class Sink:
    """Arrivals as a test wants them: page p, first and again, each over a connection of its own."""

    first: float
    again: float
    ended: dict[int, float] = field(default_factory=dict)

    def by_page(self):
        return {"p": [Arrival("p", self.first, 1), Arrival("p", self.again, 2)], "q": [Arrival("q", self.first, 3)]}


@pytest.mark.parametrize(
    ("blow", "sink", "explained"),
    [
        pytest.param(KILL, Sink(99.99, 110.0, {1: 100.01}), True, id="its connection broke with the death"),
        pytest.param(KILL, Sink(99.99, 110.0), False, id="its connection lived on"),
        pytest.param(KILL, Sink(99.99, 110.0, {1: 107.0}), False, id="its connection broke long after"),
        pytest.param(FREEZE, Sink(99.9, 110.0), True, id="sent before the freeze, and by another meanwhile"),
        pytest.param(FREEZE, Sink(110.0, 113.2), True, id="sent by another, and by the frozen one afterwards"),
        pytest.param(FREEZE, Sink(80.0, 90.0), False, id="over before the freeze"),
        pytest.param(FREEZE, Sink(114.0, 124.0), False, id="sent after the freeze"),
        pytest.param(Blow("blink", 100.0, 101.0), Sink(99.9, 100.5), False, id="a freeze shorter than any lease"),
        pytest.param(LOSS, Sink(100.1, 110.0), True, id="sent without a database"),
        pytest.param(LOSS, Sink(108.0, 118.0), False, id="sent when it was back"),
    ],
)
def test_a_message_that_came_twice_is_put_down_to_the_blow_that_made_it(blow, sink, explained):
    [one] = duplicates(sink, [blow])
    assert one.page == "p"
    assert one.blow is (blow if explained else None)
    assert (blow.name in str(one)) == explained
