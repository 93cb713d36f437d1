"""Dependency trees in CoNLL-U, the form of Universal Dependencies (universaldependencies.org/format.html)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mlalign.data.text import excerpt, read_lines, shortened
from mlalign.errors import DataError

COLUMNS = 10  # id, form, lemma, two parts of speech, features, head, relation, further relations, rest
MOST_DIGITS = 10  # of a word's number
ROOT = 0  # the head of a sentence's first word in rank


class Tree(NamedTuple):
    """A sentence and who depends on whom.

    Attributes:
        words: in their order.
        heads: of each word, the number of another word, from 1, or ``ROOT``; one word has that.
        relations: of each word to its head, without what follows the colon of a subtype.
        line: of the first word in its file; 0 where it is of none.
    """

    words: tuple[str, ...]
    heads: tuple[int, ...]
    relations: tuple[str, ...]
    line: int = 0


def read_trees(path: Path) -> list[Tree]:
    """Read one file; ranges of words (``3-4``) and words that are not written (``5.1``) are left out.

    Raises:
        DataError: the file is missing, has no tree, or a line breaks the format; with the line.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; name trees in CoNLL-U, as of Universal Dependencies, in data.trees")
    trees = [_tree(path, rows) for rows in _sentences(path)]
    if not trees:
        raise DataError(f"{path}: no trees in it; expected sentences in CoNLL-U; name another file in data.trees")
    return trees


def _sentences(path: Path) -> Iterator[list[tuple[int, list[str]]]]:
    """The words of each sentence, with the numbers of their lines."""
    rows: list[tuple[int, list[str]]] = []
    for line, content in read_lines(path):
        fields = content.split("\t")
        if not content.strip():
            if rows:
                yield rows
            rows = []
        elif not content.startswith("#"):
            if len(fields) != COLUMNS:
                raise _fault(path, line, f"{COLUMNS} tab-separated fields", f"{len(fields)}: {excerpt(content)}")
            if not any(mark in fields[0] for mark in "-."):
                rows.append((line, fields))
    if rows:
        yield rows


def _tree(path: Path, rows: Sequence[tuple[int, list[str]]]) -> Tree:
    for number, (line, fields) in enumerate(rows, start=1):
        if fields[0] != str(number):
            raise _fault(path, line, f"the word's number {number} in the sentence", excerpt(fields[0]))
        if not (fields[6].isdecimal() and len(fields[6]) < MOST_DIGITS and int(fields[6]) <= len(rows)):
            raise _fault(path, line, f"a head from 0 to {len(rows)}", excerpt(fields[6]))
    heads = tuple(int(fields[6]) for _, fields in rows)
    if not is_tree(heads):
        found = f"the heads {shortened(str(heads))}"
        raise _fault(path, rows[0][0], "a tree with one root in the sentence that begins here", found)
    relations = tuple(fields[7].split(":")[0] for _, fields in rows)
    return Tree(tuple(fields[1] for _, fields in rows), heads, relations, rows[0][0])


def is_tree(heads: Sequence[int]) -> bool:
    """Whether one word has the head ``ROOT`` and all others lead to it."""
    below: dict[int, list[int]] = {}
    for word, head in enumerate(heads, start=1):
        below.setdefault(head, []).append(word)
    waiting, reached = [ROOT], 0
    while waiting:
        waiting += below.get(waiting.pop(), [])
        reached += 1
    return heads.count(ROOT) == 1 and reached == len(heads) + 1


def _fault(path: Path, line: int, expected: str, found: str) -> DataError:
    return DataError(f"{path}, line {line}: expected {expected}, found {found}; correct the file, or get it anew")
