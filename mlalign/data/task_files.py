"""Where a task's files lie, and one of them at a time."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mlalign.config.enums import OnBadLine
from mlalign.data.languages import ENGLISH, canonical, codes_of, spoken
from mlalign.data.markup import has_entity, tell_of_entities
from mlalign.data.overlap import folded
from mlalign.data.readers import WITHOUT_LABELS, AnyExample, Format, Part, PartName, positions
from mlalign.data.sampling import stream
from mlalign.data.sizes import Sizes, check_rows
from mlalign.errors import ConfigError, DataError, did_you_mean
from mlalign.wording import plural

log = logging.getLogger(__name__)

AVAILABLE = "available"


@dataclass(frozen=True)
class TaskRelease:
    """What there is of a task.

    Attributes:
        folder: of its files.
        format: of its release.
        labels: in the order of the classes.
        label_names: what the files call a label -> the label.
        train_size: which of several train files.
        on_bad_line: ``error`` or ``skip``.
        english: folder and format of English train and dev, where the release has none.
        sizes: rows of the official release.
        is_official: whether files of other sizes are refused; otherwise they are named.
        max_train: of how many examples of the source labels are learned; None: of all.
        max_test: how many test examples of each language are scored; None: all.
    """

    folder: Path
    format: Format[AnyExample]
    labels: Sequence[str]
    label_names: Mapping[str, str] | None = None
    train_size: int | None = None
    on_bad_line: OnBadLine = OnBadLine.error
    english: tuple[Path, Format[AnyExample]] | None = None
    sizes: Sizes = field(default_factory=dict)
    is_official: bool = False
    max_train: int | None = None
    max_test: int | None = None


class TaskFiles:
    """What is read of a task.

    Every file that a run needs is looked for at once. A test file is read only when it is asked
    for: once to see that it can be scored, when nothing of it is kept, and once to be scored.

    Args:
        release: what there is.
        languages: to be tested in, or ``available`` for all that have the scored part.
        learned: whether train and dev of the source are needed too.
        scored: the part that is needed of every language.
        translated: whether the test parts of other languages are read as they are said in English.
        shots: target language -> how many labelled examples of its train part are learned, where something is.
        source: the language that is learned.
        examined: languages and parts of which it was told what is odd about them.

    Raises:
        ConfigError: a language is named twice or unknown to the format.
        DataError: a file is not there.
    """

    def __init__(
        self,
        release: TaskRelease,
        languages: Sequence[str] | str,
        *,
        learned: bool = True,
        scored: PartName = "test",
        translated: bool = False,
        shots: Mapping[str, int] | None = None,
        source: str = ENGLISH,
        examined: set[tuple[str, PartName]] | None = None,
    ) -> None:
        self.release, self.folder, self.format = release, release.folder, release.format
        self.english = release.english or (self.folder, self.format)
        is_elsewhere = release.english is not None and source == ENGLISH
        if learned and is_elsewhere and not self.english[0].is_dir():
            raise DataError(
                f"{self.english[0]}: no such folder. English train and dev of this task come from "
                "there: get the task that it belongs to first, or name another folder with "
                "task.english_folder"
            )
        self.labels, self.positions = list(release.labels), positions(release.labels, release.label_names)
        self.learned, self.scored, self.translated = learned and self.format.is_learned, scored, translated
        is_there = source == ENGLISH or not self.learned  # English may be elsewhere, and is looked for below
        self.source = source if is_there else self._with_train(source, f"task.source={source}")
        there = self.format.languages(self.folder, scored)
        if languages == AVAILABLE:
            languages = sorted(there, key=lambda language: (language != self.source, language))
        if isinstance(languages, str):
            raise ConfigError(
                f"task.languages={languages}: expected `{AVAILABLE}` or a list such as [en,de]"
                f"{did_you_mean(languages, [AVAILABLE])}"
            )
        if not languages:
            raise DataError(f"{self.folder}: no language with a {scored} part there; docs/data.md has its files")
        self.examined = set() if examined is None else examined
        self.languages = [self._code_of(language, there) for language in languages]
        _refuse_twice(self.languages, languages)
        asked = (shots or {}).items() if self.learned else ()
        self.shots = {self._with_train(one, f"finetune.shots={{{one}: {number}}}"): number for one, number in asked}
        for language, part in self.needed():
            self.path(language, part)

    def _code_of(self, language: str, there: Sequence[str], key: str = "task.languages") -> str:
        """By which code a language is there; as it was asked for where it is not."""
        found = codes_of(language, there)
        if len(found) > 1:
            raise ConfigError(f"{key}: {language} may be {' or '.join(found)} in {self.folder}; name one")
        return found[0] if found else language

    def _with_train(self, language: str, setting: str) -> str:
        """By which code a language has a train part.

        Raises:
            DataError: it has none.
        """
        there = self._trained
        if (found := self._code_of(language, there, setting)) not in there:
            raise DataError(
                f"{setting}: no train part for {language} in {self.folder}. Languages with one: "
                f"{', '.join(there) or 'none'}{did_you_mean(language, there)}"
            )
        return found

    @cached_property
    def _trained(self) -> list[str]:
        return self.format.languages(self.folder, "train")

    def needed(self) -> list[tuple[str, PartName]]:
        """Language and part of every file of a run."""
        learned: list[tuple[str, PartName]] = [(self.source, "train"), (self.source, "dev")] if self.learned else []
        shots: list[tuple[str, PartName]] = [(language, "train") for language in self.shots]
        return [*learned, *shots, *((language, self.scored_part(language)) for language in self.languages)]

    def scored_part(self, language: str) -> PartName:
        """The part of a language that is scored."""
        is_said_in_english = self.translated and self.scored == "test" and language != ENGLISH
        return "translated_test" if is_said_in_english else self.scored

    def scored_language(self, language: str) -> str:
        """The language in which the scored part of a language is said."""
        return ENGLISH if self.scored_part(language) == "translated_test" else canonical(language)

    def place(self, language: str, part: PartName) -> tuple[Path, Format[AnyExample]]:
        """The folder and format of a part: what is learned from can come from elsewhere."""
        is_learned = language == ENGLISH and part != "test"
        return self.english if is_learned else (self.folder, self.format)

    def path(self, language: str, part: PartName) -> Path:
        """The file of a part."""
        folder, format = self.place(language, part)
        return format.path(folder, language, part, self.release.train_size)

    def read(self, language: str, part: PartName) -> Part[Any]:
        """One part, whole, but where ``max_train`` of the source or ``max_test`` are fewer."""
        whole = self._read(language, part, self.positions)
        if part == "train":
            return _drawn(whole, self.release.max_train if language == self.source else None, "task.max_train")
        return _drawn(whole, self.release.max_test if part.endswith("test") else None, "task.max_test")

    def read_unlabelled(self, language: str, part: str = "train") -> Part[Any]:
        """The train part of a target language; its labels are dropped in the reader.

        Raises:
            ConfigError: it is another part, or the source.
            DataError: there is none.
        """
        if part != "train" or language == self.source:
            raise ConfigError(
                f"unlabelled text of {language} {part}: only the train parts of target languages are read without "
                "labels; what is scored, and what weights are chosen by, is never learned from"
            )
        return self._read(language, "train", WITHOUT_LABELS)

    def read_text(self, language: str, part: PartName) -> Part[Any]:
        """Any part, to be compared or tokenised and not to be learned from; its labels are dropped in the reader.

        What is odd about it is told where it is learned or scored.
        """
        return self._read(language, part, WITHOUT_LABELS, is_examined=False)

    def scored_texts(self, language: str) -> set[tuple[str, ...]]:
        """What is scored in a language, ``folded``; nothing where none is. No label is read.

        Where it is scored as it is said in English, its own text is among it, if it is there.
        """
        return {
            folded(example.parts)
            for one in self.languages
            if spoken(one) == spoken(language)
            for part in {self.scored, self.scored_part(one)}
            if one in self.format.languages(self.folder, part)
            for example in self.read_text(one, part).examples
        }

    def _read(self, language: str, part: PartName, labels: Mapping[str, int], *, is_examined: bool = True) -> Part[Any]:
        format = self.place(language, part)[1]
        read = format.read(
            self.path(language, part),
            labels,
            language=format.called(language),
            part=part,
            on_bad_line=self.release.on_bad_line,
        )
        if is_examined and (language, part) not in self.examined:
            self._examine(read, language, part)
            self.examined.add((language, part))
        return read

    def _examine(self, read: Part[Any], language: str, part: PartName) -> None:
        """Compare a file that is read for the first time with its release, and log what is odd about it."""
        for reason, count in read.dropped.items():
            log.warning("%s: %d left out: %s", read.path, count, reason)
        elsewhere = {what: count for what, count in read.besides.items() if what.startswith("another")}
        if elsewhere:
            log.info("%s: %s of %s (%s)%s", read.path, plural(read.rows, "row"), language, part, _listed(elsewhere))
        encoded = sum(any(map(has_entity, one.parts)) for one in read.examples)
        tell_of_entities(read.path, encoded, len(read.examples))
        check_rows(
            read.rows,
            self.release.sizes,
            part,
            language,
            where=str(read.path),
            strict=self.release.is_official,
        )


def _drawn(part: Part[Any], most: int | None, key: str) -> Part[Any]:
    """So many of its examples, in file order.

    They are the same for every seed and, where files have as many rows, the same rows of every language; 10 that are
    drawn are among the 20.
    """
    rows = len(part.examples)
    if most is None or rows <= most:
        return part
    places = sorted(stream(0, key).permutation(rows)[:most].tolist())
    dropped = part.dropped | {f"not drawn, {key}={most}": rows - most}
    return part._replace(examples=[part.examples[place] for place in places], dropped=dropped)


def _listed(counts: Mapping[str, int]) -> str:
    return "".join(f", {count} of {what}" for what, count in counts.items())


def _refuse_twice(languages: Sequence[str], asked: Sequence[str]) -> None:
    """Refuse two codes of one language, whose average would count it twice; a treebank or region is another test."""
    whole: dict[str, str] = {}
    for language in languages:
        name = language if re.search("[-_]", language) else canonical(language)
        if name in whole:
            both = "" if whole[name] == language else f": {whole[name]} and {language} are both {name}; keep one"
            raise ConfigError(f"task.languages={list(asked)}: a language is named twice{both}")
        whole[name] = language
