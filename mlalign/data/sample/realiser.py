"""What the realisers of all languages share."""

from abc import ABC, abstractmethod

from mlalign.data.sample.plans import Both, Clause, Noun, Person, Phrase, Sentence
from mlalign.data.sample.words import Word, capitalise, plain, spaced


class Realiser(ABC):
    """Says a plan in one language."""

    comma = ","
    full_stop = "."

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
    return isinstance(phrase, Person) or (
        isinstance(phrase, Noun) and phrase.concept.kind == "person"
    )
