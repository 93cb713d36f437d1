"""A release format: under which names its files lie, and how one is read."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol

from mlalign.data.readers.leftovers import OnBadLine, PartFile
from mlalign.data.readers.leftovers import PartName as PartName  # who reads a format takes it from here
from mlalign.data.readers.records import UNLABELLED, AnyExample, LabelledText, Part, Read, TaggedSentence
from mlalign.data.text import require_file
from mlalign.errors import ConfigError, DataError, did_you_mean

TRANSLATED = "translated_"  # in front of a part's name; files that hold several parts say only what follows
HOLE = "{}"  # where the language stands in a file's name


class Reader(Protocol[Read]):
    """Reads one part of a release in one language."""

    def __call__(self, file: PartFile) -> Iterator[Read]:
        """Yield the usable examples of a file in their order; all else is counted by it.

        Raises:
            DataError: the file is not what the format promises.
        """


def positions(labels: Sequence[str], names: Mapping[str, str] | None = None) -> dict[str, int]:
    """Return what a file may call a label -> the label's position in the task's list.

    Args:
        labels: the task's own.
        names: what a release says instead -> the task's label.

    Raises:
        ConfigError: a name stands for none of the labels.
    """
    known = {label: place for place, label in enumerate(labels)}
    for name, label in (names or {}).items():
        if label not in known:
            raise ConfigError(
                f"task.label_names: {name} stands for {label}, which is none of task.labels "
                f"({', '.join(labels)}){did_you_mean(label, labels)}"
            )
    return known | {name: known[label] for name, label in (names or {}).items()}


class _WithoutLabels(dict[str, int]):
    """Stands for the labels of a task where a reader shall drop them: knows all, and keeps none apart."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> int:
        return UNLABELLED


WITHOUT_LABELS: Mapping[str, int] = _WithoutLabels()


def _labels_of(example: AnyExample) -> Sequence[int]:
    """The positions of an example's labels; none where it has no such."""
    if isinstance(example, TaggedSentence):
        return example.tags
    return [example.label] if isinstance(example, LabelledText) else []


def _form(name: str) -> re.Pattern[str]:
    """A file's name as a pattern: the first hole is the language, further ones repeat it."""
    before, *rest = map(re.escape, name.split(HOLE))
    return re.compile(before + r"([^/.][^/]*)" + r"\1".join(rest))


@dataclass(frozen=True)
class Format(Generic[Read]):
    """Finds and reads the files of one release.

    Args:
        names: for every part, the names a file may have inside the task's folder, ``{}`` being
            the language; without it, one file holds all languages. A release without train and
            dev parts is not learned from, only scored. ``translated_train`` is English train said
            in the language, ``translated_test`` the language's test said in English.
        examples: reads one part of one file.
        codes: what the release calls a language -> ISO 639-1, where that differs.
        inside: lists the languages of a file that holds several.
    """

    names: Mapping[PartName, Sequence[str]]
    examples: Reader[Read]
    codes: Mapping[str, str] = field(default_factory=dict)
    inside: Callable[[Path], Collection[str]] | None = None

    @property
    def is_learned(self) -> bool:
        """Whether there is something to learn from."""
        return "train" in self.names

    def called(self, language: str) -> str:
        """What the release calls a language, given ISO 639-1 where that has a code for it."""
        return {code: name for name, code in self.codes.items()}.get(language, language)

    def name(self, part: PartName, language: str) -> str:
        """The name of a file inside the task's folder, the first that there is for it."""
        return self.names[part][0].replace(HOLE, self.called(language))

    def read(
        self, path: Path, labels: Mapping[str, int], *, language: str, part: PartName, on_bad_line: OnBadLine
    ) -> Part[Read]:
        """Return the examples of a file, as ``path`` finds it, and what was left out; see ``PartFile``.

        Raises:
            DataError: the file is not what the format promises, has no examples or fewer than what was left out, or
                more than 20 that all have the same label: XTREME ships test files with placeholders for labels.
        """
        file = PartFile(path, on_bad_line, labels=labels, language=language, part=part)
        examples = list(self.examples(file))
        file.check(len(examples))
        used = {label for example in examples for label in _labels_of(example)}
        if len(examples) > 20 and len(used) == 1 and UNLABELLED not in used:
            raise DataError(
                f"{path}: all {len(examples)} entries have the same label. These are placeholders, as in "
                "XTREME's test files, and a score on them means nothing; use the original release"
            )
        return Part(path, examples, dict(file.dropped), file.beside, dict(file.besides))

    def path(self, folder: Path, language: str, part: PartName, train_size: int | None = None) -> Path:
        """Return the one file of a part.

        Args:
            folder: of the task, with the files of all languages.
            language: ISO 639-1, or the release's own name where there is none.
            part: which part.
            train_size: which of several train files, for releases that have them.

        Raises:
            ConfigError: the release has no train files of that size, or its own name is given for
                a language that has a code.
            DataError: there is no such file, or more than one.
        """
        names = self.names.get(part, [])
        if part.endswith("train") and train_size is not None:
            names = [name for name in names if str(train_size) in name.split(".")]
            if not names:
                known = ", ".join(self.names[part])
                raise ConfigError(
                    f"task.train_size={train_size}: no train file of this format has that size "
                    f"({known}); choose one that has, or leave task.train_size null"
                )
        if language in self.codes:
            raise ConfigError(f"task.languages: {language!r} goes by the code {self.codes[language]!r} here; name that")
        called = dict.fromkeys([self.called(language), language])
        wanted = list(dict.fromkeys(folder / name.replace(HOLE, one) for one in called for name in names))
        found = [path for path in wanted if path.is_file()]
        if len(found) > 1:
            raise DataError(
                f"{folder}: expected one {part} file for {language}, found "
                f"{', '.join(path.name for path in found)}; keep one of them"
                f"{', or set task.train_size' if part == 'train' else ''}"
            )
        if not found:
            looked_for = ", ".join(str(path.relative_to(folder)) for path in wanted)
            raise DataError(
                f"{folder}: no {part} part for {language}, looked for {looked_for}.\n"
                f"{self._what_there_is(folder, language, part)}"
            )
        return found[0]

    def languages(self, folder: Path, part: PartName = "test") -> list[str]:
        """Return the ISO codes of the languages with a part in a folder, sorted.

        Raises:
            DataError: there is no such folder, or something else has the name of a file in it.
        """
        if not folder.is_dir():
            beside = [path.name for path in folder.parent.glob("*/")]
            raise DataError(
                f"{folder}: no such folder; check data.root and task.folder{did_you_mean(folder.name, beside)}"
            )
        found: set[str] = set()
        for name in self.names.get(part, []):
            if HOLE not in name and self.inside is not None and (folder / name).is_file():
                found |= set(self.inside(folder / name))
            elif HOLE in name:
                for path in folder.glob(name.replace(HOLE, "[!.]*")):
                    match = _form(name).fullmatch(path.relative_to(folder).as_posix())
                    if match and require_file(path):
                        found.add(match[1])
        return sorted({self.codes.get(local, local) for local in found})

    def _what_there_is(self, folder: Path, language: str, part: PartName) -> str:
        there = self.languages(folder, part)
        others = [other for other in self.names if language in self.languages(folder, other)]
        more = f"; {language} has {', '.join(others)}" if others else did_you_mean(language, there)
        return f"Languages with a {part} part there: {', '.join(there) or 'none'}{more}"
