"""What the files of all classification tasks share: the checks of a row, and how fields are quoted."""

import csv
from collections.abc import Iterator, Sequence

from mlalign.data.readers.leftovers import PartFile, unexpected
from mlalign.data.readers.records import LabelledText
from mlalign.data.text import LONGEST, shortened

csv.field_size_limit(LONGEST)  # of a field, which is no longer than its line; csv alone takes 131,072 characters


def labelled(file: PartFile, line: int, identifier: str, texts: Sequence[str], label: str) -> Iterator[LabelledText]:
    """Yield a row if its label is known, its texts hold something and its id is new.

    Raises:
        DataError: it is none of that, and faulty lines are refused.
    """
    texts = tuple(text.strip() for text in texts)
    if label not in file.labels:
        file.bad(line, "unknown label", unexpected("label", label, file.labels))
    elif not all(texts):
        file.bad(line, "empty text", "expected text, found nothing")
    elif file.is_new(line, identifier):
        yield LabelledText(identifier, texts, file.labels[label])


def wrong_fields(file: PartFile, line: int, columns: Sequence[str], fields: Sequence[str]) -> None:
    """Leave out a line that has not one field for each column.

    Raises:
        DataError: faulty lines are refused.
    """
    file.bad(
        line,
        "wrong number of fields",
        f"expected {len(columns)} tab-separated fields ({shortened(', '.join(columns))}), found "
        f"{len(fields) or 'none: the line is empty or its quotes do not match'}",
    )


def quoted_fields(line: str) -> list[str]:
    """Split a line at tabs as ``csv`` and pandas write it; none if its quotes do not match.

    A field that holds a quote or a tab is enclosed in ``"``, and its quotes are doubled. One line
    is one row, so that a stray quote cannot swallow the rest of the file.
    """
    try:
        return next(csv.reader([line], delimiter="\t", strict=True), [])
    except csv.Error:
        return []
