"""Every line of a file is an example, left out for a named reason, or known to be no entry."""

import gzip
import json
from collections import Counter
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlalign.data.readers import Columns, Table, TaggedSentence, positions, task_formats
from mlalign.data.readers.parallel import read_pairs
from mlalign.errors import DataError

TAGS = ["O", "B-PER", "I-PER"]
TOPICS = ["a", "b"]
XNLI = Table([Columns(texts=["one", "two"], label="label", language="language", part="part")])
TOLD = Table([Columns(texts=["text"], label="label", id="id", part="part")])


def joined(*fields):
    return "\t".join(fields)


def told(**row):
    return json.dumps({"id": "1", "text": "x", "label": "a", "part": "test"} | row)


def annotated(**row):
    return json.dumps({"id": "1", "partition": "test", "annot_utt": "[PER : Ada ] lacht"} | row)


# Form -> name, reader, labels, first lines, and lines that such a file can have or should not.
READ = {name: form.read for name, form in task_formats().items()}
FORMS = {
    "mldoc": (
        "german.test",
        READ["mldoc"],
        TOPICS,
        [],
        ["a\tText", "b\tb'Te\\xc3\\xbcxt'", "a\tb'x' + b'y'"],
    ),
    "pawsx": (
        "test",
        READ["pawsx"],
        ["0", "1"],
        [joined("id", "sentence1", "sentence2", "label")],
        [joined("1", "x", "y", "0"), joined("2", "x", "NS", "1"), joined("3", "x", "", "1"), joined("4", "x", "y", "")],
    ),
    "table": (
        "all.tsv",
        XNLI.format({}, {}).read,
        TOPICS,
        [joined("language", "part", "one", "two", "label")],
        [
            joined(language, part, "x", "y", "a")
            for language in ("de", "DE", "fr", "", "de ")
            for part in ("test", "Test", "dev", "")
        ],
    ),
    "json": (
        "all.jsonl",
        TOLD.format({}, {}).read,
        TOPICS,
        [told()],
        [told(id="2"), told(part="Test"), told(part="dev"), told(text=1)],
    ),
    "slots": (
        "de-DE.jsonl",
        READ["slots"],
        TAGS,
        [],
        [
            annotated(),
            annotated(id="2"),
            annotated(id="3", partition="dev"),
            annotated(id="4", partition="Test"),
            annotated(id="5", annot_utt="[PER : "),
            annotated(id="6", annot_utt=3),
        ],
    ),
    "rahimi": (
        "test",
        READ["entities"],
        TAGS,
        ["de:Ada\tB-PER"],
        ["de:lacht\tO", "", "Ada\tO", "de:x\tB-LOC"],
    ),
    "plain": (
        "test",
        READ["entities"],
        TAGS,
        ["Ada\tB-PER"],
        ["lacht\tO", "", " ", "x", "\tO", "x\tB-LOC"],
    ),
    "uner": (
        "test",
        READ["entities"],
        TAGS,
        ["# text = Ada lacht", joined("1", "Ada", "B-PER", "-", "-")],
        [
            joined("2", "lacht", "O", "-", "-"),
            joined("2-3", "_", "O", "-", "-"),
            joined("2.1", "_", "O", "-", "-"),
            joined("x", "lost", "O", "-", "-"),
            joined("", "lost", "O", "-", "-"),
            "",
            "# a\tcomment",
        ],
    ),
    "conll": (
        "test",
        READ["entities"],
        TAGS,
        ["-DOCSTART- -X- O O"],
        ["Ada NNP B-NP B-PER", "lacht VB B-VP O", "", "-DOCSTART- -X- O O", "x O"],
    ),
}
ODD = ["", " ", "\t", "\x00", "�", "a\rb", "a\tText\ra\tText", "{}", "[" * 5000, "#", "x" * 100]


def examined(path, form, on_bad_line):
    _, reader, labels, *_ = FORMS[form]
    language = "de-DE" if form == "slots" else "de"
    return reader(path, positions(labels), language=language, part="test", on_bad_line=on_bad_line)


