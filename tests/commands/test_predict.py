"""Texts without labels: as typed, as called from Python, and as the run's own test predicted them, all the same."""

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from training.toy import configured, write_toy
from typed import call

from mlalign.commands.predict import answer_form, source, target
from mlalign.config.commands import Predict
from mlalign.errors import ConfigError, DataError
from mlalign.inference import Classifier
from mlalign.inference import classifier as windowed
from mlalign.metrics.spans import spans
from mlalign.pipeline import run as train

LABELS = ["CCAT", "ECAT", "GCAT", "MCAT"]
SHORT = ("finetune.epochs=2", "finetune.batch_size=8", "finetune.learning_rate=1e-2", "finetune.evaluations=1")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    return write_toy(tmp_path_factory.mktemp("predicted"))


@pytest.fixture(scope="module")
def topics(world) -> Path:
    """With language tokens, a fusion and prototypes."""
    return train(configured(world, f"output={world / 'outputs'}", *SHORT, "finetune.max_length=16"))


@pytest.fixture(scope="module")
def tags(world) -> Path:
    settings = ("method=none", "task=panx", "finetune.max_length=24", f"output={world / 'outputs'}")
    return train(configured(world, *SHORT, *settings))


@pytest.fixture(scope="module")
def classifier(topics) -> Classifier:
    return Classifier.from_run(topics)


def documents(world: Path, name: str) -> list[str]:
    rows = (world / "tasks" / "mldoc" / f"{name}.test").read_text(encoding="utf-8").splitlines()
    return [row.split("\t")[1] for row in rows]


def recorded(run: Path, language: str) -> list[dict]:
    rows = (run / "predictions" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    return [{key: value for key, value in json.loads(row).items() if key not in ("id", "gold")} for row in rows]


def typed(folder: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[str]:
    with patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given))):
        return call("evaluate.py", words, folder)


def rows_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(("language", "name"), [("en", "english"), ("de", "german"), ("fr", "french")])
def test_the_texts_of_the_test_part_get_the_recorded_predictions(topics, classifier, world, language, name):
    texts, expected = documents(world, name), recorded(topics, language)
    assert classifier(texts, language=language) == expected
    for one in expected:
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert one["predicted"] == max(LABELS, key=one["probabilities"].get)
    assert len({one["probabilities"]["CCAT"] for one in expected}) > 1


def test_every_form_of_a_file_gives_the_same(topics, world, tmp_path):
    texts, expected = documents(world, "german"), recorded(topics, "de")
    plain = "".join(f"{text}\n" for text in texts)
    table = "".join(f"x{place}\t{text}\t-\n" for place, text in enumerate(texts))
    objects = "".join(json.dumps({"text": text, "id": place, "more": None}) + "\n" for place, text in enumerate(texts))
    files = {
        "plain": plain.encode(), "plain.txt.gz": gzip.compress(plain.encode()),
        "table.tsv": f"id\ttext\tz\n{table}".encode(),
        "crlf.txt": b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode(),
        "OBJECTS.JSONL.GZ": gzip.compress(objects.encode()),
    }  # fmt: skip
    ids = {"table.tsv": [f"x{place}" for place in range(10)], "OBJECTS.JSONL.GZ": [str(place) for place in range(10)]}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        output = f"{name}.out.jsonl{name[-3:] if name[-3:] in ('.gz', '.GZ') else ''}"
        done = typed(tmp_path, f"run={topics}", f"predict={name}", "language=de", f"output={output}")
        assert done.returncode == 0, done.stderr
        written = (tmp_path / output).read_bytes()
        found = rows_of((gzip.decompress(written) if output.endswith((".gz", ".GZ")) else written).decode())
        assert [one.pop("id") for one in found] == ids.get(name, [str(place) for place in range(1, 11)])
        assert found == expected, name


def test_standard_input_and_output_carry_nothing_else(topics, world, tmp_path):
    lines = "".join(f"{text}\n" for text in documents(world, "french"))
    done = typed(tmp_path, f"run={topics}", "predict=-", "language=fr_CA", "format=tsv", given=lines.encode())
    assert done.returncode == 0, done.stderr
    header, *rows = (line.split("\t") for line in done.stdout.splitlines())
    assert header == ["id", "predicted", *LABELS]
    expected = recorded(topics, "fr")
    assert [row[1] for row in rows] == [one["predicted"] for one in expected]
    assert [list(map(float, row[2:])) for row in rows] == [list(one["probabilities"].values()) for one in expected]
    assert not list(tmp_path.iterdir())


