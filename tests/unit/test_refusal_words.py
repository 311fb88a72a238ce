"""Whatever ingest refuses is said in plain words, Chinese and English."""

import pytest

from api import refusal_words
from ingest.decoders.decoded import Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words_in_both_languages(reason: Reason) -> None:
    words = refusal_words.of(reason.value)
    assert words.keys() == {"zh", "en"}
    assert reason.value not in words["zh"] + words["en"]
    assert words["en"].isascii()
    assert not words["zh"].isascii()


def test_a_reason_without_words_says_its_name() -> None:
    assert refusal_words.of("new_reason")["en"] == "Refused: new_reason"
