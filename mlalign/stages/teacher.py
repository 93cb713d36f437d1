"""The encoder that ``data.teacher`` names: its vectors of English, made once for a text."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from mlalign.config.identity import fingerprint
from mlalign.config.schema import Train
from mlalign.cost import Cost, forward_cost
from mlalign.data.hub.pretrained import Pretrained
from mlalign.data.teacher_vectors import Keys, TeacherVectors, open_vectors, write_vectors
from mlalign.data.text import count_lines
from mlalign.data.token_cache import Tokenised
from mlalign.distributed import on_rank_zero
from mlalign.files import Json, write_whole
from mlalign.models.sentence_encoder import SentenceEncoder, modules_of
from mlalign.progress import bar
from mlalign.stages.chain import get_or_create
from mlalign.stages.parallel_text import ParallelText
from mlalign.training.computing import takes_gpu

FORM = 1  # of the vectors in the cache; raise it when they change
COST = "cost.json"


class Teacher:
    """A folder of sentence-transformers or transformers."""

    def __init__(self, config: Train, text: ParallelText) -> None:
        assert config.data.teacher is not None
        self.config, self.text, self.folder = config, text, Path(config.data.teacher)
        self.called = f"data.teacher={self.folder}"

    @cached_property
    def identity(self) -> dict[str, str]:
        """Name -> SHA-256 of every file that it is read from."""
        return teacher_files(self.config)["data.teacher"]

    def vectors(self, tables: Mapping[str, Tokenised]) -> TeacherVectors:
        """Vectors of all sentences of the pivot of some tables, from the cache or made now by the first rank."""
        return open_vectors(self._folder(tables))

    def cost(self, tables: Mapping[str, Tokenised]) -> Cost:
        """What these vectors cost when they were made."""
        found: Json = json.loads((self._folder(tables) / COST).read_text(encoding="utf-8"))
        return Cost(**found)

    def _folder(self, tables: Mapping[str, Tokenised]) -> Path:
        keys = np.unique(np.concatenate([table.source_keys for table in tables.values()]))
        wanted = hashlib.sha256(keys.tobytes()).hexdigest()
        folder = Path(self.config.data.cache) / "teachers"
        folder /= fingerprint([FORM, self.identity, self.text.identity, wanted])
        return get_or_create(folder, on_rank_zero(partial(self._make, keys=keys)), complete=COST)

    def _make(self, folder: Path, keys: Keys) -> None:
        started = time.perf_counter()
        teacher = SentenceEncoder(self.folder, self.called, device="cuda" if takes_gpu(self.config) else "cpu")
        lengths = write_vectors(folder, keys, self._sources(), teacher)
        cost = forward_cost(teacher.model, lengths, seconds=time.perf_counter() - started)
        write_whole(folder / COST, json.dumps(asdict(cost)))

    def _sources(self) -> Iterator[str]:
        for path in map(Path, self.text.hashes):
            what = f"vectors of {self.folder.name}, {path.name}"
            shown = bar(self.config.trainer.progress, what, partial(count_lines, path))
            yield from (source for source, _ in shown(self.text.pairs_in(path)))


def teacher_files(config: Train) -> dict[str, dict[str, str]]:
    """``data.teacher`` -> name and hash of the files that it is read from; empty where it names none."""
    if config.data.teacher is None:
        return {}
    folder = Path(config.data.teacher)
    paths = dict.fromkeys(["", *(path for _, path in modules_of(folder, f"data.teacher={folder}"))])
    parts = {path: Pretrained(folder / path, None).hashes() for path in paths if (folder / path).is_dir()}
    return {"data.teacher": {str(Path(path) / name): one for path, of in parts.items() for name, one in of.items()}}
