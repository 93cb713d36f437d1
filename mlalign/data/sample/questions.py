"""Questions when and where something happened, on short contexts, in the JSON of SQuAD and XQuAD."""

import json
from collections.abc import Iterator
from typing import Literal, NamedTuple

from mlalign.data.sample.choices import Choices
from mlalign.data.sample.languages import REALISERS
from mlalign.data.sample.lexicon import concepts
from mlalign.data.sample.plans import Place, Sentence
from mlalign.data.sample.scenes import everyday_clause
from mlalign.files import JsonObject

EVENTS = 3  # of a context
FRONTS: tuple[Literal["time", "place"] | None, ...] = ("time", "place", None, None)  # what begins a sentence
ASKED = {  # when, where
    "en": ("When was that?", "Where was that?"),
    "de": ("Wann war das?", "Wo war das?"),
    "es": ("¿Cuándo fue eso?", "¿Dónde fue eso?"),
    "fr": ("Quand était-ce ?", "Où était-ce ?"),
    "ru": ("Когда это было?", "Где это было?"),
    "zh": ("这是什么时候的事？", "这是在哪里发生的？"),
}


class Event(NamedTuple):
    """A sentence, the same without time and place, and these two as it says them."""

    text: str
    bare: str
    answers: tuple[str, str]


def questions(language: str, choices: Choices, count: int) -> Iterator[str]:
    """Yield a file with as many questions, two to a context: when one event was, and where another."""
    paragraphs = [paragraph(language, choices, number) for number in range(1, count // 2 + 1)]
    data = {"version": "1.1", "data": [{"title": "sample", "paragraphs": paragraphs}]}
    yield json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def paragraph(language: str, choices: Choices, number: int) -> JsonObject:
    """Return a context, in which every answer is there once, and its questions."""
    gap = "" if language == "zh" else " "
    while True:
        told = [event(language, choices) for _ in range(EVENTS)]
        context = gap.join(one.text for one in told)
        answers = [answer for one in told for answer in one.answers]
        if all(answer and context.lower().count(answer.lower()) == 1 for answer in answers):
            break
    asked = choices.shuffled(told)[:2]
    return {
        "context": context,
        "qas": [
            {
                "id": f"{number}-{kind}",
                "question": f"{one.bare}{gap}{ASKED[language][kind]}",
                "answers": [_placed(context, one.answers[kind])],
            }
            for kind, one in enumerate(asked)
        ],
    }


def event(language: str, choices: Choices) -> Event:
    """Return what happened at some time in some city; an answer is empty where it is not said in one piece."""
    realiser = REALISERS[language]
    clause = everyday_clause(choices)
    while clause.origin is not None:
        clause = everyday_clause(choices)
    time, place = choices.pick(concepts("time")), Place(choices.pick(concepts("city")))
    front = choices.pick(FRONTS)
    words = realiser.words(Sentence(clause._replace(time=time, place=place, front=front)))
    city = [word for word in words if word.tag.endswith("LOC")]
    answers = time.forms[language].replace("_", " "), realiser.text(city)
    return Event(realiser.text(words), realiser.text(realiser.words(Sentence(clause))), answers)


def _placed(context: str, answer: str) -> JsonObject:
    start = context.lower().index(answer.lower())
    return {"answer_start": start, "text": context[start : start + len(answer)]}
