"""What a sentence says, whatever the language: a small tree of concepts."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mlalign.data.sample.lexicon import Concept


@dataclass(frozen=True)
class Noun:
    """``the old teachers of Munich``: a common noun and what is said about it."""

    concept: Concept
    plural: bool = False
    definite: bool = True
    adjective: Concept | None = None
    of: "Phrase | None" = None


@dataclass(frozen=True)
class Person:
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


@dataclass(frozen=True)
class Named:
    """``the Keller Group``, ``University of Munich``, ``Keller Square``: a name made of a name."""

    pattern: Concept
    base: Concept


@dataclass(frozen=True)
class Place:
    """``Munich`` or ``Germany``."""

    concept: Concept


@dataclass(frozen=True)
class Both:
    """``the teacher and the doctor``."""

    first: "Phrase"
    second: "Phrase"


Phrase: TypeAlias = Noun | Person | Named | Place | Both
Connective: TypeAlias = Literal["after", "before", "because"]


@dataclass(frozen=True)
class Clause:
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


@dataclass(frozen=True)
class Sentence:
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
