"""A file of texts, predicted by a finished run line by line, into another."""

import gzip
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from mlalign.config.commands import Predict
from mlalign.config.enums import AnswerForm, TextForm
from mlalign.data.readers import RawText
from mlalign.data.text import open_bytes
from mlalign.errors import ConfigError, DataError
from mlalign.files import JsonObject, replacing
from mlalign.inference import Classifier
from mlalign.inference.texts import read_raw_texts
from mlalign.progress import bar
from mlalign.reporting import strict_json

STANDARD = "-"  # standard input


def predict(settings: Predict) -> None:
    """Write what is predicted for each line; to standard output, where no file is named, nothing else goes.

    Raises:
        ConfigError: settings that do not go together, or the run has no weights.
        DataError: the run, the file or a line of it cannot be read; no file is left half written.
        BrokenPipeError: nobody reads any more what is written.
    """
    name, open_stream = source(settings.predict)
    answers = answer_form(settings)
    classifier = Classifier.from_run(settings.run, selection=settings.selection, accelerator=settings.accelerator)
    task = classifier.task
    if answers == AnswerForm.tsv and not task.metric.has_labels:
        raise ConfigError(
            f"format=tsv: an answer of task={classifier.run.config.task.name} is more than one label; set format=jsonl"
        )
    named = {".tsv": TextForm.tsv, ".jsonl": TextForm.jsonl}.get(ending(settings.predict), TextForm.lines)
    form = settings.input or named
    read = read_raw_texts(name, open_stream, form, reads=classifier.reads, takes_words=task.takes_words)
    rows = predicted(classifier, read, settings.language)
    written = tabular(rows, task.labels) if answers == AnswerForm.tsv else map(strict_json.dumps, rows)
    is_shown = settings.output is not None or not sys.stdout.isatty()
    with target(settings.output) as file:
        for line in bar(is_shown, "predicting")(written):
            file.write(f"{line}\n")
    if settings.output is not None:
        print(f"written  {settings.output}")


def answer_form(settings: Predict) -> AnswerForm:
    """What is typed, or what the name of the output says; else JSON lines."""
    if settings.output is None and sys.stdout is None:
        raise ConfigError("output=null: standard output is closed; name a file for the answers with output=FILE")
    if settings.output is not None:
        output, given = Path(settings.output), Path(settings.predict)
        if output.exists() and (not output.is_file() or (given.exists() and output.samefile(given))):
            reason = "expected the name of a new file, found a folder, a device or what is predicted"
            raise ConfigError(f"output={output}: {reason}; without output= answers go to standard output")
    return settings.format or (AnswerForm.tsv if ending(settings.output or "") == ".tsv" else AnswerForm.jsonl)


def ending(name: str) -> str:
    """Of a file, compressed or not, in small letters."""
    return Path(name.casefold().removesuffix(".gz")).suffix


def source(predict: str) -> tuple[str, Callable[[], BinaryIO]]:
    """What is read: how messages call it, and what opens it."""
    if predict == STANDARD:
        if sys.stdin is None:
            raise DataError("predict=-: standard input is closed; expected texts there, or the name of a file of texts")
        return "standard input", lambda: sys.stdin.buffer
    path = Path(predict)
    if not path.exists():
        raise DataError(f"predict={predict}: no such file; expected one of texts, or - for standard input")
    return str(path), partial(open_bytes, path)


@contextmanager
def target(output: str | None) -> Iterator[TextIO]:
    """Where lines go, as UTF-8 whatever the terminal has; a file takes its name when it is whole."""
    if output is None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        yield sys.stdout
        sys.stdout.flush()
        return
    opened = gzip.open if output.casefold().endswith(".gz") else open
    with replacing(Path(output)) as part, opened(part, "wt", encoding="utf-8", newline="\n") as file:
        yield file


def predicted(classifier: Classifier, texts: Iterator[RawText], language: str | None) -> Iterator[JsonObject]:
    """Each text's id and what is predicted for it."""
    names: deque[str] = deque()  # of the texts that are read and not yet answered

    def noted() -> Iterator[RawText]:
        for text in texts:
            names.append(text.id)
            yield text

    for answer in classifier.stream(noted(), language=language):
        yield {"id": names.popleft(), **answer}


def tabular(rows: Iterator[JsonObject], labels: Sequence[str]) -> Iterator[str]:
    """A header, and a line for each: id, label and the probability of every label; empty where there is none."""
    yield "\t".join(["id", "predicted", *labels])
    for row in rows:
        shares = row.get("probabilities", {})
        fields = [row["id"], row["predicted"] or "", *(str(shares.get(label, "")) for label in labels)]
        yield "\t".join(" ".join(field.split()) for field in fields)
