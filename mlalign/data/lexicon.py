"""Bilingual dictionaries: read from files, or learned from parallel text."""

import gzip
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mlalign.data.languages import canonical, nearest
from mlalign.data.links import Model1, Sentences
from mlalign.data.text import DAMAGED, LARGEST, excerpt, read_lines
from mlalign.errors import ConfigError, DataError

Translations = Mapping[str, tuple[str, ...]]  # English word, casefolded -> its translations, the best first
Lexicon = Mapping[str, Translations]  # by language
TokenLexicon = Mapping[str, Mapping[int, tuple[int, ...]]]  # the same of tokens

SAMPLE, INDUCED = "sample", "induced"  # values of data.lexicon that are no paths
LEAST = 0.1  # of both probabilities of an induced pair (Ammar et al. 2016, arXiv:1602.01925)
PAIR = re.compile(r"(?:^|[-_.])(?:en|eng)-([a-z]{2,3})(?=[-_.]|$)", re.IGNORECASE)  # en-de.txt, freedict-eng-deu.index
DIGITS = {
    digit: place for place, digit in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
HEADWORD = re.compile(r"(.+?)(?: /.*/)?(?: <.*>)?")  # of FreeDict: word, pronunciation, grammar
REMARK = re.compile(r"<[^>]*>|\([^)]*\)|\[[^]]*\]|^\d+\. ")
LONGEST_ENTRY = 1 << 16  # bytes; FreeDict's have hundreds
MOST_DIGITS = 10  # of an offset or a length
LONGEST_LINE = 4096  # characters of an entry's line
LONGEST_HEADWORD = 1000  # characters of a headword with its pronunciation; no word has as many
# What a word is written with besides letters: the vowels of Hindi are marks, and Persian joins with U+200C.
MARKS = "".join(chr(code) for code in range(0x10000) if unicodedata.category(chr(code))[0] == "M") + "\u200c\u200d"
LETTERS = rf"[^\W\d_](?:[^\W\d_]|[{MARKS}])*"
WORD = re.compile(rf"{LETTERS}(?:['’-]{LETTERS})*")


def read_lexicon(path: Path, languages: Collection[str]) -> Lexicon:
    """The dictionaries of a file, or of all files of a folder, that translate English.

    A file's name holds its languages: ``en-de.txt`` (lines ``word<TAB or space>translation``, as MUSE's)
    or ``freedict-eng-deu.index`` with ``freedict-eng-deu.dict[.dz]`` beside it (dictd's form).

    Args:
        path: a file or a folder.
        languages: that are wanted; others are left out.

    Raises:
        DataError: there is no dictionary of these languages, or one breaks its format.
    """
    paths = dictionary_files(path)
    there = sorted(set(paths.values()))
    files: dict[str, list[Path]] = {}
    for one, code in paths.items():
        for language in (each for each in languages if nearest(each, there) == code):
            files.setdefault(language, []).append(one)
    if not files:
        raise DataError(
            f"{path}: dictionaries of English with {', '.join(there)}, "
            f"expected {', '.join(languages)}; add files, or choose other languages with data.languages"
        )
    return {language: _collected(pair for one in own for pair in _entries(one)) for language, own in files.items()}


def lexicon_path(choice: str, root: str) -> Path:
    """Where the files of a dictionary lie that is not induced: those of the sample are beside its tasks."""
    return Path(root) / "lexicon" if choice == SAMPLE else Path(choice)


def require_dictionary(choice: str | None, root: str, reader: str) -> dict[Path, str]:
    """Look for the dictionary that something reads; its files as ``dictionary_files`` has them, none of an induced one.

    Args:
        choice: ``data.lexicon``.
        root: ``data.root``.
        reader: the setting that makes it necessary, for the message.

    Raises:
        ConfigError: no dictionary was chosen.
        DataError: there is none.
    """
    if choice is None:
        raise ConfigError(
            f"{reader} reads a dictionary, and data.lexicon=null names none: give a FILE or FOLDER (docs/data.md), "
            "data.lexicon=sample for the sample's own, or data.lexicon=induced for what the parallel text tells"
        )
    return {} if choice == INDUCED else dictionary_files(lexicon_path(choice, root))


def dictionary_files(path: Path) -> dict[Path, str]:
    """The files of a dictionary's file or folder -> the language that each translates English to.

    Raises:
        DataError: there is none, or its name does not say its languages.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder, named in data.lexicon (docs/data.md says where to get one)")
    inside = sorted(path.glob("[!.]*")) if path.is_dir() else [path]
    found = {
        one: canonical(match[1])
        for one in inside
        if (match := PAIR.search(one.name)) and one.suffix.casefold() not in (".dz", ".dict")
    }
    if not found:
        raise DataError(
            f"{path}: expected a dictionary whose name holds its languages, such as en-de.txt or "
            "freedict-eng-deu.index; rename it, or name another one in data.lexicon"
        )
    return found


def induced(pairs: Iterable[tuple[str, str]]) -> Translations:
    """Words of parallel text that are likely translations in both directions, by IBM model 1.

    Args:
        pairs: an English sentence and its translation, into a language with spaces between words.

    Returns:
        Casefolded words, with t(f | e) and t(e | f) of at least a tenth; the likeliest first.
    """
    english, other = _Vocabulary(), _Vocabulary()
    for source, target in pairs:
        english.add(source)
        other.add(target)
    forward = Model1(english.sentences(), other.sentences()).probabilities[1:].tocoo()
    if not forward.nnz:  # no words on one side of every pair
        return {}
    backward = Model1(other.sentences(), english.sentences()).probabilities[1:].T.tocsr()
    both = (forward.data >= LEAST) & (np.asarray(backward[forward.row, forward.col]).ravel() >= LEAST)
    order = np.lexsort((forward.col[both], -forward.data[both], forward.row[both]))
    row, column = forward.row[both][order], forward.col[both][order]
    sources, targets = list(english.ids), list(other.ids)
    return _collected((sources[one], targets[two]) for one, two in zip(row, column, strict=True))


def token_lexicon(lexicon: Lexicon, tokens: Callable[[Sequence[str]], list[list[int]]], unknown: int) -> TokenLexicon:
    """What is one token in both languages.

    Args:
        lexicon: of words.
        tokens: cuts each text into the ids of tokens.
        unknown: the id of what has no token: many words have it, and none is translated by it.
    """
    found: dict[str, dict[int, tuple[int, ...]]] = {}
    for language, words in lexicon.items():
        pairs = [(word, translation) for word, translations in words.items() for translation in translations]
        sides = (tokens([pair[side] for pair in pairs]) if pairs else [] for side in (0, 1))
        found[language] = {}
        for one, other in zip(*sides, strict=True):
            if len(one) == len(other) == 1 and unknown not in (*one, *other):
                known = found[language].get(one[0], ())
                found[language][one[0]] = known if other[0] in known else (*known, other[0])
    return found


class _Vocabulary:
    """Words as ids, in the order in which they came."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.words: list[int] = []
        self.lengths: list[int] = []

    def add(self, text: str) -> None:
        words = words_of(text)
        self.words += [self.ids.setdefault(word, len(self.ids)) for word in words]
        self.lengths.append(len(words))

    def sentences(self) -> Sentences:
        return Sentences(np.array(self.words, np.int64), np.array(self.lengths, np.int64))


def words_of(text: str) -> list[str]:
    """Casefolded words without punctuation and numbers."""
    return WORD.findall(text.casefold())


def _collected(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Every word's different translations, in their order."""
    found: dict[str, dict[str, None]] = {}
    for word, translation in pairs:
        found.setdefault(word.casefold(), {})[translation] = None
    return {word: tuple(translations) for word, translations in found.items()}


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    """Words and their translations, in either form."""
    return _read_dictd(path) if path.suffix == ".index" else word_pairs(path)


def word_pairs(path: Path) -> Iterator[tuple[str, str]]:
    """A word and its translation a line, between them a tab, or the only space."""
    for number, line in read_lines(path):
        fields = [field.strip() for field in (line.split("\t") if "\t" in line else line.split())]
        if len(fields) != 2 or not all(fields):
            raise DataError(
                f"{path}, line {number}: expected an English word, a tab or space, and its "
                f"translation, found {excerpt(line)}; correct the line or take it out"
            )
        yield fields[0], fields[1]


def _read_dictd(path: Path) -> Iterator[tuple[str, str]]:
    """The entries that an index finds in the file beside it; an indented line of an entry is a remark."""
    body = _body_of(path)
    for number, line in read_lines(path):
        fields = line.split("\t")
        if len(fields) < 3 or not all(len(one) < MOST_DIGITS and DIGITS.keys() >= set(one) for one in fields[1:3]):
            raise DataError(
                f"{path}, line {number}: expected a headword, an offset and a length, separated by tabs "
                f"(dictd's index), found {excerpt(line)}; get both files anew"
            )
        start, size = (_number(field) for field in fields[1:3])
        if start + size > len(body):
            raise DataError(f"{path}, line {number}: points behind the end of the dictionary; get both files anew")
        if size > LONGEST_ENTRY:
            raise _too_long(path, number, f"{LONGEST_ENTRY} bytes", size)
        if fields[0].startswith(("00database", "00-database")):
            continue
        first, *lines = body[start : start + size].decode("utf-8", "replace").splitlines() or [""]
        if any(len(text) > LONGEST_LINE for text in lines):
            raise _too_long(path, number, f"{LONGEST_LINE} characters in a line", max(map(len, lines)))
        word = HEADWORD.fullmatch(first.strip()[:LONGEST_HEADWORD])
        for translation in _translations(lines):
            yield word[1] if word else fields[0], translation


def _too_long(path: Path, line: int, most: str, found: int) -> DataError:
    return DataError(f"{path}, line {line}: expected an entry of at most {most}, found {found}; get both files anew")


def _translations(lines: Iterable[str]) -> Iterator[str]:
    """Of an entry, without numbers, grammar and remarks."""
    for line in lines:
        if line and not line[0].isspace():
            for part in re.split("[,;]", REMARK.sub("", REMARK.sub("", line))):
                if text := " ".join(part.split()):
                    yield text


def _body_of(index: Path) -> bytes:
    """The dictionary beside an index; ``.dz`` is gzip with a table for random access."""
    for name in (index.with_suffix(".dict.dz"), index.with_suffix(".dict")):
        if name.is_file():
            try:
                with gzip.open(name) if name.suffix == ".dz" else name.open("rb") as file:
                    body = file.read(LARGEST + 1)
            except (*DAMAGED, OSError) as error:
                raise DataError(
                    f"{name}: expected dictzip, found damaged or other data ({error}); get both files anew"
                ) from None
            if len(body) > LARGEST:
                raise DataError(f"{name}: expected at most {LARGEST} bytes, found more; get both files anew")
            return body
    raise DataError(f"{index}: no {index.stem}.dict.dz beside it; dictd's dictionaries are two files: put both there")


def _number(text: str) -> int:
    value = 0
    for digit in text:
        value = 64 * value + DIGITS[digit]
    return value
