"""What the realisers of all languages share."""

from abc import ABC, abstractmethod

from mlalign.data.sample.lexicon import Concept
from mlalign.data.sample.plans import Both, Clause, Named, Noun, Person, Phrase, Place, Sentence
from mlalign.data.sample.words import Word, bracketed, capitalise, name, plain, spaced


class Realiser(ABC):
    """Says a plan in one language."""

    comma = ","
    full_stop = "."
    after_front = ","  # between a fronted time or place and the subject

    def words(self, plan: Sentence) -> list[Word]:
        """Return the words of a sentence, entities tagged, the full stop included."""
        return [*capitalise(self.smooth(self.clauses(plan))), Word(self.full_stop)]

    def text(self, words: list[Word]) -> str:
        """Write words as text."""
        return spaced(words)

    @abstractmethod
    def clauses(self, plan: Sentence) -> list[Word]:
        """Return the clauses in order, joined by their connective."""

    def smooth(self, words: list[Word]) -> list[Word]:
        """Make the changes that depend on neighbouring words, such as contractions."""
        return words

    def side_and_main(self, plan: Sentence, side: list[Word], main: list[Word]) -> list[Word]:
        """Put the side clause, connective included, before or after the main clause."""
        if plan.side_first:
            return [*side, *plain(self.comma), *main]
        return [*main, *side]

    def fronted(self, clause: Clause, time: list[Word], place: list[Word]) -> tuple[list[Word], list[Word], list[Word]]:
        """Return what stands in front of the subject, and the time and place that stay behind."""
        if clause.front == "time":
            return [*time, *plain(self.after_front)], [], place
        if clause.front == "place":
            return [*place, *plain(self.after_front)], time, []
        return [], time, place


class Uninflected(Realiser):
    """A language whose noun phrases are the same in every role."""

    language: str
    conjunction: str

    @abstractmethod
    def noun(self, phrase: Noun) -> list[Word]:
        """Return a common noun with what belongs to it."""

    @abstractmethod
    def person(self, phrase: Person) -> list[Word]:
        """Return a person's name with what stands before or after it."""

    def phrase(self, phrase: Phrase) -> list[Word]:
        """Return a noun phrase."""
        match phrase:
            case Noun():
                return self.noun(phrase)
            case Person():
                return self.person(phrase)
            case Named():
                kind = "LOC" if phrase.pattern.kind == "square" else "ORG"
                pattern = phrase.pattern.forms[self.language]
                return bracketed(pattern.format(phrase.base.forms[self.language]), kind)
            case Place():
                return name(phrase.concept.forms[self.language], "LOC")
            case Both():
                return [
                    *self.phrase(phrase.first),
                    Word(self.conjunction),
                    *self.phrase(phrase.second),
                ]


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


def concept_of(phrase: Phrase) -> Concept | None:
    """Return what tells the preposition of a place, where it has one of its own."""
    if isinstance(phrase, Named):
        return phrase.pattern
    return phrase.concept if isinstance(phrase, Noun) else None
