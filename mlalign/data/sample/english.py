"""English. Cells: ``child children`` (regular plural left out), ``saw seen`` (past, participle)."""

import re
from functools import cache

from mlalign.data.sample.plans import Clause, Named, Noun, Person, Phrase, Sentence
from mlalign.data.sample.realiser import Uninflected, full_name, grammatical_subject, is_plural
from mlalign.data.sample.words import Word, plain


class English(Uninflected):
    """Subject, verb, object, place, time."""

    language = "en"
    conjunction = "and"

    def clauses(self, plan: Sentence) -> list[Word]:
        """Join by ``after``, ``before`` or ``because``; a comma only after a first side clause."""
        main = self.clause(plan.main)
        if plan.side is None or plan.connective is None:
            return main
        return self.side_and_main(plan, plain(plan.connective) + self.clause(plan.side), main)

    def clause(self, clause: Clause) -> list[Word]:
        """Return a clause in the past tense."""
        past, *participle = clause.verb.forms["en"].split()
        if clause.passive:
            verb = f"{'were' if is_plural(grammatical_subject(clause)) else 'was'} "
            verb += participle[0] if participle else past
            object_ = [*plain("by"), *self.phrase(clause.subject)]
        else:
            verb = past
            object_ = self.phrase(clause.object) if clause.object else []
        route = [
            *self.after("from", clause.origin),
            *self.after("to", clause.destination),
        ]
        time = plain(clause.time.forms["en"]) if clause.time else []
        place = self.location(clause.place) if clause.place else []
        front, time, place = self.fronted(clause, time, place)
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

    def person(self, phrase: Person) -> list[Word]:
        """Return ``Mr Keller`` or ``the teacher Thomas Keller``."""
        before: list[Word] = []
        if phrase.title:
            profession = phrase.title.kind == "person"
            before = plain(("the " if profession else "") + number(phrase.title.forms["en"], False))
        return before + full_name(phrase, "en")


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
