"""A release format: under which names its files lie, and how one is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, Protocol

from mlalign.data.formats.leftovers import OnBadLine
from mlalign.data.formats.records import Example, Part
from mlalign.data.text import did_you_mean
from mlalign.errors import ConfigError, DataError

PartName = Literal["train", "dev", "test"]


class Reader(Protocol[Example]):
    """Reads one file of a release."""

    def __call__(
        self, path: Path, labels: Sequence[str], *, language: str, on_bad_line: OnBadLine
    ) -> Part[Example]:
        """Return the examples of a file and what was left out.

        Args:
            path: as ``Format.path`` finds it.
            labels: the task's labels or tags; an example holds positions in this list.
            language: whose text it is.
            on_bad_line: ``error`` stops at the first faulty line, ``skip`` counts such lines.

        Raises:
            DataError: the file is not what the format promises.
        """


@dataclass(frozen=True)
class Format(Generic[Example]):
    """Finds and reads the files of one release.

    Args:
        names: for every part, the names a file may have inside the task's folder, ``{}`` being
            the language.
        read: reads one file.
        codes: what the release calls a language -> ISO 639-1, where that differs.
    """

    names: Mapping[PartName, Sequence[str]]
    read: Reader[Example]
    codes: Mapping[str, str] = field(default_factory=dict)

    def languages(self, folder: Path, part: PartName = "test") -> list[str]:
        """Return the ISO codes of the languages with a part in a folder, sorted.

        Raises:
            DataError: there is no such folder.
        """
        if not folder.is_dir():
            beside = [path.name for path in folder.parent.glob("*/")]
            raise DataError(
                f"{folder}: no such folder; check data.root and task.folder"
                f"{did_you_mean(folder.name, beside)}"
            )
        found = set()
        for name in self.names[part]:
            before, after = name.split("{}")
            for path in folder.glob(f"{before}[!.]*{after}"):
                if path.is_file():
                    local = path.relative_to(folder).as_posix()
                    found.add(local.removeprefix(before).removesuffix(after))
        return sorted(self.codes.get(local, local) for local in found)

    def path(
        self, folder: Path, language: str, part: PartName, train_size: int | None = None
    ) -> Path:
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
        names = self.names[part]
        if part == "train" and train_size is not None:
            names = [name for name in names if name.endswith(f".{train_size}")]
            if not names:
                known = ", ".join(self.names[part])
                raise ConfigError(
                    f"task.train_size={train_size}: no train file of this format has that size "
                    f"({known}); choose one that has, or leave task.train_size null"
                )
        if language in self.codes:
            raise ConfigError(
                f"task.languages: {language!r} goes by the code {self.codes[language]!r} here"
            )
        local = {code: name for name, code in self.codes.items()}.get(language, language)
        wanted = [folder / name.format(local) for name in names]
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

    def _what_there_is(self, folder: Path, language: str, part: PartName) -> str:
        there = self.languages(folder, part)
        others = [other for other in self.names if language in self.languages(folder, other)]
        more = f"; {language} has {', '.join(others)}" if others else did_you_mean(language, there)
        return f"Languages with a {part} part there: {', '.join(there) or 'none'}{more}"
