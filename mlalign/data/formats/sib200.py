"""SIB-200: topics of FLORES sentences in 205 languages (Adelani et al., EACL 2024).

A header, three columns, quoted as pandas does. The folders have FLORES codes (``deu_Latn``).
"""

from collections.abc import Sequence
from pathlib import Path

from mlalign.data.formats.flores import ISO_639_1
from mlalign.data.formats.format import Format
from mlalign.data.formats.labelled import LabelledRows, quoted_fields
from mlalign.data.formats.leftovers import OnBadLine
from mlalign.data.formats.records import LabelledText, Part
from mlalign.data.text import excerpt, read_lines
from mlalign.errors import DataError

HEADER = ["index_id", "category", "text"]


def read(
    path: Path, labels: Sequence[str], *, language: str, on_bad_line: OnBadLine
) -> Part[LabelledText]:
    """Read one file; the id is the sentence's ``index_id``. See ``format.Reader``."""
    rows = LabelledRows(path, labels, on_bad_line)
    for line, content in read_lines(path):
        fields = quoted_fields(content)
        if line == 1:
            if fields != HEADER:
                raise DataError(
                    f"{path}, line 1: expected the header {', '.join(HEADER)}, "
                    f"found {excerpt(content)}"
                )
        elif len(fields) != len(HEADER):
            rows.wrong_fields(line, HEADER, fields)
        else:
            identifier, label, text = fields
            rows.add(line, identifier, (text,), label)
    return rows.part()


FORMAT = Format(
    names={
        "train": ["{}/train.tsv"],
        "dev": ["{}/dev.tsv"],
        "test": ["{}/test.tsv"],
    },
    read=read,
    codes=ISO_639_1,
)