def test_standard_streams_that_are_closed_are_named():
    with patch.object(sys, "stdin", None), pytest.raises(DataError, match="predict=-: standard input is closed"):
        source("-")
    with patch.object(sys, "stdout", None), pytest.raises(ConfigError, match=r"closed; name a file .* output=FILE"):
        answer_form(Predict(run="a", predict="-"))


def test_an_empty_line_is_answered_with_nothing_and_a_long_one_is_counted(topics, tmp_path):
    long = " ".join(["bank"] * 40)
    done = typed(tmp_path, f"run={topics}", "predict=-", "language=en", given=f"\n{long}\n   \nbank\n".encode())
    found = rows_of(done.stdout)
    assert [one["id"] for one in found] == ["1", "2", "3", "4"]
    assert found[0] == {"id": "1", "predicted": None}
    assert found[2]["predicted"] is None
    assert found[1]["predicted"] in LABELS
    assert "Texts empty, so that nothing is predicted: 2 of 4" in done.stderr
    assert done.stderr.count("Texts longer than finetune.max_length=16 subwords, what is behind not read: 1 of 4") == 1
    table = typed(tmp_path, f"run={topics}", "predict=-", "language=en", "format=tsv", given=b"\nbank\n")
    assert table.stdout.splitlines()[1] == "1\t\t\t\t\t"


def test_an_unknown_language_is_said_once_and_a_wrong_one_refused(topics, classifier, tmp_path):
    done = typed(tmp_path, f"run={topics}", "predict=-", given=b"bank\nmarket\n")
    assert done.stderr.count("language is not given: the texts count as of an unknown language") == 1
    unknown = typed(tmp_path, f"run={topics}", "predict=-", "language=pl", given=b"bank\nmarket\n")
    assert "language=pl was never aligned" in unknown.stderr
    assert unknown.stdout == done.stdout
    assert classifier(["bank", "market"]) == [
        {k: v for k, v in one.items() if k != "id"} for one in rows_of(done.stdout)
    ]
    refused = typed(tmp_path, f"run={topics}", "predict=-", "language=ded", given=b"bank\n")
    assert "never aligned" in refused.stderr
    assert "did you mean 'de'" in refused.stderr
    for language in ("german", "1", "d e"):
        with pytest.raises(
            ConfigError, match=f"language={language}: expected the code of a language.*(en, de|mean 'de')"
        ):
            classifier(["bank"], language=language)


