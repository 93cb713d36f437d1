"""MLDoc: topics of Reuters news in eight languages (Schwenk and Li, LREC 2018).

``generate_documents.py`` of facebookresearch/MLDoc writes one ``label<TAB>document`` a line, with
neither header nor quoting. Under Python 3 it writes the document as a bytes literal, ``b'...'``;
both forms are read. The copyright notice that LASER removes (``tasks/mldoc/mldoc.sh``) is removed
here too.
"""

import ast
import re
import warnings
from collections.abc import Iterator

from mlalign.data.readers.format import Format
from mlalign.data.readers.labelled import labelled
from mlalign.data.readers.leftovers import PartFile
from mlalign.data.readers.records import LabelledText
from mlalign.data.text import excerpt
from mlalign.errors import DataError

COPYRIGHT = re.compile(r"\([cC]\) Reuters Limited 199[0-9]\.")
INDEX_LINE = re.compile(r"\w+-\d+")
LITERAL = re.compile(r"""b'(?:[^'\\]++|\\.)*+'|b"(?:[^"\\]++|\\.)*+\"""")  # and no other expression of Python


def examples(file: PartFile) -> Iterator[LabelledText]:
    """Read one file; an example's id is its line number. See ``format.Reader``."""
    for line, content in file.lines():
        label, tab, document = content.partition("\t")
        if line == 1 and INDEX_LINE.fullmatch(content):
            raise DataError(
                f"{file.path}: expected documents, found MLDoc's index ({content}); make the documents "
                "from it and the Reuters corpora with MLDoc's generate_documents.py"
            )
        if not tab:
            file.bad(
                line,
                "wrong number of fields",
                f"expected a label, a tab and a text, found {excerpt(content)}",
            )
            continue
        try:
            text = _decoded(document)
        except (SyntaxError, ValueError):
            problem = f"expected text or a Python bytes literal, found {excerpt(document)}"
            file.bad(line, "broken bytes literal", problem)
            continue
        yield from labelled(file, line, str(line), (COPYRIGHT.sub("", text),), label)


def _decoded(document: str) -> str:
    if not document.startswith(("b'", 'b"')):
        return document
    if not LITERAL.fullmatch(document):
        raise ValueError("no bytes literal, or something follows it")
    with warnings.catch_warnings(action="ignore"):  # a backslash before an ordinary character stays
        literal: bytes = ast.literal_eval(document)
    return literal.decode("utf-8")


FORMAT = Format(
    names={
        "train": [f"{{}}.train.{size}" for size in (1000, 2000, 5000, 10000)],
        "dev": ["{}.dev"],
        "test": ["{}.test"],
        "translated_train": [f"english.train.{size}.{{}}" for size in (1000, 2000, 5000, 10000)],
        "translated_test": ["{}.test.en"],
    },
    examples=examples,
    codes={
        "chinese": "zh",
        "english": "en",
        "french": "fr",
        "german": "de",
        "italian": "it",
        "japanese": "ja",
        "russian": "ru",
        "spanish": "es",
        "spanish-latam": "es-419",
    },
)
