"""Words that go into titles: alerts carry what anybody put into them."""

from tocsin.domain.statements import one_line


def test_a_title_is_one_line_whatever_it_was_made_of():
    assert one_line(" red\nAcknowledge: example.org\x1b[2J\u2028x ") == "red Acknowledge: example.org [2J x"


def test_a_title_cannot_turn_the_direction_of_our_own_words():
    assert one_line("\u202elive\u202c and \u2066kicking\u2069") == "live and kicking"
