"""English. Cells: ``child children`` (regular plural left out), ``saw seen`` (past, participle)."""

import re
from functools import cache
from typing import NamedTuple

from mlalign.data.sample.lexicon import Concept
from mlalign.data.sample.plans import Clause, Named, Noun, Phrase
from mlalign.data.sample.realiser import Uninflected, grammatical_subject, is_plural, with_front
from mlalign.data.sample.words import Word, plain

CONNECTIVES = {"after": "after", "before": "before", "because": "because"}
HEAD = "root"  # the relation of the verb that the others depend on
AGO = Word("ago")


class Part(NamedTuple):
    """Words of a clause: how they depend on its verb, by Universal Dependencies, and the phrase that they end with."""

    relation: str
    words: list[Word]
    phrase: Phrase | None = None


class English(Uninflected):
    """Subject, verb, object, place, time."""

    language = "en"
    conjunction = "and"
    connectives = CONNECTIVES

    def main(self, clause: Clause, *, inverted: bool = False) -> list[Word]:
        """Return a clause in the past tense."""
        return [word for part in self.parts(clause) for word in part.words]

    def parts(self, clause: Clause) -> list[Part]:
        """Return what a clause is made of, in its order."""
        past, *participle = clause.verb.forms["en"].split()
        subject = grammatical_subject(clause)
        verb = [Part(HEAD, plain(past))]
        roles = [("obj", "", clause.object), ("obl", "from", clause.origin), ("obl", "to", clause.destination)]
        if clause.passive:
            auxiliary = Part("aux", plain("were" if is_plural(subject) else "was"))
            verb = [auxiliary, Part(HEAD, plain(participle[0] if participle else past))]
            roles[0] = "obl", "by", clause.subject
        others = [Part(relation, self.after(preposition, phrase), phrase) for relation, preposition, phrase in roles]
        when, where = self.adjuncts(clause)
        is_adverb = len(when) == 1 or when[-1:] == [AGO]
        time, place = [Part("advmod" if is_adverb else "obl", when)], [Part("obl", where, clause.place)]
        front, time, place = with_front(clause, time, place, [Part("punct", plain(self.after_front))])
        found = [*front, Part("nsubj", self.phrase(subject), subject), *verb, *others, *place, *time]
        return [part for part in found if part.words]

    def after(self, preposition: str, phrase: Phrase | None) -> list[Word]:
        """Return a preposition and its phrase."""
        return [] if phrase is None else [*plain(preposition), *self.phrase(phrase)]

    def location(self, phrase: Phrase) -> list[Word]:
        """Return where: ``in Munich``, ``at the old station``, ``on Keller Square``."""
        if isinstance(phrase, Noun):
            preposition = phrase.concept.forms["en"].split()[0]
            return self.after(preposition, phrase)
        return self.phrase(phrase) if isinstance(phrase, Named) else self.after("in", phrase)

    def noun(self, phrase: Noun) -> list[Word]:
        """Return ``the old teacher of Munich``."""
        words = [phrase.adjective.forms["en"]] if phrase.adjective else []
        cell = phrase.concept.forms["en"]
        if phrase.concept.kind == "place":
            cell = cell.split(maxsplit=1)[1]
        words.append(number(cell, phrase.plural))
        if phrase.definite:
            article = "the"
        elif phrase.plural:
            article = "some"
        else:
            article = "an" if words[0][0] in "aeiou" else "a"
        of = "from" if phrase.concept.kind == "person" else "of"
        return [*plain(" ".join([article, *words])), *self.after(of, phrase.of)]

    def title(self, title: Concept) -> list[Word]:
        """Return ``Mr`` or ``the teacher``."""
        return plain(("the " if title.kind == "person" else "") + number(title.forms["en"], False))


@cache
def number(cell: str, plural: bool) -> str:
    """Return the singular or plural of a noun's cell."""
    singular, *irregular = cell.split()
    if not plural:
        return singular
    if irregular:
        return irregular[0]
    if re.search("[^aeiou]y$", singular):
        return singular[:-1] + "ies"
    return singular + ("es" if re.search("(s|x|ch|sh)$", singular) else "s")
