"""What French and Spanish share: articles, agreement, and where an adjective stands."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from functools import cache

from mlalign.data.sample.lexicon import Concept
from mlalign.data.sample.plans import Named, Noun, Person, Phrase, Place
from mlalign.data.sample.realiser import Uninflected, formed
from mlalign.data.sample.words import Word, plain


class Romance(Uninflected):
    """Subject, verb, object, place, time.

    Attributes:
        articles: gender -> definite singular and plural, indefinite singular and plural.
        preposition: what a cell may have before its gender.
    """

    articles: Mapping[str, str]
    preposition: re.Pattern[str]

    @abstractmethod
    def pluralised(self, word: str) -> str:
        """Return the regular plural."""

    @abstractmethod
    def agreeing(self, cell: str, gender: str, plural: bool) -> str:
        """Return an adjective or participle in the right gender and number."""

    def of(self, phrase: Phrase) -> list[Word]:
        """Return ``de Munich``."""
        return [Word("de"), *self.phrase(phrase)]

    def noun(self, phrase: Noun) -> list[Word]:
        """Return ``le vieux professeur de Munich``."""
        adjective = phrase.adjective.forms[self.language] if phrase.adjective else ""
        words = plain(noun_phrase(self, self.bare(phrase.concept), adjective, phrase.plural, phrase.definite))
        return [*words, *self.of(phrase.of)] if phrase.of else words

    def title(self, title: Concept) -> list[Word]:
        """Return ``monsieur`` or ``le professeur``."""
        cell = title.forms[self.language]
        return plain(noun_phrase(self, cell, "", False, True) if title.kind == "person" else cell)

    def named(self, phrase: Named) -> list[Word]:
        """Return ``la place Keller``."""
        gender, pattern = self.bare(phrase.pattern).split(maxsplit=1)
        return [*plain(self.articles[gender].split()[0]), *formed(phrase, pattern, self.language)]

    def bare(self, concept: Concept) -> str:
        """Return a noun's cell from its gender on."""
        return self.preposition.sub("", concept.forms[self.language])

    def gender(self, phrase: Phrase) -> str:
        """Return ``m`` or ``f``; a mixed pair is masculine."""
        match phrase:
            case Noun():
                return self.bare(phrase.concept)[0]
            case Named():
                return self.bare(phrase.pattern)[0]
            case Person():
                return "f" if phrase.female else "m"
            case Place():
                return "m"
        return "f" if self.gender(phrase.first) == self.gender(phrase.second) == "f" else "m"


@cache
def noun_phrase(language: Romance, cell: str, adjective: str, plural: bool, definite: bool) -> str:
    """Return article, noun and adjective; ``<`` marks an adjective that stands before the noun."""
    gender, singular, *irregular = cell.split()
    article = language.articles[gender].split()[(0 if definite else 2) + plural]
    noun = (irregular[0] if irregular else language.pluralised(singular)) if plural else singular
    if not adjective:
        return f"{article} {noun}"
    agreed = language.agreeing(adjective.removeprefix("<"), gender, plural)
    if not adjective.startswith("<"):
        return f"{article} {noun} {agreed}"
    return f"{'de' if article == 'des' else article} {agreed} {noun}"
