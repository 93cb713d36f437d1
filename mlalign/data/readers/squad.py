"""Questions on paragraphs in the JSON of SQuAD 1.1 (Rajpurkar et al., EMNLP 2016).

XQuAD (Artetxe et al., ACL 2020) has one such file for each language, ``xquad.de.json``; English is
learned from SQuAD's own ``train-v1.1.json`` and ``dev-v1.1.json``.
"""

from collections.abc import Iterator
from pathlib import Path

from mlalign.data.languages import ENGLISH
from mlalign.data.readers.format import Format
from mlalign.data.readers.leftovers import PartFile
from mlalign.data.readers.records import Question
from mlalign.data.text import parse_json, read_text, shortened
from mlalign.errors import DataError
from mlalign.files import Json

SQUAD = {"train": "train-v1.1.json", "dev": "dev-v1.1.json"}


def examples(file: PartFile) -> Iterator[Question]:
    """Read all questions of a file. See ``format.Reader``.

    Where SQuAD is learned from, a question whose first answer is not where it is said to be is left out.
    """
    if file.path.name == SQUAD.get(file.part) and file.language != ENGLISH:
        raise DataError(
            f"{file.path}: expected English, the only language of SQuAD's {file.part} part, found {file.language}; "
            "set task.languages=[en], or score split=test"
        )
    file.unit = "question"
    for number, found in enumerate(_questions(file.path), start=1):
        if found is None:
            expected = "expected id, question, answers with text and answer_start, in a paragraph with its context"
            file.bad(number, "broken question", f"{expected}; found another form")
        elif not (found.question and found.context and found.answers and all(found.answers)):
            file.bad(number, "empty text", "expected a question, a context and answers, found an empty one")
        elif file.part == "train" and not found.context.startswith(found.answers[0], found.starts[0]):
            problem = f"expected the answer at character {found.starts[0]} of its context"
            file.drop(number, "answer elsewhere", problem)
        elif file.is_new(number, found.id):
            yield found


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
    examples=examples,
    inside=lambda path: [ENGLISH],
)
