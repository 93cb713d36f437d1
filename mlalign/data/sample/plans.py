"""What a sentence says, whatever the language: a small tree of concepts."""

from typing import Literal, NamedTuple, TypeAlias

from mlalign.data.sample.lexicon import Concept


class Noun(NamedTuple):
    """``the old teachers of Munich``: a common noun and what is said about it."""

    concept: Concept
    plural: bool = False
    definite: bool = True
    adjective: Concept | None = None
    of: "Phrase | None" = None


class Person(NamedTuple):
    """``Mr Keller``, ``Anna Keller`` or ``the teacher Thomas Keller``.

    Args:
        surname: the family name.
        female: which forms the name takes.
        given: the first name, if it is said.
        title: what stands before the name: a title, or a person's profession.
    """

    surname: Concept
    female: bool
    given: Concept | None = None
    title: Concept | None = None


class Named(NamedTuple):
    """``the Keller Group``, ``University of Munich``, ``Keller Square``: a name made of a name."""

    pattern: Concept
    base: Concept


class Place(NamedTuple):
    """``Munich`` or ``Germany``."""

    concept: Concept


class Both(NamedTuple):
    """``the teacher and the doctor``."""

    first: "Phrase"
    second: "Phrase"


Phrase: TypeAlias = Noun | Person | Named | Place | Both
Connective: TypeAlias = Literal["after", "before", "because"]


class Clause(NamedTuple):
    """Who did what to whom, where and when.

    Args:
        verb: a concept whose kind names what it goes with, such as ``person>thing`` or ``motion``.
        subject: who does it.
        object: to whom, for verbs that take one.
        passive: whether the object is made the grammatical subject.
        place: where.
        origin: from where, for verbs of motion.
        destination: to where, for verbs of motion.
        time: when.
        front: which of the two stands before the subject.
    """

    verb: Concept
    subject: Phrase
    object: Phrase | None = None
    passive: bool = False
    place: Phrase | None = None
    origin: Phrase | None = None
    destination: Phrase | None = None
    time: Concept | None = None
    front: Literal["time", "place"] | None = None


class Sentence(NamedTuple):
    """A clause, or two with a connective between them.

    Args:
        main: the main clause.
        connective: how the other clause relates to the main one.
        side: the other clause.
        side_first: whether the other clause stands first.
    """

    main: Clause
    connective: Connective | None = None
    side: Clause | None = None
    side_first: bool = False
