"""What a user can say of parallel corpora: how they are prepared, and ``conf/corpus/``."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlalign.config.folder import CONF
from mlalign.errors import ConfigError


@dataclass
class Prepare:
    """How a released corpus becomes files of ``<root>/parallel``."""

    path: str | None = None  # a release on disk, file or folder, for the one corpus data.parallel
    columns: list[Any] = field(default_factory=list)  # English and the other, names or numbers
    codes: dict[str, str] = field(default_factory=dict)  # language -> what the release calls it
    min_characters: int = 1
    max_characters: int = 1000
    max_ratio: float = 3.0  # between the widths of the sides
    min_letters: float = 0.5  # share of the characters that are letters
    script: bool = True  # most letters are of the language's script
    identify: bool = False  # recognise languages, too: pip install 'mlalign[identify]'
    max_pairs: int | None = 1_000_000  # of each language, a uniform sample
    seed: int = 1  # of the sample
    keep_downloads: bool = True  # False: each fetched file is removed once it was read


def prepare_contradictions(prepare: Prepare, source: str) -> list[tuple[bool, str]]:
    """What must not hold of ``prepare`` under ``data.source``, and what to say if it does."""
    least = {"min_characters": 1, "max_ratio": 1, "min_letters": 0, "max_pairs": 1, "seed": 0}
    return [
        *(
            (
                (value := getattr(prepare, key)) is not None and value < lowest,
                f"prepare.{key}={value}: expected at least {lowest}",
            )
            for key, lowest in least.items()
        ),
        (
            prepare.min_letters > 1,
            f"prepare.min_letters={prepare.min_letters}: expected a share in [0, 1]",
        ),
        (
            prepare.path is not None and source == "sample",
            f"prepare.path={prepare.path} with data=sample, which is generated: add "
            "data=files data.root=FOLDER for what is prepared",
        ),
        (
            len(prepare.columns) not in (0, 2) or "0" in map(str, prepare.columns),
            f"prepare.columns={prepare.columns}: expected two, that of English first; names, or numbers from 1",
        ),
        (
            prepare.min_characters > prepare.max_characters,
            f"prepare.min_characters={prepare.min_characters} is more than "
            f"prepare.max_characters={prepare.max_characters}",
        ),
    ]


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
        merged = OmegaConf.merge(OmegaConf.structured(Corpus), OmegaConf.load(path))
        missing = sorted(OmegaConf.missing_keys(merged))
        if missing:
            raise ConfigError(f"{path}: expected a value for {', '.join(missing)}")
        corpus = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {str(error).splitlines()[0]}") from None
    assert isinstance(corpus, Corpus)
    return corpus
