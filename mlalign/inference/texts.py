"""Texts that are to be predicted, from lines, tables or JSON lines of any length."""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from mlalign.data.readers import RawText
from mlalign.data.readers.leftovers import CARRIAGE_RETURN
from mlalign.data.text import excerpt, lines_of, parse_json, shortened
from mlalign.errors import DataError
from mlalign.files import Json


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
    header: Sequence[str] = ()
    for number, content in lines_of(name, open_stream):
        where = f"{name}, line {number}"
        if "\r" in content:
            raise DataError(f"{where}: {CARRIAGE_RETURN[1]}")
        if form == "tsv" and not header:
            header = _header(where, content, reads)
        elif not content.strip():
            yield RawText(str(number), ("",) * len(reads))
        elif form == "lines":
            yield RawText(str(number), (content,) if len(reads) == 1 else _fields(where, content, reads))
        elif form == "tsv":
            row = dict(zip(header, _fields(where, content, header), strict=True))
            yield RawText(row.get("id", str(number)), tuple(row[one] for one in reads))
        else:
            yield _of_object(where, number, content, reads, takes_words)


def _header(where: str, content: str, reads: Sequence[str]) -> list[str]:
    header = content.split("\t")
    if not set(reads) <= set(header) or len(set(header)) < len(header):
        raise DataError(
            f"{where}: expected a header with the columns {', '.join(reads)} (and id, if you like), each once, found "
            f"{excerpt(content)}; or set input=lines where there is no header"
        )
    return header


def _fields(where: str, content: str, names: Sequence[str]) -> tuple[str, ...]:
    fields = tuple(content.split("\t"))
    if len(fields) != len(names):
        raise DataError(
            f"{where}: expected {len(names)} fields with a tab between ({shortened(', '.join(names))}), found "
            f"{len(fields)}: {excerpt(content)}"
        )
    return fields


def _of_object(where: str, number: int, content: str, reads: Sequence[str], takes_words: bool) -> RawText:
    try:
        found = _as_text(parse_json(content), number, reads, takes_words)
    except ValueError:
        found = None
    if found is None:
        beside = ", or words (a list of texts)" if takes_words else ""
        raise DataError(
            f"{where}: expected a JSON object with text under {', '.join(reads)}{beside} (and id, if you like), found "
            f"{excerpt(content)}"
        )
    return found


def _as_text(row: Json, number: int, reads: Sequence[str], takes_words: bool) -> RawText | None:
    """None where the value is of another form."""
    if not isinstance(row, dict) or type(name := row.get("id", number)) not in (str, int):
        return None
    words = row.get("words")
    if takes_words and words is not None and not set(reads) & row.keys():
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            return None
        return RawText(str(name), (" ".join(words),), tuple(words))
    texts = [text for one in reads if isinstance(text := row.get(one), str)]
    return RawText(str(name), tuple(texts)) if len(texts) == len(reads) else None
