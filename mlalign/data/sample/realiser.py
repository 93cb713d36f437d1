"""What the realisers of all languages share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar, TypeVarTuple

from mlalign.data.sample.lexicon import Concept
from mlalign.data.sample.plans import Both, Clause, Connective, Named, Noun, Person, Phrase, Place, Sentence
from mlalign.data.sample.words import Word, bracketed, capitalise, name, plain, spaced

Case = TypeVarTuple("Case")
Part = TypeVar("Part")


class Realiser(ABC, Generic[*Case]):
    """Says a plan in one language, which has cases or none: ``Realiser[str]``, ``Realiser[()]``.

    Attributes:
        language: its code.
        conjunction: between the two of a pair.
        connectives: how a side clause begins; ``comme`` for a reason that comes first is under ``first``.
        before_side: between a main clause and a side clause behind it.
        after_front: between a fronted time or place and the subject.
    """

    language: str
    conjunction: str
    connectives: Mapping[str, str]
    comma = ","
    full_stop = "."
    before_side = ""
    after_front = ","

    def words(self, plan: Sentence) -> list[Word]:
        """Return the words of a sentence, entities tagged, the full stop included."""
        return [*capitalise(self.smooth(self.clauses(plan))), Word(self.full_stop)]

    def text(self, words: list[Word]) -> str:
        """Write words as text."""
        return spaced(words)

    def smooth(self, words: list[Word]) -> list[Word]:
        """Make the changes that depend on neighbouring words, such as contractions."""
        return words

    def clauses(self, plan: Sentence) -> list[Word]:
        """Return the clauses in order, joined by their connective."""
        if plan.side is None or plan.connective is None:
            return self.main(plan.main)
        connective = self.connectives[plan.connective]
        if plan.connective == "because" and plan.side_first:
            connective = self.connectives.get("first", connective)
        side = [*plain(connective), *self.side(plan.side, plan.connective)]
        if plan.side_first:
            return [*side, *plain(self.comma), *self.main(plan.main, inverted=True)]
        return [*self.main(plan.main), *plain(self.before_side), *side]

    @abstractmethod
    def main(self, clause: Clause, *, inverted: bool = False) -> list[Word]:
        """Return a main clause; ``inverted`` if a side clause has its first place."""

    def side(self, clause: Clause, connective: Connective) -> list[Word]:
        """Return what follows a connective."""
        return self.main(clause)

    @abstractmethod
    def location(self, phrase: Phrase) -> list[Word]:
        """Return where something is."""

    def adjuncts(self, clause: Clause) -> tuple[list[Word], list[Word]]:
        """Return when and where."""
        time = plain(clause.time.forms[self.language]) if clause.time else []
        return time, self.location(clause.place) if clause.place else []

    def fronted(self, clause: Clause) -> tuple[list[Word], list[Word], list[Word]]:
        """Return what stands in front of the subject, and the time and place that stay behind."""
        return with_front(clause, *self.adjuncts(clause), plain(self.after_front))

    def phrase(self, phrase: Phrase, *case: *Case) -> list[Word]:
        """Return a noun phrase, in a case where the language has cases."""
        match phrase:
            case Noun():
                return self.noun(phrase, *case)
            case Person():
                return self.person(phrase, *case)
            case Named():
                return self.named(phrase, *case)
            case Place():
                return self.place(phrase, *case)
            case Both():
                first, second = self.phrase(phrase.first, *case), self.phrase(phrase.second, *case)
                return [*first, Word(self.conjunction), *second]

    @abstractmethod
    def noun(self, phrase: Noun, *case: *Case) -> list[Word]:
        """Return a common noun with what belongs to it."""

    @abstractmethod
    def person(self, phrase: Person, *case: *Case) -> list[Word]:
        """Return a person's name and what stands before it."""

    @abstractmethod
    def named(self, phrase: Named, *case: *Case) -> list[Word]:
        """Return a name that is made of a name."""

    @abstractmethod
    def place(self, phrase: Place, *case: *Case) -> list[Word]:
        """Return the name of a place."""


class Uninflected(Realiser[()]):
    """A language whose noun phrases are the same in every role."""

    def person(self, phrase: Person) -> list[Word]:
        """Return a person's name and what stands before it."""
        return [*(self.title(phrase.title) if phrase.title else []), *full_name(phrase, self.language)]

    @abstractmethod
    def title(self, title: Concept) -> list[Word]:
        """Return a title, or a profession with its article."""

    def named(self, phrase: Named) -> list[Word]:
        """Return a name that is made of a name."""
        return formed(phrase, phrase.pattern.forms[self.language], self.language)

    def place(self, phrase: Place) -> list[Word]:
        """Return the name of a place."""
        return name(phrase.concept.forms[self.language], "LOC")


def with_front(
    clause: Clause, time: list[Part], place: list[Part], comma: list[Part]
) -> tuple[list[Part], list[Part], list[Part]]:
    """Return what stands in front of a clause with its comma, and of time and place what does not."""
    if clause.front == "time":
        return [*time, *comma], [], place
    if clause.front == "place":
        return [*place, *comma], time, []
    return [], time, place


def grammatical_subject(clause: Clause) -> Phrase:
    """Return what the verb agrees with."""
    if clause.passive:
        assert clause.object is not None
        return clause.object
    return clause.subject


def is_plural(phrase: Phrase) -> bool:
    """Whether a phrase takes a plural verb."""
    return isinstance(phrase, Both) or (isinstance(phrase, Noun) and phrase.plural)


def is_person(phrase: Phrase) -> bool:
    """Whether a phrase means people."""
    if isinstance(phrase, Both):
        return is_person(phrase.first)
    return isinstance(phrase, Person) or (isinstance(phrase, Noun) and phrase.concept.kind == "person")


def full_name(person: Person, language: str) -> list[Word]:
    """Return given name and surname as one entity."""
    names = [person.given, person.surname] if person.given else [person.surname]
    return name(" ".join(concept.forms[language] for concept in names), "PER")


def formed(phrase: Named, pattern: str, language: str) -> list[Word]:
    """Return a name that is made of a name, by its pattern in a language; what is in brackets is the entity."""
    kind = "LOC" if phrase.pattern.kind == "square" else "ORG"
    return bracketed(pattern.format(phrase.base.forms[language]), kind)


def concept_of(phrase: Phrase) -> Concept | None:
    """Return what tells the preposition of a place, where it has one of its own."""
    if isinstance(phrase, Named):
        return phrase.pattern
    return phrase.concept if isinstance(phrase, Noun) else None
