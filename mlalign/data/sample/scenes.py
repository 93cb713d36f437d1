"""Random plans: who does what in a topic or in everyday life."""

from functools import cache
from typing import Literal

from mlalign.data.sample.choices import Choices
from mlalign.data.sample.lexicon import Concept, concepts
from mlalign.data.sample.plans import (
    Clause,
    Connective,
    Named,
    Noun,
    Person,
    Phrase,
    Place,
    Sentence,
)

EVERYDAY = ("everyday_nouns", "everyday_verbs")
CONNECTIVES: tuple[Connective, ...] = ("after", "before", "because")
OBJECT_KINDS = ("group", "thing", "person")


def everyday_sentence(choices: Choices) -> Sentence:
    """Return something that says nothing about a topic."""
    if choices.chance(0.2):
        return joined(choices, everyday_clause(choices), everyday_clause(choices))
    return Sentence(decorated(choices, everyday_clause(choices)))


def topic_sentence(choices: Choices, topic: str) -> Sentence:
    """Return something about a topic."""
    if choices.chance(0.2):
        return joined(choices, topic_clause(choices, topic), topic_clause(choices, topic))
    return Sentence(decorated(choices, topic_clause(choices, topic)))


def joined(choices: Choices, main: Clause, side: Clause) -> Sentence:
    """Return two clauses with a connective."""
    return Sentence(main, choices.pick(CONNECTIVES), side, side_first=choices.chance(0.5))


def everyday_clause(choices: Choices) -> Clause:
    """Return a clause with everyday words, or of people with names."""
    kind = choices.pick(("person>thing", "person>thing", "person>person", "person>", "motion"))
    subject = person(choices) if choices.chance(0.3) else noun(choices, "person", *EVERYDAY)
    verb = varied(choices, choices.pick(concepts(kind, *EVERYDAY)))
    if kind == "motion":
        origin, destination = two_places(choices)
        return Clause(verb, subject, origin=origin, destination=destination)
    if kind == "person>":
        return Clause(verb, subject)
    object_ = noun(choices, kind.split(">")[1], *EVERYDAY)
    return Clause(verb, subject, object_, passive=choices.chance(0.3))


def topic_clause(choices: Choices, topic: str) -> Clause:
    """Return a clause with a topic's words; now and then an everyday verb joins its people."""
    if choices.chance(0.2):
        verb = varied(choices, choices.pick(concepts("person>person", *EVERYDAY)))
        subject, object_ = noun(choices, "person", topic), noun(choices, "person", topic)
        return Clause(verb, subject, object_, passive=choices.chance(0.3))
    verb = varied(choices, choices.pick(verbs_of(topic)))
    agent, _, patient = verb.kind.partition(">")
    if agent == "agent":
        agent = choices.pick(("person", "group"))
    subject = noun(choices, agent, topic)
    if not patient:
        return Clause(verb, subject)
    return Clause(verb, subject, noun(choices, patient, topic), passive=choices.chance(0.35))


@cache
def verbs_of(topic: str) -> tuple[Concept, ...]:
    """Return a topic's own verbs."""
    kinds = [f"agent>{kind}" for kind in OBJECT_KINDS] + ["group>", "thing>", "person>"]
    return tuple(verb for kind in kinds for verb in concepts(kind, topic))


def decorated(choices: Choices, clause: Clause) -> Clause:
    """Add when and where, now and then in front."""
    time = clause.time
    if time is None and choices.chance(0.5):
        time = choices.pick(concepts("time"))
    place = None
    if clause.origin is None and choices.chance(0.35):
        place = location(choices)
    front: Literal["time", "place"] | None = None
    if time and choices.chance(0.35):
        front = "time"
    elif place and choices.chance(0.2):
        front = "place"
    return clause._replace(place=place, time=time, front=front)


def location(choices: Choices) -> Phrase:
    """Return a place for things to happen."""
    if choices.chance(0.5):
        return place_name(choices)
    if choices.chance(0.3):
        return Named(choices.pick(concepts("square")), choices.pick(surnames(female=False)))
    return noun(choices, "place", *EVERYDAY)


def place_name(choices: Choices) -> Place:
    """Return a city or, less often, a country."""
    return Place(choices.pick(concepts("city" if choices.chance(0.75) else "country")))


def two_places(choices: Choices) -> tuple[Place, Place]:
    """Return two different places."""
    first = place_name(choices)
    second = place_name(choices)
    while second == first:
        second = place_name(choices)
    return first, second


def noun(choices: Choices, kind: str, *tables: str) -> Noun:
    """Return a noun phrase with a noun of the given tables."""
    concept = varied(choices, choices.pick(concepts(kind, *tables)))
    adjective = None
    if choices.chance(0.35):
        adjective = varied(choices, choices.pick(adjectives(kind, tables)))
    of: Phrase | None = None
    if kind in ("person", "group", "place") and choices.chance(0.1):
        of = place_name(choices)
    elif kind == "thing" and choices.chance(0.12):
        owner = choices.pick(concepts("person", *tables))
        of = Noun(owner, plural=choices.chance(0.3))
    plural = kind != "place" and choices.chance(0.3)
    return Noun(concept, plural, choices.chance(0.65) or of is not None, adjective, of)


@cache
def adjectives(kind: str, tables: tuple[str, ...]) -> tuple[Concept, ...]:
    """Return the adjectives of a topic, twice, and the general ones; colours are for objects."""
    own = concepts(f"adjective {kind}", *tables)
    if kind == "thing" and tables == EVERYDAY:
        return own + concepts("adjective object")
    return own + own + concepts(f"adjective {kind}", *EVERYDAY)


def varied(choices: Choices, concept: Concept) -> Concept:
    """Return a concept or its synonym."""
    return concept.synonym if concept.synonym and choices.chance(0.3) else concept


def person(choices: Choices) -> Person:
    """Return someone with a name: given name, title, profession or several of them."""
    female = choices.chance(0.5)
    surname = choices.pick(surnames(female=female))
    given = choices.pick(concepts("given f" if female else "given m"))
    manner = choices.below(10)
    if manner < 5:
        return Person(surname, female, given)
    if manner < 8 or female:
        return Person(surname, female, None, choices.pick(concepts("title f" if female else "title m")))
    return Person(surname, female, given, choices.pick(professions()))


@cache
def professions() -> tuple[Concept, ...]:
    """Return what a man with a name can be."""
    return tuple(
        concept
        for concept in concepts("person", "everyday_nouns", "government")
        if concept.forms["fr"].startswith("m") and concept.forms["en"] != "man men"
    )


@cache
def surnames(*, female: bool) -> tuple[Concept, ...]:
    """Return the family names that a person can bear."""
    return concepts("surname") + (() if female else concepts("surname m"))
