"""PAWS-X: is one sentence a paraphrase of the other? (Yang et al., EMNLP 2019).

Two forms are read. The original release has a header and **no quoting**: a quote is a character
like any other. XTREME's copy (``test-de.tsv``) has neither header nor ids and is quoted as Python's
``csv`` does. ``translated_train.tsv`` is English train in another language, by machine.
"""

from collections.abc import Iterator
from pathlib import Path

from mlalign.data.readers.format import Format
from mlalign.data.readers.labelled import labelled, quoted_fields, wrong_fields
from mlalign.data.readers.leftovers import PartFile
from mlalign.data.readers.records import LabelledText
from mlalign.data.text import excerpt
from mlalign.errors import DataError

HEADER = ["id", "sentence1", "sentence2", "label"]
XTREME_COLUMNS = HEADER[1:]
PLACEHOLDER = "NS"


def examples(file: PartFile) -> Iterator[LabelledText]:
    """Read one file of either form. See ``format.Reader``.

    Sentences that were never translated (``NS`` or nothing) and labels that are none of the task's
    are flaws of the release: such rows are left out and counted whatever ``on_bad_line`` says. In
    XTREME's form an example's id is its line number.
    """
    columns = HEADER
    for line, content in file.lines():
        if line == 1:
            columns = _columns(file.path, content)
            if columns is HEADER:
                file.besides["header"] += 1
                continue
        fields = content.split("\t") if columns is HEADER else quoted_fields(content)
        if len(fields) != len(columns):
            wrong_fields(file, line, columns, fields)
            continue
        *identifier, first, second, label = fields
        if PLACEHOLDER in (first, second):
            file.drop(line, f"placeholder {PLACEHOLDER}", f"the placeholder {PLACEHOLDER}")
        elif not (first.strip() and second.strip()):
            file.drop(line, "empty sentence", "an empty sentence")
        elif label not in file.labels:
            reason = f"label {label[:20]}"
            file.drop(line, reason, f"{reason}, expected {', '.join(file.labels)}")
        else:
            yield from labelled(file, line, identifier[0] if identifier else str(line), (first, second), label)


def _columns(path: Path, first_line: str) -> list[str]:
    """Tell the two forms apart by their first line."""
    if first_line.split("\t") == HEADER:
        return HEADER
    fields = quoted_fields(first_line)
    if len(fields) == len(XTREME_COLUMNS):
        return XTREME_COLUMNS
    if len(fields) == len(XTREME_COLUMNS) - 1:
        raise DataError(
            f"{path}: expected {', '.join(XTREME_COLUMNS)}, found no label column: XTREME removes "
            "the labels of its test files.\nUse test_2k.tsv of the original release "
            "(x-final.tar.gz, github.com/google-research-datasets/paws), which has them"
        )
    raise DataError(
        f"{path}, line 1: expected the header {', '.join(HEADER)}, or the 3 columns of XTREME's "
        f"copy, found {excerpt(first_line)}; get the original release"
    )


FORMAT = Format(
    names={
        "train": ["{}/train.tsv", "train-{}.tsv"],
        "dev": ["{}/dev_2k.tsv", "dev-{}.tsv"],
        "test": ["{}/test_2k.tsv", "test-{}.tsv"],
        "translated_train": ["{}/translated_train.tsv"],
        "translated_test": ["{}/test_2k.en.tsv"],
    },
    examples=examples,
)
