"""Sentences full of names: people, organisations and places, told apart by what stands around."""

from mlalign.data.sample.choices import Choices
from mlalign.data.sample.lexicon import TOPICS, concepts
from mlalign.data.sample.plans import Both, Clause, Named, Noun, Phrase, Sentence
from mlalign.data.sample.scenes import (
    EVERYDAY,
    decorated,
    joined,
    noun,
    person,
    place_name,
    surnames,
    two_places,
    varied,
)


def entity_sentence(choices: Choices) -> Sentence:
    """Return a sentence with names, or, one time in eight, with none."""
    if choices.chance(0.15):
        return joined(choices, entity_clause(choices), entity_clause(choices))
    return Sentence(decorated(choices, entity_clause(choices)))


def entity_clause(choices: Choices) -> Clause:
    """Return a clause about people and organisations."""
    manner = choices.below(8)
    if manner == 0:
        return Clause(choices.pick(concepts("person>", *EVERYDAY)), noun(choices, "person", *EVERYDAY))
    if manner == 1:
        origin, destination = two_places(choices)
        verb = varied(choices, choices.pick(concepts("motion", *EVERYDAY)))
        return Clause(verb, person(choices), origin=origin, destination=destination)
    if manner < 5:
        verb = varied(choices, choices.pick(concepts("person>person", *EVERYDAY)))
        return Clause(verb, actor(choices), actor(choices), passive=choices.chance(0.3))
    if manner == 5:
        verb = varied(choices, choices.pick(concepts("agent>person", "corporate", "government")))
        return Clause(verb, organisation(choices), person(choices), passive=choices.chance(0.3))
    if manner == 6:
        verb = varied(choices, choices.pick(concepts("agent>group", "corporate")))
        return Clause(verb, organisation(choices), organisation(choices))
    topic = choices.pick(("corporate", "markets"))
    verb = varied(choices, choices.pick(concepts("agent>thing", topic)))
    subject = organisation(choices) if choices.chance(0.7) else person(choices)
    return Clause(verb, subject, noun(choices, "thing", topic), passive=choices.chance(0.3))


def actor(choices: Choices) -> Phrase:
    """Return who acts: someone, an organisation, two people, or someone from somewhere."""
    manner = choices.below(10)
    if manner < 4:
        return person(choices)
    if manner < 7:
        return organisation(choices)
    if manner == 7:
        return Both(person(choices), person(choices))
    topic = choices.pick((*TOPICS, "everyday_nouns"))
    concept = varied(choices, choices.pick(concepts("person", topic)))
    return Noun(concept, of=place_name(choices) if choices.chance(0.6) else None)


def organisation(choices: Choices) -> Named:
    """Return an organisation named after a person or a city."""
    kind = choices.pick(("company", "company", "company", "museum", "institution", "institution"))
    if kind == "institution" or (kind == "company" and choices.chance(0.2)):
        return Named(choices.pick(concepts(kind)), choices.pick(concepts("city")))
    return Named(choices.pick(concepts(kind)), choices.pick(surnames(female=False)))
