"""Texts and their labels in rows: tab-separated, as pandas quotes them or plain, or JSON lines."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlalign.data.readers.format import TRANSLATED, Format, PartName
from mlalign.data.readers.labelled import labelled, quoted_fields, wrong_fields
from mlalign.data.readers.leftovers import OnBadLine, PartFile
from mlalign.data.readers.records import LabelledText
from mlalign.data.text import excerpt, parse_json
from mlalign.errors import DataError

CODE = re.compile(r"\w[\w-]*")  # of a language; anything else would name another folder


@dataclass(frozen=True)
class Columns:
    """Names of the columns that are read.

    Args:
        texts: of the text, or of the two texts of a pair.
        label: of its label.
        id: of what names the row; by default that is the number of its line.
        language: of the language, where one file holds several.
        part: of ``train``, ``dev`` or ``test``, where one file holds several.
    """

    texts: Sequence[str]
    label: str
    id: str | None = None
    language: str | None = None
    part: str | None = None

    def all(self) -> list[str]:
        """Every column that must be there."""
        return [name for name in (self.id, *self.texts, self.label, self.language, self.part) if name is not None]


@dataclass(frozen=True)
class Table:
    """Reads rows; a call is a ``format.Reader``.

    Args:
        columns: the forms that a release's files have; the first that a file's header fits is
            taken.
        header: the columns of files that have no header line.
        is_quoted: whether fields that hold a quote or tab are enclosed in ``"``.
    """

    columns: Sequence[Columns]
    header: Sequence[str] | None = None
    is_quoted: bool = False

    def __call__(self, file: PartFile) -> Iterator[LabelledText]:
        """Read the rows of one language and part."""
        for line, row, columns in self._rows(file):
            if not _is_wanted(columns.language, "language", file.language, row, line, file):
                continue
            if not _is_wanted(columns.part, "part", file.part.removeprefix(TRANSLATED), row, line, file):
                continue
            identifier = str(line) if columns.id is None else row[columns.id]
            yield from labelled(file, line, identifier, [row[name] for name in columns.texts], row[columns.label])

    def languages(self, path: Path) -> set[str]:
        """The languages of a file that holds several; of two spellings that differ in case or space the usual one."""
        file = PartFile(path, OnBadLine.skip, labels={}, language="", part="test")
        found = Counter(row[columns.language] for _, row, columns in self._rows(file) if columns.language is not None)
        usual = {_folded(name): name for name, _ in reversed(found.most_common()) if CODE.fullmatch(name.strip())}
        return set(usual.values())

    def format(self, names: Mapping[PartName, Sequence[str]], codes: Mapping[str, str]) -> Format[LabelledText]:
        """The release whose files are such tables."""
        return Format(names=names, examples=self, codes=codes, inside=self.languages)

    def _rows(self, file: PartFile) -> Iterator[tuple[int, Mapping[str, str], Columns]]:
        is_json = file.path.name.casefold().removesuffix(".gz").endswith((".jsonl", ".json"))
        return self._objects(file) if is_json else self._lines(file)

    def _lines(self, file: PartFile) -> Iterator[tuple[int, Mapping[str, str], Columns]]:
        header = self.header
        columns = None if header is None else self._form(file.path, header, "")
        for line, content in file.lines():
            fields = quoted_fields(content) if self.is_quoted else content.split("\t")
            if header is None or columns is None:
                header, columns = fields, self._form(file.path, fields, content)
                file.besides["header"] += 1
            elif len(fields) != len(header):
                wrong_fields(file, line, header, fields)
            else:
                yield line, dict(zip(header, fields, strict=True)), columns

    def _objects(self, file: PartFile) -> Iterator[tuple[int, Mapping[str, str], Columns]]:
        columns = None
        for line, content in file.lines():
            try:
                row = parse_json(content)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                problem = f"expected a JSON object, found {excerpt(content)}"
                file.bad(line, "broken JSON", problem)
                continue
            columns = columns or self._form(file.path, list(row), content)
            wanted = columns.all()
            if all(isinstance(row.get(name), str) for name in wanted):
                yield line, row, columns
            else:
                file.bad(
                    line,
                    "missing text",
                    f"expected text under {', '.join(wanted)}, found {excerpt(content)}",
                )

    def _form(self, path: Path, header: Sequence[str], first_line: str) -> Columns:
        for columns in self.columns:
            if set(columns.all()) <= set(header):
                return columns
        expected = ", or ".join(", ".join(columns.all()) for columns in self.columns)
        raise DataError(
            f"{path}, line 1: expected the header {expected}, found {excerpt(first_line)}; check "
            "the file, or name its columns in task.table.columns"
        )


def _is_wanted(column: str | None, kind: str, wanted: str, row: Mapping[str, str], line: int, file: PartFile) -> bool:
    """Whether a row is of the language or part that is read; counts it where it is not.

    Raises:
        DataError: it says so in other letters or not at all, and such lines are refused.
    """
    if column is None or row[column] == wanted:
        return True
    if _folded(row[column]) in ("", wanted.casefold()):
        file.bad(line, f"misspelt {kind}", f"expected the {kind} {wanted} or another, found {excerpt(row[column])}")
    else:
        file.besides[f"another {kind}"] += 1
    return False


def _folded(name: str) -> str:
    return name.strip().casefold()
