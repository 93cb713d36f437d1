"""A run's folder is named by its configuration, so that the same command finds its own run."""

import logging
from collections.abc import Sequence
from pathlib import Path

from mlalign.config.enums import Keep
from mlalign.config.identity import run_name
from mlalign.config.renamed import renamed_settings
from mlalign.config.schema import Train
from mlalign.reporting.results import FILE, changed_files, read_results
from mlalign.stages.backbone import local_files
from mlalign.stages.dictionary import lexicon_files
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.teacher import teacher_files

log = logging.getLogger(__name__)


def run_folder(config: Train) -> Path:
    """Named by what affects the run: the same wherever it is, whatever it runs on and however it is shown.

    Raises:
        DataError: the backbone's folder holds no model, ``data.lexicon`` no dictionary, or ``data.teacher`` no encoder.
    """
    files = local_files(config.backbone) | lexicon_files(config) | teacher_files(config)
    return Path(config.output) / config.task.name / run_name(config, files)


def is_finished(config: Train, folder: Path, languages: Sequence[str], text: ParallelText) -> bool:
    """Whether a folder holds results for these languages, from files that have not changed."""
    if not (folder / FILE).is_file():
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
