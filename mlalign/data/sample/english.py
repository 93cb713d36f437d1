"""English. Cells: ``child children`` (regular plural left out), ``saw seen`` (past, participle)."""

import re
from functools import cache

from mlalign.data.sample.lexicon import Concept
from mlalign.data.sample.plans import Clause, Named, Noun, Phrase
from mlalign.data.sample.realiser import Uninflected, grammatical_subject, is_plural
from mlalign.data.sample.words import Word, plain

CONNECTIVES = {"after": "after", "before": "before", "because": "because"}


class English(Uninflected):
    """Subject, verb, object, place, time."""

    language = "en"
    conjunction = "and"
    connectives = CONNECTIVES

    def main(self, clause: Clause, *, inverted: bool = False) -> list[Word]:
        """Return a clause in the past tense."""
        past, *participle = clause.verb.forms["en"].split()
        if clause.passive:
            verb = f"{'were' if is_plural(grammatical_subject(clause)) else 'was'} "
            verb += participle[0] if participle else past
            object_ = [*plain("by"), *self.phrase(clause.subject)]
        else:
            verb = past
            object_ = self.phrase(clause.object) if clause.object else []
        route = [*self.after("from", clause.origin), *self.after("to", clause.destination)]
        front, time, place = self.fronted(clause)
        subject = self.phrase(grammatical_subject(clause))
        return [*front, *subject, *plain(verb), *object_, *route, *place, *time]

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
