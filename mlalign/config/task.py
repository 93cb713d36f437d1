"""What a user can say of a task: the schema of ``conf/task/``."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from mlalign.config.enums import Conversion, LanguageCodes
from mlalign.config.frozen import Settings
from mlalign.config.settings import A_CODE, A_NAME, A_PLACE, CODES, NAMED, NAMES, PLACES, at_least, setting
from mlalign.data.languages import ENGLISH
from mlalign.files import Json


@dataclass
class TaskFiles(Settings):
    """Names of a task's files in its folder; `{}` is the language, as the release calls it."""

    train: list[str] = setting(list, PLACES)  # English examples with labels
    dev: list[str] = setting(list, PLACES)  # which checkpoints are chosen by
    test: list[str] = setting(list, PLACES)  # of every language
    translated_train: list[str] = setting(list, PLACES)  # English train said in the language
    translated_test: list[str] = setting(list, PLACES)  # the language's test said in English


@dataclass
class Columns(Settings):
    """Names of the columns that are read; see ``data.readers.table.Columns``."""

    texts: list[str] = MISSING  # one, or two for pairs of texts
    label: str = MISSING
    id: str | None = None  # null: the number of the line
    language: str | None = None  # where a file holds several
    part: str | None = None  # where a file holds several: train, dev, test


@dataclass
class Table(Settings):
    """How the rows of format `table` are read; see ``data.formats.table.Table``."""

    columns: list[Columns] = MISSING  # the first that a file's header fits
    header: list[str] | None = None  # of files that have no header line
    quoted: bool = False  # fields with a quote or tab are enclosed in "


@dataclass
class ReleaseFiles(Settings):
    """Names of a release's files on the hub.

    `{}` is the language, as the task's format calls it, and `*` anything.
    """

    test: str = MISSING  # of each language
    train: str | None = None  # null, like dev: the release has none
    dev: str | None = None  # likewise
    translated_train: str | None = None  # English train said in the language; null: none, or its own train part


@dataclass
class Release(Settings):
    """Where `data=hub` finds a task's files; they are written in the format's own layout."""

    repo: str = MISSING  # a data set's id on the hub
    revision: str = MISSING  # a commit; a branch is followed once, the manifest notes its commit
    converter: Conversion = MISSING
    files: ReleaseFiles = field(default_factory=ReleaseFiles)
    languages: list[str] | None = setting(None, NAMES)  # what `available` means; null: all that the hub has


@dataclass
class Sizes(Settings):
    """Rows of the official release: language, or `each` for all that are not named -> rows."""

    train: dict[str, int] = field(default_factory=dict)  # learned on
    dev: dict[str, int] = field(default_factory=dict)  # chosen by
    test: dict[str, int] = field(default_factory=dict)  # scored


@dataclass
class Task(Settings):
    """A task that is learned in one language and tested in every one, or only tested."""

    name: str = setting(MISSING, A_NAME)  # what results and tables call it
    format: str = MISSING  # whose files these are: a reader's name, or `table`
    folder: str = setting(MISSING, A_PLACE)  # under <root>/tasks, or <root>/retrieval for format `bitext`
    files: TaskFiles | None = None  # null: named as the format's own release does
    table: Table | None = None  # format `table` only
    language_codes: LanguageCodes | None = None  # null: as the format's own release
    codes: dict[str, str] = setting(dict, NAMED)  # more of them: release's name -> ours
    english_folder: str | None = setting(None, A_PLACE)  # English train and dev where the release has none
    labels: list[str] = MISSING  # all that its files may have
    label_names: dict[str, str] = field(default_factory=dict)  # what files say -> the label
    languages: Json = setting(MISSING, CODES)  # a list, or `available`
    source: str = setting(ENGLISH, A_CODE)  # whose labels are learned: its train and dev parts
    metric: str = MISSING  # accuracy, entity_f1, ...: which type of task it is
    translated_test: bool = False  # score the test parts of other languages as they are said in English
    # So many English examples, of a release with several sizes; null: the one it has.
    train_size: int | None = setting(None, at_least(1))
    max_train: int | None = setting(None, at_least(1))  # so many examples of the source are learned, by lot; null: all
    max_test: int | None = setting(None, at_least(1))  # so many of each language are scored, by lot; null: all
    never_align_on: list[str] = field(default_factory=list)  # corpora that hold its test text
    licence: str = MISSING  # of its text, as reports and cards print it
    url: str = MISSING  # of the data set
    sizes: Sizes = field(default_factory=Sizes)
    check_sizes: bool = True  # refuse a release of the hub whose files have other sizes
    release: Release | None = None  # on the hub
    obtain: str | None = None  # how to get it where there is no release on the hub

    @property
    def reads_pairs(self) -> bool:
        """Whether an example is two texts with one label."""
        return self.format == "pawsx" or (
            self.table is not None and any(len(columns.texts) > 1 for columns in self.table.columns)
        )


@dataclass
class TypedTask(Task):
    """A task while it is composed: what OmegaConf takes no keys for, once it is null, is checked afterwards."""

    files: Json = None
    table: Json = None
    release: Json = None