def test_what_is_held_is_bounded_and_changes_nothing(classifier, world, monkeypatch):
    texts = [*documents(world, "german"), "", *documents(world, "german")]
    whole = classifier(texts, language="de")
    assert whole[:10] == whole[11:]
    monkeypatch.setattr(windowed, "WINDOW", 4)
    read: list[int] = []

    def given():
        for place, text in enumerate(texts):
            read.append(place)
            yield classifier._raw(place, text)

    stream = classifier.stream(given(), language="de")
    first = next(stream)
    assert len(read) == 5  # a window, and the text that did not fit into it
    for found, expected in zip([first, *stream], whole, strict=True):
        assert found["predicted"] == expected["predicted"]
        assert found.get("probabilities", {}) == pytest.approx(expected.get("probabilities", {}), abs=1e-5)
    monkeypatch.setattr(windowed, "CHARACTERS", 30)
    assert max(len(one) for one in windowed.windows(classifier._raw(1, text) for text in texts)) <= 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x", b"bank\n\xff\n", ["x, line 2", "UTF-8"]),
        ("x", b"bank\nold\rline\n", ["x, line 2", "carriage return"]),
        ("x", b"", ["empty file"]),
        ("x.tsv", b"bank\tmarket\n", ["x.tsv, line 1", "a header with the columns text", "input=lines"]),
        ("x.tsv", b"text\tz\tz\n", ["x.tsv, line 1", "each once"]),
        ("x.tsv", b"id\ttext\n1\ta\tb\n", ["x.tsv, line 2", "expected 2", "found 3"]),
        ("x.jsonl", b'{"text": "a"}\n\n{"txt": "a"}\n', ["x.jsonl, line 3", "text", "txt"]),
        ("x.jsonl", b'{"text": "a", "id": [1]}\n', ["x.jsonl, line 1"]),
        ("x.jsonl", b"bank\n", ["x.jsonl, line 1", "JSON object"]),
        ("x.gz", b"bank\n", ["gzip"]),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_read_is_named_by_its_line_and_leaves_no_file(classifier, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with patch.object(Classifier, "from_run", return_value=classifier):
        done = typed(tmp_path, "run=any", f"predict={name}", "language=de", "output=answers.jsonl")
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("predict=no/where", ["predict=no/where", "no such file"]),
        ("predict=given output=given", ["output=given", "new file"]),
        ("predict=given output=.", ["output=.", "folder"]),
        ("predict=given output=device", ["output=device", "standard output"]),
        ("predict= language=de", [".: expected a file, found a folder"]),
        ("predict=given input=lins", ["input", "lines"]),
        ("predict=given laguage=de", ["laguage", "language"]),
        ("predict=given run=no/where", ["no/where", "finished run"]),
        ("run=any", ["any", "no such folder"]),
    ],
)
def test_a_mistake_ends_in_one_message(words, expected, topics, tmp_path):
    (tmp_path / "given").write_text("bank\n", encoding="utf-8")
    os.mkfifo(tmp_path / "device")
    own = [] if "run=" in words else [f"run={topics}"]
    done = call("evaluate.py", [*own, *words.split()], tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for word in expected:
        assert word in done.stderr
    assert (tmp_path / "given").read_text(encoding="utf-8") == "bank\n"


def test_a_run_that_kept_no_weights_says_what_to_do(world, tmp_path):
    settings = ("method=none", "finetune.epochs=1", "keep_checkpoints=none", f"output={tmp_path}")
    bare = train(configured(world, *settings))
    with pytest.raises(ConfigError, match="train again with keep_checkpoints=best_and_last"):
        Classifier.from_run(bare)


def test_texts_of_another_form_are_named(classifier):
    with pytest.raises(DataError, match=r"found a str; .* \[text\]"):
        classifier("bank", language="de")
    with pytest.raises(DataError, match="text 2: expected text, of whole characters, found tuple"):
        classifier(["bank", ("bank", "market")], language="de")
    with pytest.raises(DataError, match="text 1: expected text, of whole characters, found int"):
        classifier([1], language="de")
    with pytest.raises(DataError, match=r"text 1: expected text, of whole characters, found str: '\\ud800'"):
        classifier(["\ud800"], language="de")
    assert classifier([], language="de") == []


def test_words_and_running_text_are_tagged_alike_and_spans_are_exact(tags, world, tmp_path):
    classifier = Classifier.from_run(tags)
    blocks = (world / "tasks" / "panx" / "de" / "test").read_text(encoding="utf-8").strip("\n").split("\n\n")
    sentences = [[line.split("\t")[0].removeprefix("de:") for line in block.split("\n")] for block in blocks]
    of_words, expected = classifier(sentences, language="de"), recorded(tags, "de")
    assert [{"predicted": one["predicted"]} for one in of_words] == expected
    assert any(one["spans"] for one in of_words)
    assert max(len(words) for words in sentences) > 24  # tagged in pieces
    texts = ["\u00a0" + "  ".join(words) + " " for words in sentences]
    for text, words, one, other in zip(texts, sentences, classifier(texts, language="de"), of_words, strict=True):
        assert one["words"] == other["words"] == words
        assert (one["predicted"], one["probabilities"]) == (other["predicted"], other["probabilities"])
        marked = sorted(spans(one["predicted"]), key=lambda span: span[1:])
        assert [span["type"] for span in one["spans"]] == [kind for kind, _, _ in marked]
        for span, (_, first, last) in zip(one["spans"], marked, strict=True):
            assert text[span["start"] : span["end"]] == span["text"] == "  ".join(words[first : last + 1])
            shares = one["probabilities"][first : last + 1]
            assert span["probability"] == pytest.approx(sum(shares) / len(shares), abs=1e-5)
    (tmp_path / "x.jsonl").write_text("".join(json.dumps({"words": one}) + "\n" for one in sentences), encoding="utf-8")
    done = typed(tmp_path, f"run={tags}", "predict=x.jsonl", "language=de")
    assert [{k: v for k, v in one.items() if k != "id"} for one in rows_of(done.stdout)] == of_words
    refused = typed(tmp_path, f"run={tags}", "predict=x.jsonl", "format=tsv")
    assert refused.returncode == 2
    assert "format=jsonl" in refused.stderr
    assert "words are taken to stand between spaces" in typed(tmp_path, f"run={tags}", "predict=-", given=b"a\n").stderr


def test_standard_output_is_utf8_whatever_the_terminal_has():
    written = io.BytesIO()
    with patch.object(sys, "stdout", io.TextIOWrapper(written, encoding="ascii")), target(None) as file:
        file.write("Köln 市\n")
        file.flush()
        assert written.getvalue() == "Köln 市\n".encode()
