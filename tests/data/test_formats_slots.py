"""MASSIVE's annotated utterances as words and BIO tags."""

import json

import pytest

from mlalign.data.readers import positions, task_formats
from mlalign.data.readers.slots import tagged
from mlalign.errors import DataError

LABELS = ["O", "B-date", "I-date", "B-time", "I-time"]


@pytest.mark.parametrize(
    ("annotated", "words", "tags"),
    [
        (
            "weck mich [date : diese woche] um [time : fünf uhr morgens] auf",
            "weck mich diese woche um fünf uhr morgens auf",
            "O O B-date I-date O B-time I-time I-time O",
        ),
        ("[date : heute]", "heute", "B-date"),
        ("[date : a] [time : b] [time : c]", "a b c", "B-date B-time B-time"),
        ("keine slots", "keine slots", "O O"),
        ("um 5 : 30", "um 5 : 30", "O O O O"),
        ("[time : 5 : 30] bitte", "5 : 30 bitte", "B-time I-time I-time O"),
    ],
)  # fmt: skip
def test_words_and_tags(annotated, words, tags):
    assert tagged(annotated, by_character=False) == (words.split(), tags.split())


def test_japanese_and_chinese_are_cut_by_characters_but_for_ascii():
    found = tagged("[date : 今天] 下午 play [time : 5点]", by_character=True)
    assert found[0] == ["今", "天", "下", "午", "play", "5", "点"]
    assert found[1] == ["B-date", "I-date", "O", "O", "O", "B-time", "I-time"]


@pytest.mark.parametrize("annotated", ["um [time : fünf", "um time : fünf]", "[[time : fünf]]", "[ : a]"])
def test_brackets_that_do_not_match_are_refused(annotated):
    with pytest.raises(ValueError, match="brackets"):
        tagged(annotated, by_character=False)


@pytest.fixture
def read(tmp_path):
    def read(*rows, locale="de-DE", part="test", on_bad_line="error"):
        path = tmp_path / f"{locale}.jsonl"
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return task_formats()["slots"].read(
            path, positions(LABELS), language=locale, part=part, on_bad_line=on_bad_line
        )

    return read


def row(number, annotated, partition="test"):
    return {"id": str(number), "partition": partition, "annot_utt": annotated, "intent": "x"}


def test_one_part_of_a_locale_is_read(read):
    rows = [
        row(0, "a [date : b]"),
        row(1, "c", "train"),
        row(2, "[time : d e]"),
        row(3, "f", "dev"),
    ]
    part = read(*rows)
    assert [(one.id, one.words, one.tags) for one in part.examples] == [
        ("0", ("a", "b"), (0, 1)),
        ("2", ("d", "e"), (3, 4)),
    ]
    assert [one.id for one in read(*rows, part="train").examples] == ["1"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: expected a JSON object with id, partition, annot_utt"),
        ('{"id": "4", "partition": "test"}', "line 2: expected a JSON object"),
        ("[1, 2]", "line 2: expected a JSON object"),
        (row(4, "a [date : b"), "line 2: expected a JSON object"),
        (row(4, "a [dat : b]"), "line 2: expected the tag .*found 'B-dat'; did you mean 'B-date'\\?\nClean"),
        (row(4, " "), "line 2: expected words"),
    ],
)
def test_bad_lines_stop_or_are_counted(read, line, message):
    rows = [row(0, "a [date : b]"), line, row(2, "c")]
    with pytest.raises(DataError, match=message):
        read(*rows)
    assert sum(read(*rows, on_bad_line="skip").dropped.values()) == 1


def test_files_are_named_by_locale(tmp_path):
    for name in ("de-DE.jsonl", "zh-CN.jsonl", "zh-TW.jsonl", "en-US.jsonl"):
        (tmp_path / name).write_text("x")
    form = task_formats()["slots"]
    assert form.languages(tmp_path) == ["de", "en", "zh", "zh-TW"]
    assert form.path(tmp_path, "zh", "train").name == "zh-CN.jsonl"
    assert form.called("zh-TW") == "zh-TW"
