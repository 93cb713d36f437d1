"""A run's folder: its name, by which the same command finds it, whether it is finished, and what is done if it is not.

``progress.json`` has what a run that is not finished has done, so that the same command goes on from there.
"""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import mlalign
from mlalign import files
from mlalign.config.enums import Keep
from mlalign.config.identity import fingerprint, run_name
from mlalign.config.renamed import renamed_settings
from mlalign.config.schema import Train
from mlalign.data.readers import AnyExample, Part
from mlalign.data.task_files import TaskFiles
from mlalign.device import Computing
from mlalign.distributed import broadcast_object, is_rank_zero
from mlalign.files import RESULTS, JsonObject, remove, sha256_of, write_whole
from mlalign.finetuning.checkpoints import WEIGHTS
from mlalign.finetuning.validation import reads_parallel
from mlalign.reporting.curves import CURVES
from mlalign.reporting.results import changed_files, read_results
from mlalign.stages.backbone import local_files
from mlalign.stages.dictionary import lexicon_files
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.teacher import teacher_files

log = logging.getLogger(__name__)

PROGRESS = "progress.json"
SOURCE_STAGE = "source"  # folder of the stage before the one of a few labels, where that is apart
CHECKPOINTS = files.CHECKPOINT.parts[0]
OF_RESULTS = (files.PREDICTIONS, files.METRICS, files.EVALUATIONS, files.WANDB)
MADE = (files.RESULTS, PROGRESS, CHECKPOINTS, WEIGHTS, CURVES, SOURCE_STAGE, *OF_RESULTS)  # by a run


def run_folder(config: Train) -> Path:
    """Named by what affects the run: the same wherever it is, whatever it runs on and however it is shown.

    Raises:
        DataError: the backbone's folder holds no model, ``data.lexicon`` no dictionary, or ``data.teacher`` no encoder.
    """
    files = local_files(config.backbone) | lexicon_files(config) | teacher_files(config)
    return Path(config.output) / config.task.name / run_name(config, files)


def is_finished(config: Train, folder: Path, languages: Sequence[str], text: ParallelText) -> bool:
    """Whether a folder holds results for these languages, from files that have not changed."""
    if not (folder / RESULTS).is_file():
        return False
    results, keep, order = read_results(folder), config.keep_checkpoints, list(Keep)
    kept = renamed_settings(results.config).get("keep_checkpoints", Keep.none)
    if kept not in order[order.index(keep) :]:
        log.info("This run kept fewer weights than keep_checkpoints=%s asks for: it is recomputed.", keep)
        return False
    if set(results.scores) != set(languages):
        log.info("Other languages are there than when this was run: it is recomputed.")
        return False
    for change in changed_files(results):
        log.info("%s: it is recomputed.", change)
        return False
    read = {path for paths in results.parallel.values() for path in paths}
    there = {path for paths in text.paths.values() for path in paths} if read else set()
    for path in sorted(there ^ read):
        log.info("%s %s since this run: it is recomputed.", path, "is new" if path in there else "is no longer read")
    return there == read


class Progress:
    """What was done under the same circumstances; under others everything is made again.

    The first rank reads and writes; all ranks ask.

    Args:
        identity: of all that the fine-tuned weights follow from and that the folder's name does not say.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder, self.identity = folder, identity
        known = broadcast_object(files.read_object(folder / PROGRESS) if is_rank_zero() else {})
        self.known: JsonObject = {"identity": identity, "learned": None, "scored": {}}
        if known.get("identity") == identity:
            self.known = known
        elif is_rank_zero():
            remove_made(folder)
            self._write()

    @property
    def learned(self) -> JsonObject | None:
        """What finished fine-tuning left: ``weights`` (``CheckpointKeeper.finish``), ``files`` read and ``seconds``."""
        return self.known["learned"]

    def note_learned(self, done: JsonObject) -> None:
        """Fine-tuning is finished, and its weights are on the disk; the checkpoint is not needed any more."""
        self.known["learned"] = done
        if is_rank_zero():
            self._write()
            remove(self.folder / CHECKPOINTS)

    def scored(self, language: str, part: Part[AnyExample]) -> JsonObject | None:
        """``scores`` and ``seconds`` of a language that was scored before; None if file or predictions changed."""
        found = self.known["scored"].get(language)
        same = is_rank_zero() and found is not None and found["files"] == self._files(language, part)
        return found if broadcast_object(same) else None

    def note_scores(self, language: str, part: Part[AnyExample], scores: Mapping[str, float], seconds: float) -> None:
        """A language is scored, which took so long, and its predictions are on the disk."""
        if is_rank_zero():
            found = {"scores": dict(scores), "files": self._files(language, part), "seconds": seconds}
            self.known["scored"][language] = found
            self._write()

    def _files(self, language: str, part: Part[AnyExample]) -> list[str | None]:
        """Hashes of what was scored and of what was predicted."""
        paths = (part.path, part.beside, self.folder / files.PREDICTIONS / f"{language}.jsonl")
        return [sha256_of(path) if path is not None and path.is_file() else None for path in paths]

    def _write(self) -> None:
        write_whole(self.folder / PROGRESS, json.dumps(self.known, ensure_ascii=False, indent=1) + "\n")


def identity_of(config: Train, encoder: JsonObject, task: TaskFiles, text: ParallelText, computing: Computing) -> str:
    """Of all that fine-tuned weights follow from and that the name of the run's folder does not say.

    Args:
        encoder: what identifies its weights and tokenizer.
        text: parallel; counts where a tuning reads it.
    """
    if not is_rank_zero():
        return ""
    tested = {task.path(language, task.scored_part(language)) for language in task.languages}
    read = [one for one in sorted(task.folder.rglob("[!.]*")) if one.is_file() and one not in tested]
    read += [task.path(task.source, part) for part in (("train", "dev") if task.learned else ())]
    return fingerprint(
        {
            "version": mlalign.__version__,
            **encoder,
            "task": [[one.name, sha256_of(one)] for one in read],
            "text": text.identity if reads_parallel(config) else {},
            "keep": config.keep_checkpoints,
            "computing": [computing.precision, computing.attention],
        }
    )


def remove_made(folder: Path) -> None:
    """Forget everything that a run made, its results first."""
    for name in MADE:
        remove(folder / name)


def remove_unkept(folder: Path, kept: Collection[int]) -> None:
    """Leave of a finished run what was to be kept."""
    for one in list((folder / WEIGHTS).glob("[!.]*")):
        if int(one.name) not in kept:
            remove(one)
    if not kept:
        remove(folder / WEIGHTS)
    for name in (CHECKPOINTS, PROGRESS, SOURCE_STAGE):
        remove(folder / name)
