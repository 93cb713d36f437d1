"""Questions on paragraphs in the JSON of SQuAD 1.1 (Rajpurkar et al., EMNLP 2016).

XQuAD (Artetxe et al., ACL 2020) has one such file for each language, ``xquad.de.json``; English is
learned from SQuAD's own ``train-v1.1.json`` and ``dev-v1.1.json``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlalign.data.readers.format import Format, PartName
from mlalign.data.readers.leftovers import Leftovers, OnBadLine
from mlalign.data.readers.records import Part, Question
from mlalign.data.text import parse_json, read_text, shortened
from mlalign.errors import DataError
from mlalign.files import Json

SOURCE = "en"  # of SQuAD
SQUAD = {"train": "train-v1.1.json", "dev": "dev-v1.1.json"}


def read(
    path: Path,
    labels: Mapping[str, int],
    *,
    language: str,
    part: PartName,
    on_bad_line: OnBadLine,
) -> Part[Question]:
    """Read all questions of a file. See ``format.Reader``.

    Where SQuAD is learned from, a question whose first answer is not where it is said to be is left out.
    """
    if path.name == SQUAD.get(part) and language != SOURCE:
        raise DataError(
            f"{path}: expected English, the only language of SQuAD's {part} part, found {language}; "
            "set task.languages=[en], or score split=test"
        )
    left = Leftovers(path, on_bad_line, unit="question")
    examples: list[Question] = []
    known: set[str] = set()
    for number, found in enumerate(_questions(path), start=1):
        if found is None:
            expected = "expected id, question, answers with text and answer_start, in a paragraph with its context"
            left.bad(number, "broken question", f"{expected}; found another form")
        elif not (found.question and found.context and found.answers and all(found.answers)):
            left.bad(number, "empty text", "expected a question, a context and answers, found an empty one")
        elif found.id in known:
            left.bad(number, "repeated id", f"expected a new id, found {found.id[:40]} again")
        elif part == "train" and not found.context.startswith(found.answers[0], found.starts[0]):
            problem = f"expected the answer at character {found.starts[0]} of its context"
            left.drop(number, "answer elsewhere", problem)
        else:
            known.add(found.id)
            examples.append(found)
    left.check(len(examples))
    return Part(path, examples, dict(left.dropped))


def _questions(path: Path) -> Iterator[Question | None]:
    """All questions; None for one of another form."""
    text = read_text(path)
    try:
        for article in parse_json(text)["data"]:
            for paragraph in article["paragraphs"]:
                for one in paragraph["qas"]:
                    yield _question(one, paragraph["context"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: expected SQuAD's JSON (data, paragraphs, context, qas, answers, text, answer_start), "
            f"found other ({shortened(repr(error))}); get the file anew"
        ) from error


def _question(one: Json, context: Json) -> Question | None:
    try:
        texts = [one["id"], context, one["question"], *(answer["text"] for answer in one["answers"])]
        starts = tuple(answer["answer_start"] for answer in one["answers"])
    except (KeyError, TypeError):
        return None
    if not all(isinstance(text, str) for text in texts) or any(type(start) is not int or start < 0 for start in starts):
        return None
    return Question(texts[0], texts[2].strip(), context, tuple(texts[3:]), starts)


FORMAT = Format(
    names={**{part: [name] for part, name in SQUAD.items()}, "test": ["xquad.{}.json"]},
    read=read,
    inside=lambda path: [SOURCE],
)
