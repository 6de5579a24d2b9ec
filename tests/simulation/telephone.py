"""The simulated telephone company: what it says became of messages and calls, and what people press and reply.

Its word comes early, late, twice or never, and may reach us before its own answer to our request does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from tests.simulation.sender import carried
from tests.simulation.world import World
from tocsin.application import answers, receipts
from tocsin.application.app import Application
from tocsin.application.ports import Message, Outcome, Receipt, Word
from tocsin.domain.errors import TocsinError, UnavailableError

SPOKEN = ("sms", "voice")
WORD_WITHIN = {"sms": timedelta(seconds=20), "voice": timedelta(seconds=65)}
CALLS_AGAIN_AFTER = timedelta(seconds=75)
CALLS_BACK_AGAIN_S = 5.0
ANSWERED = 0.15

Tell = Callable[[Application], object]


@dataclass(slots=True)
class Telephone:
    """What comes back from a provider that calls back.

    Args:
        world: time and chance.
        through: runs something on a node that answers; raises UnavailableError when none does.
        speaking: told of which pages the provider speaks while it does, and of none afterwards.
    """

    world: World
    through: Callable[[Tell], object]
    speaking: Callable[[Collection[str]], None]
    _calls: int = 0

    def receipt(self, channel: str, words: str) -> Receipt:
        """What its answer to a request says."""
        if channel not in SPOKEN:
            return Receipt(words)
        self._calls += 1
        again = CALLS_AGAIN_AFTER if channel == "voice" else None
        return Receipt(f"{channel}-{self._calls}", word_within=WORD_WITHIN[channel], again_after=again)

    def has(self, channel: str, message: Message, receipt: Receipt) -> None:
        """It took a message: what becomes of it, it says later, or never does."""
        if channel not in SPOKEN:
            return
        chance, quick = self.world.random.random(), self.world.random.random() < 0.1
        after_s = self.world.between(0, 0.2) if quick else self.world.between(1, 40)
        if not self.world.calm and chance < ANSWERED and message.urgent:
            said = answers.Said.CANNOT if chance < ANSWERED / 5 else answers.Said.TAKE
            self._says(
                message, after_s, f"{said.value} ({channel})", partial(self._answer, channel, message, said, receipt)
            )
        elif self.world.happens("no-word", 0.15):
            self.world.count("words that never came")
        else:
            word = self._word(channel, receipt)
            self._says(message, after_s, word.outcome.value, partial(self._hear, message, word, receipt.provider_id))

    def _word(self, channel: str, receipt: Receipt) -> Word:
        if self.world.happens("undelivered", 0.15):
            permanent = self.world.random.random() < 0.3
            return Word(receipt.provider_id, Outcome.FAILED, "not delivered", permanent=permanent)
        heard = channel == "sms" or self.world.random.random() < 0.5
        return Word(receipt.provider_id, Outcome.DELIVERED if heard else Outcome.UNHEARD)

    def _says(self, message: Message, after_s: float, words: str, tell: Tell) -> None:
        """Now and then everything is said twice."""
        for _ in range(2 if self.world.happens("twice", 0.1) else 1):
            self.world.after(after_s, partial(self._tell, message, words, tell, 3))

    def _tell(self, message: Message, words: str, tell: Tell, left: int) -> None:
        self.speaking(carried(message))
        try:
            self.through(tell)
        except UnavailableError:
            if left:
                self.world.after(CALLS_BACK_AGAIN_S, partial(self._tell, message, words, tell, left - 1))
        except TocsinError as no:
            self.world.note(f"of {message.page_id} the provider says: {words}: {type(no).__name__}")
        else:
            self.world.count("words of providers")
            self.world.note(f"of {message.page_id} the provider says: {words}")
        finally:
            self.speaking(())

    def _hear(self, message: Message, word: Word, callback: str, app: Application) -> None:
        receipts.hear(app, message.page_id, word, callback)

    def _answer(self, channel: str, message: Message, said: answers.Said, receipt: Receipt, app: Application) -> None:
        page = receipts.found(app, message.page_id)
        callback = f"answer to {receipt.provider_id}"
        answers.answer(app, answers.Given(page, said, channel, callback, receipt.provider_id))
