"""Which pairs are kept, and in one word why the others are not."""

from collections.abc import Callable
from dataclasses import dataclass

from mlalign.data.corpora.scripts import any_letters, letters_of, width
from mlalign.data.languages import ENGLISH, spoken

SLACK = 15  # characters by which short sentences may differ whatever the ratio
TELLING = 20  # columns; which language a shorter sentence is in cannot be told
BROKEN = "\ufffd"  # what a wrong encoding was turned into
Identify = Callable[[str], str]  # a sentence -> the code of its language


@dataclass(frozen=True)
class Rules:
    """Which pairs are kept.

    Args:
        min_characters: either side has at least so many.
        max_characters: and at most so many.
        max_ratio: between the widths of the sides; wide characters count twice.
        min_letters: share of a sentence's characters, spaces aside, that are letters: dates,
            tables and addresses have fewer.
        script: whether each side has most of its letters in the script of its language.
    """

    min_characters: int
    max_characters: int
    max_ratio: float
    min_letters: float
    script: bool


class Judge:
    """Says why a pair of English and one language is left out.

    Args:
        rules: the limits.
        language: the other language.
        identify: recognises languages; None to go by the script alone.
    """

    def __init__(self, rules: Rules, language: str, identify: Identify | None = None) -> None:
        self.rules, self.language, self.identify = rules, language, identify
        self.letters = {
            one: (letters_of(one) if rules.script else None) or any_letters() for one in (ENGLISH, language)
        }

    def reason(self, english: str, other: str, plain_english: str, plain_other: str) -> str | None:
        """Why a clean pair is left out, or None; the plain sides are ``cleaning.plain``."""
        rules = self.rules
        if not english or not other:
            return "empty side"
        if plain_english == plain_other:
            return "both sides alike"
        if min(len(english), len(other)) < rules.min_characters:
            return "too short"
        if max(len(english), len(other)) > rules.max_characters:
            return "too long"
        shorter, longer = sorted((width(english), width(other)))
        if longer > rules.max_ratio * shorter + SLACK:
            return "lengths too different"
        if BROKEN in english or BROKEN in other:
            return "broken characters"
        return (
            self._language(english, ENGLISH)
            or self._language(other, self.language)
            or self._identity(english, ENGLISH)
            or self._identity(other, self.language)
        )

    def _language(self, text: str, language: str) -> str | None:
        rest = self.letters[language].sub("", text)
        inside = len(text) - len(rest)
        outside = sum(map(str.isalpha, rest))
        if outside > inside:
            return "wrong script"
        if inside < self.rules.min_letters * (len(text) - text.count(" ")):
            return "few letters"
        return None

    def _identity(self, text: str, language: str) -> str | None:
        if self.identify is None or width(text) < TELLING:
            return None
        return "wrong language" if spoken(self.identify(text)) != spoken(language) else None
