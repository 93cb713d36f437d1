"""German.

Cells: ``f Firma Firmen`` (gender, singular, plural; ``mw`` is the weak declension), ``teuer`` or
``teuer:teur`` (adjective, stem), ``stellte-ein eingestellt`` (past and its particle, participle;
``ist`` behind it names the auxiliary).
"""

import re
from functools import cache

from mlalign.data.sample.plans import Clause, Connective, Named, Noun, Person, Phrase, Place
from mlalign.data.sample.realiser import Realiser, concept_of, formed, full_name, grammatical_subject, is_plural
from mlalign.data.sample.words import Word, contract, name, plain

CONNECTIVES = {"after": "nachdem", "before": "bevor", "because": "weil"}
CASES = ("nom", "acc", "dat", "gen")
DEFINITE = {
    "m": "der den dem des",
    "f": "die die der der",
    "n": "das das dem des",
    "pl": "die die den der",
}
INDEFINITE = {
    "m": "ein einen einem eines",
    "f": "eine eine einer einer",
    "n": "ein ein einem eines",
    "pl": "einige einige einigen einiger",
}
WEAK = {"m": "e en en en", "f": "e e en en", "n": "e e en en", "pl": "en en en en"}
MIXED = {"m": "er en en en", "f": "e e en en", "n": "es es en en", "pl": "e e en er"}
CONTRACTIONS = {("in", "dem"): "im", ("an", "dem"): "am", ("von", "dem"): "vom"}


class German(Realiser[str]):
    """The finite verb second in main clauses, last in side clauses; time before the object."""

    language = "de"
    conjunction = "und"
    connectives = CONNECTIVES
    before_side = ","
    after_front = ""

    def main(self, clause: Clause, *, inverted: bool = False) -> list[Word]:
        """Return a main clause: first place, finite verb, the rest, particle or participle."""
        finite, particle, participle, _ = verb(clause.verb.forms["de"])
        if clause.passive:
            finite, particle = "wurde", participle
        front, time, place = self.fronted(clause)
        subject = self.phrase(grammatical_subject(clause), "nom")
        start = plain(conjugated(finite, is_plural(grammatical_subject(clause))))
        start = [*front, *start, *subject] if front or inverted else [*subject, *start]
        return [*start, *time, *self.complements(clause), *place, *plain(particle)]

    def side(self, clause: Clause, connective: Connective) -> list[Word]:
        """Return a side clause, its verbs last; in the past perfect after ``nachdem``."""
        finite, particle, participle, auxiliary = verb(clause.verb.forms["de"])
        plural = is_plural(grammatical_subject(clause))
        if connective == "after":
            auxiliary = "war" if clause.passive else auxiliary
            passive = "worden " if clause.passive else ""
            verbs = f"{participle} {passive}{conjugated(auxiliary, plural)}"
        elif clause.passive:
            verbs = f"{participle} {conjugated('wurde', plural)}"
        else:
            verbs = particle + conjugated(finite, plural)
        time, place = self.adjuncts(clause)
        subject = self.phrase(grammatical_subject(clause), "nom")
        return [*subject, *time, *self.complements(clause), *place, *plain(verbs)]

    def complements(self, clause: Clause) -> list[Word]:
        """Return the object or the agent, and the way from and to."""
        words: list[Word] = []
        if clause.passive:
            words += [Word("von"), *self.phrase(clause.subject, "dat")]
        elif clause.object:
            words += self.phrase(clause.object, "acc")
        if clause.origin:
            words += [Word("von"), *self.phrase(clause.origin, "dat")]
        if clause.destination:
            words += [Word("nach"), *self.phrase(clause.destination, "dat")]
        return words

    def location(self, phrase: Phrase) -> list[Word]:
        """Return where: ``in München``, ``auf dem Keller-Platz``."""
        concept = concept_of(phrase)
        preposition = concept.forms["de"].split()[0] if concept else "in"
        return [Word(preposition), *self.phrase(phrase, "dat")]

    def noun(self, phrase: Noun, case: str) -> list[Word]:
        """Return ``der alte Lehrer von München``."""
        cell = phrase.concept.forms["de"]
        cell = cell.split(maxsplit=1)[1] if phrase.concept.kind == "place" else cell
        adjective = phrase.adjective.forms["de"] if phrase.adjective else ""
        words = plain(noun_phrase(cell, adjective, case, phrase.plural, phrase.definite))
        if isinstance(phrase.of, Noun):
            return words + self.phrase(phrase.of, "gen")
        of = Word("aus" if phrase.concept.kind == "person" else "von")
        return [*words, of, *self.phrase(phrase.of, "dat")] if phrase.of else words

    def person(self, phrase: Person, case: str) -> list[Word]:
        """Return ``Herr Keller`` or ``der Lehrer Thomas Keller``."""
        before: list[Word] = []
        if phrase.title and phrase.title.kind == "person":
            before = plain(noun_phrase(phrase.title.forms["de"], "", case, False, True))
        elif phrase.title:
            title = phrase.title.forms["de"]
            before = plain("Herrn" if title == "Herr" and case != "nom" else title)
        return before + full_name(phrase, "de")

    def named(self, phrase: Named, case: str) -> list[Word]:
        """Return ``dem Keller-Platz``."""
        cell = phrase.pattern.forms["de"]
        cell = cell.split(maxsplit=1)[1] if phrase.pattern.kind == "square" else cell
        gender, pattern = cell.split(maxsplit=1)
        return [*plain(inflected(DEFINITE, gender, case)), *formed(phrase, pattern, "de")]

    def place(self, phrase: Place, case: str) -> list[Word]:
        """Return ``München``, which does not decline."""
        return name(phrase.concept.forms["de"], "LOC")

    def smooth(self, words: list[Word]) -> list[Word]:
        """Contract ``in dem`` and the like."""
        return contract(words, CONTRACTIONS)


@cache
def noun_phrase(cell: str, adjective: str, case: str, plural: bool, definite: bool) -> str:
    """Return article, adjective and noun."""
    gender, singular, many = cell.split()
    number = "pl" if plural else gender[0]
    words = [inflected(DEFINITE if definite else INDEFINITE, number, case)]
    if adjective:
        stem = adjective.split(":")[-1].removesuffix("e")
        words.append(stem + inflected(WEAK if definite else MIXED, number, case))
    if plural:
        words.append(many + ("n" if case == "dat" and many[-1] not in "ns" else ""))
    elif gender == "mw" and case != "nom":
        words.append(many)
    else:
        words.append(genitive(singular) if case == "gen" and gender != "f" else singular)
    return " ".join(words)


def genitive(noun: str) -> str:
    """Return the genitive singular of a strong masculine or neuter."""
    if noun.endswith("fonds"):
        return noun
    if noun.endswith("nis"):
        return f"{noun}ses"
    return noun + ("es" if re.search("(s|ß|x|z|zt|sch|st|nd|ld)$", noun) else "s")


def inflected(table: dict[str, str], gender: str, case: str) -> str:
    """Look up an article or an ending."""
    return table[gender].split()[CASES.index(case)]


@cache
def verb(cell: str) -> tuple[str, str, str, str]:
    """Return the past, its particle, the participle and the past auxiliary."""
    past, participle, *auxiliary = cell.split()
    finite, _, particle = past.partition("-")
    return finite, particle, participle, "war" if auxiliary else "hatte"


def conjugated(singular: str, plural: bool) -> str:
    """Return the third person of the past in the right number."""
    if not plural:
        return singular
    return singular + ("n" if singular.endswith("e") else "en")
