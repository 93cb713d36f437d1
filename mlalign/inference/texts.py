"""Texts that are to be predicted, from lines, tables or JSON lines of any length."""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from mlalign.data.readers import RawText
from mlalign.data.readers.leftovers import CARRIAGE_RETURN
from mlalign.data.text import excerpt, lines_of, parse_json, shortened
from mlalign.errors import DataError
from mlalign.files import Json

Line = tuple[int, str]


def read_raw_texts(
    name: str, open_stream: Callable[[], BinaryIO], form: str, *, reads: Sequence[str], takes_words: bool
) -> Iterator[RawText]:
    """One for each line, in order; an empty line is an empty text, so that what is written has as many lines.

    Args:
        name: of the file, for the messages.
        open_stream: called once, when the first text is asked for.
        form: ``lines`` (a text each, or several with tabs between), ``tsv`` (a header, fields without quotes) or
            ``jsonl`` (an object each). An ``id`` is that of a column or key, else the number of the line.
        reads: what the texts of one example are called.
        takes_words: whether ``words``, a list, may stand for the text.

    Raises:
        DataError: the file cannot be read, or a line of it; see ``data.text.read_lines``.
    """
    lines = _checked(name, lines_of(name, open_stream))
    if form == "lines":
        return _of_lines(name, lines, reads)
    return _of_rows(name, lines, reads) if form == "tsv" else _of_objects(name, lines, reads, takes_words)


def _checked(name: str, lines: Iterator[Line]) -> Iterator[Line]:
    for number, content in lines:
        if "\r" in content:
            raise DataError(f"{name}, line {number}: {CARRIAGE_RETURN[1]}")
        yield number, content


def _empty(number: int, reads: Sequence[str]) -> RawText:
    return RawText(str(number), ("",) * len(reads))


def _of_lines(name: str, lines: Iterator[Line], reads: Sequence[str]) -> Iterator[RawText]:
    for number, content in lines:
        texts = (content,) if len(reads) == 1 else tuple(content.split("\t"))
        if not content.strip():
            yield _empty(number, reads)
        elif len(texts) == len(reads):
            yield RawText(str(number), texts)
        else:
            raise DataError(
                f"{name}, line {number}: expected {len(reads)} texts with a tab between ({', '.join(reads)}), "
                f"found {len(texts)}: {excerpt(content)}"
            )


def _of_rows(name: str, lines: Iterator[Line], reads: Sequence[str]) -> Iterator[RawText]:
    header: list[str] = []
    for number, content in lines:
        fields = content.split("\t")
        if not header:
            header = fields
            if not set(reads) <= set(header) or len(set(header)) < len(header):
                raise DataError(
                    f"{name}, line {number}: expected a header with the columns {', '.join(reads)} (and id, if you "
                    f"like), each once, found {excerpt(content)}; or set input=lines where there is no header"
                )
        elif not content.strip():
            yield _empty(number, reads)
        elif len(fields) != len(header):
            raise DataError(
                f"{name}, line {number}: expected {len(header)} tab-separated fields ({shortened(', '.join(header))}), "
                f"found {len(fields)}"
            )
        else:
            row = dict(zip(header, fields, strict=True))
            yield RawText(row.get("id", str(number)), tuple(row[one] for one in reads))


def _of_objects(name: str, lines: Iterator[Line], reads: Sequence[str], takes_words: bool) -> Iterator[RawText]:
    for number, content in lines:
        if not content.strip():
            yield _empty(number, reads)
            continue
        try:
            row = parse_json(content)
        except ValueError:
            row = None
        found = _of_object(row, number, reads, takes_words) if isinstance(row, dict) else None
        if found is None:
            beside = ", or words (a list of texts)" if takes_words else ""
            raise DataError(
                f"{name}, line {number}: expected a JSON object with text under {', '.join(reads)}{beside} (and id, "
                f"if you like), found {excerpt(content)}"
            )
        yield found


def _of_object(row: dict[str, Json], number: int, reads: Sequence[str], takes_words: bool) -> RawText | None:
    """None where the object is of another form."""
    name = row.get("id", number)
    if type(name) not in (str, int):
        return None
    words = row.get("words")
    if takes_words and words is not None and not set(reads) & row.keys():
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            return None
        return RawText(str(name), (" ".join(words),), tuple(words))
    texts = [text for one in reads if isinstance(text := row.get(one), str)]
    return RawText(str(name), tuple(texts)) if len(texts) == len(reads) else None
