"""What a user can say of parallel corpora: how they are prepared, and ``conf/corpus/``."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlalign.config.folder import CONF
from mlalign.config.frozen import Settings
from mlalign.config.settings import A_PATH, CLOSED_SHARE, NAMED, SEED, at_least, setting
from mlalign.errors import ConfigError
from mlalign.files import Json


@dataclass
class Prepare(Settings):
    """How a released corpus becomes files of ``<root>/parallel``."""

    path: str | None = setting(None, A_PATH)  # a release on disk, file or folder, for the one corpus data.parallel
    columns: list[Json] = setting(list)  # English and the other, names or numbers
    codes: dict[str, str] = setting(dict, NAMED)  # language -> what the release calls it
    min_characters: int = setting(1, at_least(1))  # of either side
    max_characters: int = 1000  # of either side
    max_ratio: float = setting(3.0, at_least(1))  # between the widths of the sides
    min_letters: float = setting(0.5, CLOSED_SHARE)  # share of the characters that are letters
    script: bool = True  # most letters are of the language's script
    identify: bool = False  # recognise languages, too: pip install 'mlalign[identify]'
    max_pairs: int | None = setting(1_000_000, at_least(1))  # of each language, a uniform sample
    seed: int = setting(1, SEED)  # of these, and of the text that data=sample generates
    keep_downloads: bool = True  # False: each fetched file is removed once it was read


class CorpusKind(StrEnum):
    """Where a corpus of the catalogue lies."""

    opus = "opus"
    hub = "hub"


@dataclass
class Corpus:
    """A corpus that ``data=hub`` finds by its name: one file of ``conf/corpus/``."""

    kind: CorpusKind = MISSING
    name: str = MISSING  # as OPUS or the hub call it
    version: str = MISSING  # of OPUS; a commit or branch of the hub
    files: str = ""  # hub: {pair} is both codes in order of the alphabet, {language} the other
    columns: list[str] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    languages: list[str] = MISSING  # besides English
    licence: str = MISSING
    cost: str = MISSING  # to get it
    cite: str = MISSING


def read_catalogue() -> dict[str, Corpus]:
    """All corpora that have a file.

    Raises:
        ConfigError: a file does not fit the schema.
    """
    folder = Path(CONF) / "corpus"
    return {path.stem: _read(path) for path in sorted(folder.glob("*.yaml"))}


def _read(path: Path) -> Corpus:
    try:
        corpus = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Corpus), OmegaConf.load(path)))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {str(error).splitlines()[0]}") from None
    assert isinstance(corpus, Corpus)
    return corpus
