"""Pairs of sentences that say the same, or the opposite with the same words."""

from typing import NamedTuple

from mlalign.data.sample.choices import Choices
from mlalign.data.sample.lexicon import TOPICS, concepts
from mlalign.data.sample.plans import Both, Clause, Noun, Phrase, Sentence
from mlalign.data.sample.scenes import EVERYDAY, decorated, noun, person, two_places, varied


class Pair(NamedTuple):
    """Two sentences and whether they mean the same."""

    first: Sentence
    second: Sentence
    same: bool


def pair(choices: Choices, *, same: bool) -> Pair:
    """Return a sentence and another way to say it, or to say what else its words can mean."""
    maker = choices.pick((action, action, journey, sequence, company))
    sentence, swapped = maker(choices)
    second = reworded(choices, sentence if same else swapped)
    return Pair(second, sentence, same) if choices.chance(0.5) else Pair(sentence, second, same)


def action(choices: Choices) -> tuple[Sentence, Sentence]:
    """Return who did what to whom, and the roles, their homes or their adjectives exchanged."""
    verb = varied(choices, choices.pick(concepts("person>person", *EVERYDAY)))
    subject, object_ = two_people(choices)
    clause = decorated(choices, Clause(verb, subject, object_, passive=choices.chance(0.3)))
    others: Phrase = object_
    other: Phrase = subject
    if isinstance(subject, Noun) and isinstance(object_, Noun):
        if None not in (subject.of, object_.of) and subject.of != object_.of:
            other = object_._replace(of=subject.of)
            others = subject._replace(of=object_.of)
        elif described(subject, object_) and choices.chance(0.5):
            other = object_._replace(adjective=subject.adjective)
            others = subject._replace(adjective=object_.adjective)
    return Sentence(clause), Sentence(clause._replace(subject=others, object=other))


def journey(choices: Choices) -> tuple[Sentence, Sentence]:
    """Return a way from here to there, and the way back."""
    verb = varied(choices, choices.pick(concepts("motion", *EVERYDAY)))
    origin, destination = two_places(choices)
    start = Clause(verb, someone(choices), origin=origin, destination=destination)
    clause = decorated(choices, start._replace(time=choices.pick(concepts("time"))))
    back = clause._replace(origin=destination, destination=origin)
    return Sentence(clause), Sentence(back)


def sequence(choices: Choices) -> tuple[Sentence, Sentence]:
    """Return what came before what, and the other way round."""
    subject, other = two_people(choices)
    main, side = deed(choices, subject), deed(choices, other)
    early = choices.chance(0.5)
    sentence = Sentence(main, "before" if early else "after", side, side_first=choices.chance(0.5))
    if choices.chance(0.5):
        return sentence, sentence._replace(connective="after" if early else "before")
    swapped = main._replace(subject=other), side._replace(subject=subject)
    return sentence, sentence._replace(main=swapped[0], side=swapped[1])


def company(choices: Choices) -> tuple[Sentence, Sentence]:
    """Return what two did to a third, and one of the two exchanged with the third."""
    verb = varied(choices, choices.pick(concepts("person>person", *EVERYDAY)))
    first, second = two_people(choices)
    third = someone(choices)
    while like(third, first) or like(third, second):
        third = someone(choices)
    clause = decorated(choices, Clause(verb, Both(first, second), third))
    swapped = clause._replace(subject=Both(first, third), object=second)
    return Sentence(clause), Sentence(swapped)


def deed(choices: Choices, subject: Phrase) -> Clause:
    """Return a clause about someone."""
    kind = choices.pick(("person>thing", "person>"))
    verb = varied(choices, choices.pick(concepts(kind, *EVERYDAY)))
    return Clause(verb, subject, noun(choices, "thing", *EVERYDAY) if kind[-1] != ">" else None)


def someone(choices: Choices) -> Phrase:
    """Return a person, named or not."""
    if choices.chance(0.4):
        return person(choices)
    tables = EVERYDAY if choices.chance(0.6) else (choices.pick(TOPICS),)
    one = noun(choices, "person", *tables)
    if choices.chance(0.2):
        one = one._replace(definite=True, of=two_places(choices)[0])
    return one


def like(first: Phrase, second: Phrase) -> bool:
    """Whether two people could be taken for the same."""
    if isinstance(first, Noun) and isinstance(second, Noun):
        return first.concept is second.concept
    return first == second


def described(first: Noun, second: Noun) -> bool:
    """Whether two nouns have adjectives, and not the same."""
    return None not in (first.adjective, second.adjective) and first.adjective != second.adjective


def two_people(choices: Choices) -> tuple[Phrase, Phrase]:
    """Return two different people; if both are nouns, in the same number."""
    first, second = someone(choices), someone(choices)
    while like(first, second):
        second = someone(choices)
    if isinstance(first, Noun) and isinstance(second, Noun):
        second = second._replace(plural=first.plural)
    return first, second


def reworded(choices: Choices, sentence: Sentence) -> Sentence:
    """Return the same said otherwise, in at least one way."""
    if sentence.side is not None:
        return reordered(choices, sentence)
    clause = sentence.main
    while clause == sentence.main:
        if clause.object and choices.chance(0.4):
            clause = clause._replace(passive=not clause.passive)
        if clause.time and choices.chance(0.6):
            clause = with_time_moved(clause)
        elif clause.place and choices.chance(0.3):
            clause = clause._replace(front=None if clause.front == "place" else "place")
        if isinstance(clause.subject, Both) and choices.chance(0.6):
            clause = clause._replace(subject=Both(clause.subject.second, clause.subject.first))
        if choices.chance(0.2):
            clause = with_synonyms(clause)
    return Sentence(clause)


def reordered(choices: Choices, sentence: Sentence) -> Sentence:
    """Return two clauses in the other order: the side clause first, or made the main one."""
    assert sentence.side is not None
    if choices.chance(0.5):
        return sentence._replace(side_first=not sentence.side_first)
    turned = sentence._replace(
        main=sentence.side,
        side=sentence.main,
        connective="after" if sentence.connective == "before" else "before",
    )
    return turned._replace(side_first=not turned.side_first) if choices.chance(0.5) else turned


def with_time_moved(clause: Clause) -> Clause:
    """Return a clause with its time at the front, or back in its place."""
    return clause._replace(front=None if clause.front == "time" else "time")


def with_synonyms(clause: Clause) -> Clause:
    """Return a clause with its verb and subject replaced by their synonyms, where they have any."""
    subject = clause.subject
    if isinstance(subject, Noun):
        subject = subject._replace(concept=subject.concept.synonym or subject.concept)
    return clause._replace(verb=clause.verb.synonym or clause.verb, subject=subject)
