"""What tunings may read besides labels, looked for before anything is loaded and read when first asked for."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache, cached_property, partial
from itertools import islice
from pathlib import Path

from mlalign.config.schema import Train
from mlalign.data.languages import ENGLISH, canonical, nearest, writes_spaces
from mlalign.data.lexicon import INDUCED, Lexicon, require_dictionary
from mlalign.data.readers import AnyExample, LabelledText, Part, PartName, read_pairs
from mlalign.data.task_files import TaskFiles
from mlalign.data.text import read_lines
from mlalign.errors import ConfigError, DataError
from mlalign.files import FileRecord, sha256_of
from mlalign.tasks.base import AnyTask
from mlalign.tasks.registry import learned_task
from mlalign.wording import sentence


class TextSource(StrEnum):
    """Where text in a target language comes from that needs no label."""

    task = "task"  # the task's own train part
    parallel = "parallel"  # the target sides of the parallel text


class PairSource(StrEnum):
    """Where English text and its translation come from."""

    translations = "translations"  # of the task's English train part
    parallel = "parallel"


class Resources:
    """Target text of a task, labelled or not by translation, and parallel text.

    Args:
        files: of the task.
        parallel: language -> its parallel files; looked for when called.
        lexicon: the dictionaries of languages, see ``stages.dictionary.lexicon_of``.
    """

    def __init__(
        self,
        config: Train,
        files: TaskFiles,
        parallel: Callable[[], Mapping[str, Sequence[Path]]],
        lexicon: Callable[[Sequence[str]], Lexicon],
    ) -> None:
        self.config, self.files, self._parallel, self._read_lexicon = config, files, parallel, lexicon
        self.parts: list[Part[AnyExample]] = []  # of the task, as far as they were read
        self._needed: dict[tuple[str, PartName], None] = {}  # of the task, as far as they were looked for
        self.texts: Callable[[TextSource, str], Sequence[AnyExample]] = cache(self._texts)
        self.translations: Callable[[str], Mapping[str, AnyExample]] = cache(self._translations)
        self.files_read: dict[str, FileRecord] = {}  # besides
        self.lexicon: Callable[[tuple[str, ...]], Lexicon] = cache(self._lexicon)
        self.sentences: Callable[[str], Sequence[tuple[str, str]]] = cache(self._sentences)

    @cached_property
    def task(self) -> AnyTask:
        """The type of the task."""
        config = self.config
        return learned_task(config.task.metric, config.task.labels, windows=config.finetune.windows)

    @cached_property
    def parallel(self) -> Mapping[str, Sequence[Path]]:
        """Language -> its parallel files.

        Raises:
            DataError: one is missing.
        """
        return self._parallel()

    def languages(self, key: str, asked: Sequence[str] | None) -> list[str]:
        """The target languages that a setting means.

        Args:
            key: of the setting, for the message.
            asked: its value; None for all that the task is tested in.

        Raises:
            ConfigError: there is none, or the source is among them.
        """
        source = canonical(self.files.source)
        found = [one for one in self.files.languages if canonical(one) != source] if asked is None else list(asked)
        if not found or source in found:
            raise ConfigError(
                f"{key}={asked}: expected target languages, found {', '.join(found) or 'none'}; name them as {key}=[de]"
            )
        return found

    def require_texts(self, name: str, source: TextSource, languages: Sequence[str]) -> None:
        """Look for unlabelled text of target languages.

        Args:
            name: of the tuning that reads it.
            source: its ``unlabelled``.
            languages: whose.

        Raises:
            UserError: a language has none.
        """
        key = f"tuning.{name}.unlabelled"
        if source == TextSource.parallel:
            self.require_parallel(f"{key}=parallel", languages)
        else:
            otherwise = f"{key}=parallel reads the target sides of the parallel text instead"
            self._require(f"{key}=task", languages, "train", otherwise)

    def require_pairs(self, name: str, source: PairSource, languages: Sequence[str]) -> None:
        """Look for text of the source and its translation; see ``require_texts``.

        Raises:
            ConfigError: the parallel text pairs another language than the source.
        """
        key = f"tuning.{name}.source"
        if source == PairSource.parallel:
            self._require_from(f"{key}=parallel reads pairs", self.config.data.pivot)
            self.require_parallel(f"{key}=parallel", languages)
        else:
            otherwise = f"{key}=parallel reads pairs of the parallel text instead"
            self.require_translations(f"{key}=translations", languages, otherwise)

    def require_translations(self, key: str, languages: Sequence[str], otherwise: str) -> None:
        """Look for translations of the English train part.

        Raises:
            ConfigError: another language is learned.
            DataError: a language has none.
        """
        self._require_from(f"{key} reads translations", ENGLISH, f". {otherwise}")
        self._require(key, languages, "translated_train", otherwise)

    def require_parallel(self, key: str, languages: Sequence[str]) -> None:
        """Look for the parallel text of languages.

        Raises:
            ConfigError: a language has none.
            DataError: a file is missing.
        """
        for language in languages:
            if nearest(language, self.parallel) is None:
                raise ConfigError(
                    f"{key}: {language} is not among the languages of the parallel text "
                    f"({', '.join(self.parallel) or 'none'}); name its corpus in data.parallel or other languages"
                )

    def require_lexicon(self, name: str, languages: Sequence[str]) -> None:
        """Look for a dictionary of languages.

        Args:
            name: of the tuning that reads it.
            languages: whose.

        Raises:
            UserError: there is none.
        """
        choice = self.config.data.lexicon
        of = self.config.data.pivot if choice == INDUCED else ENGLISH
        self._require_from(f"tuning={name} with data.lexicon={choice} reads translations", of)
        require_dictionary(choice, self.config.data.root, f"tuning={name}")
        if choice == INDUCED:
            self.require_parallel("data.lexicon=induced", languages)
            if not any(map(writes_spaces, languages)):
                raise ConfigError(
                    f"tuning={name} with data.lexicon=induced: {', '.join(languages)} writes no spaces between words, "
                    "so that no dictionary can be learned; name a file or folder, or other languages"
                )

    def check(self) -> None:
        """Read what was looked for of the task, and keep it, so that a fault is told before anything is trained.

        Raises:
            DataError: a file is broken, or translates nothing that is learned, or a translation has another label than
                what it translates.
        """
        for language, part in self._needed:
            if part == "train":
                self.texts(TextSource.task, language)
                continue
            found = [self.translation(example, language) for example in self._learned]
            if not any(found):
                raise DataError(
                    f"{self.files.path(language, part)}: expected translations of the English train part, found none "
                    f"that has the id of one of its {len(found)} examples, as {self._learned[0].id}; give a "
                    "translation the id, or the line, of what it translates"
                )

    @cached_property
    def _learned(self) -> Sequence[AnyExample]:
        return self.files.read(self.files.source, "train").examples

    def translation(self, example: AnyExample, language: str) -> AnyExample | None:
        """The translation of an English train example, None where there is none.

        Raises:
            DataError: it has another label.
        """
        found = self.translations(language).get(example.id)
        if isinstance(found, LabelledText) and isinstance(example, LabelledText) and found.label != example.label:
            names = self.config.task.labels
            raise DataError(
                f"{self.files.path(language, 'translated_train')}: example {example.id} has the label "
                f"{names[found.label]}, and in English {names[example.label]}; it translates other text"
            )
        return found

    def _require_from(self, what: str, language: str, otherwise: str = "") -> None:
        """Refuse what says another language than the source otherwise."""
        source = canonical(self.files.source)
        if source != language:
            raise ConfigError(f"{what} from {language}, and task.source={source} is learned{otherwise}")

    def _require(self, key: str, languages: Sequence[str], part: PartName, otherwise: str) -> None:
        for language in languages:
            try:
                self.files.path(language, part)
            except DataError as error:
                raise DataError(f"{key}: {sentence(str(error))}\n{otherwise}") from error
            self._needed[language, part] = None

    def _texts(self, source: TextSource, language: str) -> Sequence[AnyExample]:
        """Examples in a target language, without labels."""
        if source == TextSource.task:
            return self._noted(self.files.read_unlabelled(language)).examples
        return [self.task.example_of(target, canonical(language)) for _, target in self.sentences(language)]

    def _translations(self, language: str) -> Mapping[str, AnyExample]:
        """Id of an English train example -> its translation."""
        return {one.id: one for one in self._noted(self.files.read(language, "translated_train")).examples}

    def _sentences(self, language: str) -> Sequence[tuple[str, str]]:
        """Both sides of the parallel text, the pivot's first, of every file as many as an alignment takes at most."""
        data = self.config.data
        read = partial(read_pairs, on_bad_line=data.on_bad_line, dropped=Counter(), pivot=data.pivot)
        return [
            pair
            for path in self.parallel[nearest(language, self.parallel) or language]
            for pair in islice(read(path), data.max_pairs)
        ]

    def _lexicon(self, languages: tuple[str, ...]) -> Lexicon:
        """Dictionaries of English with languages; of files it is noted what was read."""
        for path in require_dictionary(self.config.data.lexicon, self.config.data.root, "tuning"):
            self.files_read[str(path)] = {"rows": sum(1 for _ in read_lines(path)), "sha256": sha256_of(path)}
        return self._read_lexicon(languages)

    def _noted(self, part: Part[AnyExample]) -> Part[AnyExample]:
        self.parts.append(part)
        return part