def is_refused(path, read):
    """Whether a file is refused, by its name."""
    try:
        read()
    except DataError as error:
        return str(path) in str(error)
    return False


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_line_is_accounted_for(form, tmp_path, data):
    name, _, _, first, lines = FORMS[form]
    good = data.draw(st.lists(st.sampled_from([*lines, *lines, *lines, *ODD]), min_size=1, max_size=12))
    path = tmp_path / name
    path.write_bytes("".join(f"{line}\n" for line in [*first, *good]).encode())
    if is_refused(path, partial(examined, path, form, "skip")):
        return
    part = examined(path, form, "skip")
    kept = sum(len(one.words) if isinstance(one, TaggedSentence) and form != "slots" else 1 for one in part.examples)
    assert kept + sum(part.dropped.values()) + sum(part.besides.values()) == len(first) + len(good)
    if part.dropped and form != "pawsx":  # whose flaws are known and left out in any case
        with pytest.raises(DataError, match=rf"{name}, line \d+: expected"):
            examined(path, form, "error")


@pytest.mark.parametrize("form", FORMS)
def test_the_lines_that_such_a_file_has_are_kept(form, tmp_path):
    name, _, _, first, lines = FORMS[form]
    path = tmp_path / name
    path.write_text("".join(f"{line}\n" for line in [*first, lines[0]]), "utf-8")
    part = examined(path, form, "error")
    assert part.examples
    assert not part.dropped


@pytest.mark.parametrize(
    ("form", "lines", "reason"),
    [
        ("uner", [joined("2", "lacht", "O", "-", "-"), "", joined("x", "lost", "O", "-", "-")], "no index"),
        ("slots", [annotated(), annotated(id="2", partition="Test")], "unknown partition"),
        ("slots", [annotated(), annotated()], "repeated id"),
        ("table", [joined("de", "test", "x", "y", "a"), joined("DE", "test", "x", "y", "b")], "misspelt language"),
        ("table", [joined("de", "test", "x", "y", "a"), joined("de", "Test", "x", "y", "b")], "misspelt part"),
        ("mldoc", ["a\tx", "b\ty\ra\tz"], "carriage return"),
        ("mldoc", ["a\tx", "b\tb''" + ".x" * 9], "broken bytes literal"),
    ],
)
def test_what_was_lost_unseen_is_counted_now(form, lines, reason, tmp_path):
    name, _, _, first, _ = FORMS[form]
    path = tmp_path / name
    path.write_bytes("".join(f"{line}\n" for line in [*first, *lines]).encode())
    assert examined(path, form, "skip").dropped == {reason: 1}


def test_a_document_that_follows_its_mark_at_once_is_read(tmp_path):
    path = tmp_path / "test"
    path.write_text("-DOCSTART- -X- O O\nAda NNP B-NP B-PER\n\n-DOCSTART- -X- O O\n\nlacht VB B-VP O\n", "utf-8")
    part = examined(path, "conll", "error")
    assert [one.words for one in part.examples] == [("Ada",), ("lacht",)]
    assert part.besides == {"mark of a document": 2, "blank line": 2}


@pytest.mark.parametrize("name", ["en-de.tsv", "tatoeba.deu-eng.deu"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.sampled_from(["One.\tEins.", "Two.", "\tDrei.", "a\tb\tc", "", "x\ry"]), min_size=1))
def test_every_pair_of_translations_is_accounted_for(name, tmp_path, lines):
    path = tmp_path / name
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    path.with_suffix(".eng").write_bytes("".join(f"{line}\n" for line in reversed(lines)).encode())
    read = partial(READ["bitext"], path, {}, language="deu", part="test", on_bad_line="skip")
    assert is_refused(path, read) or read().rows == len(lines)


def test_the_lines_of_parallel_text_are_accounted_for(tmp_path):
    path = tmp_path / "en-de.tsv.gz"
    path.write_bytes(gzip.compress(b"One.\tEins.\nTwo.\n\tDrei.\nFour.\tVier.\n"))
    dropped = Counter()
    kept = list(read_pairs(path, on_bad_line="skip", dropped=dropped))
    assert len(kept) + dropped.total() == 4
    assert dropped == {"wrong number of fields": 1, "empty side": 1}


def test_the_usual_spelling_of_a_language_is_available(tmp_path):
    path = tmp_path / "all.tsv"
    rows = [("de", "x"), ("de", "y"), ("DE", "z"), (" ", "w"), ("zh-Hans", "v"), ("../../x", "u")]
    lines = [
        joined("language", "part", "one", "two", "label"),
        *(joined(lang, "test", one, "t", "a") for lang, one in rows),
    ]
    path.write_text("\n".join(lines), "utf-8")
    assert XNLI.languages(path) == {"de", "zh-Hans"}
