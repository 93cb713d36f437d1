"""SQuAD's and XQuAD's JSON, and what is wrong with a file."""

import json

import pytest

from mlalign.data.readers import Question, task_formats
from mlalign.errors import DataError

CONTEXT = "Köln lies on the Rhine.\nThe Rhine flows north."


def squad(*questions, context=CONTEXT):
    """A miniature in the release's shape: question, and answers with their places."""
    qas = [
        {
            "id": str(number),
            "question": question,
            "answers": [{"answer_start": start, "text": text} for text, start in answers],
        }
        for number, (question, *answers) in enumerate(questions, start=1)
    ]
    return {"version": "1.1", "data": [{"title": "Rhine", "paragraphs": [{"context": context, "qas": qas}]}]}


GOOD = squad(("Where is Köln? ", ("the Rhine", 13), ("Rhine", 17)), ("Where to?", ("north", 40)))


@pytest.fixture
def read(tmp_path):
    def read(content, *, part="test", language="de", on_bad_line="error", indent=None):
        path = tmp_path / "xquad.de.json"
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=indent)
        path.write_text(text, encoding="utf-8")
        return task_formats()["squad"].read(path, {}, part=part, language=language, on_bad_line=on_bad_line)

    return read


@pytest.mark.parametrize("indent", [None, 1])
def test_every_question_is_read_with_all_its_answers(read, indent):
    part = read(GOOD, indent=indent)
    assert part.examples == [
        Question("1", "Where is Köln?", CONTEXT, ("the Rhine", "Rhine"), (13, 17)),
        Question("2", "Where to?", CONTEXT, ("north",), (40,)),
    ]
    assert all(
        one.context.startswith(text, start)
        for one in part.examples
        for text, start in zip(one.answers, one.starts, strict=True)
    )
    assert part.rows == 2


def test_an_answer_elsewhere_matters_only_where_it_is_learned(read):
    moved = squad(("Where?", ("Rhine", 16)), ("Where to?", ("north", 40)), ("What?", ("Köln", 0)))
    assert len(read(moved).examples) == 3
    part = read(moved, part="train", language="en")
    assert [one.id for one in part.examples] == ["2", "3"]
    assert part.dropped == {"answer elsewhere": 1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "expected SQuAD's JSON"),
        ("[]", "expected SQuAD's JSON"),
        ({"data": [{"paragraphs": [{"qas": []}]}, {}]}, "expected SQuAD's JSON"),
        ({"data": []}, "expected entries, found none"),
        (squad(("", ("Rhine", 17))), "question 1: expected a question, a context and answers"),
        (squad(("Where?",)), "question 1: expected a question, a context and answers"),
        (squad(("Where?", ("", 0))), "skip such questions with data.on_bad_line=skip"),
    ],
)
def test_what_is_no_release_is_named(read, content, words):
    with pytest.raises(DataError, match=rf"xquad\.de\.json.*{words}|{words}"):
        read(content)


def test_a_repeated_id_is_named_or_left_out(read):
    twice = squad(("Where is Köln?", ("Rhine", 17)), ("Where to?", ("north", 40)))
    twice["data"] *= 2
    with pytest.raises(DataError, match="question 3: expected a new id, found 1 of question 1 again"):
        read(twice)
    assert read(twice, on_bad_line="skip").dropped == {"repeated id": 2}


def test_english_parts_are_english_only(tmp_path, read):
    assert task_formats()["squad"].is_learned
    for name, content in (("dev-v1.1.json", GOOD), ("xquad.de.json", GOOD), ("xquad.zh.json", GOOD)):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    assert task_formats()["squad"].languages(tmp_path) == ["de", "zh"]
    assert task_formats()["squad"].languages(tmp_path, "dev") == ["en"]
    path = task_formats()["squad"].path(tmp_path, "de", "dev")
    with pytest.raises(DataError, match=r"expected English, .* dev part, found de"):
        task_formats()["squad"].read(path, {}, part="dev", language="de", on_bad_line="error")
    assert len(read(GOOD, part="dev").examples) == 2  # of a file that is named otherwise
