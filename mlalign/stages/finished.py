"""A run's folder is named by its configuration, so that the same command finds its own run."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlalign.config.enums import Keep
from mlalign.config.identity import fingerprint
from mlalign.config.schema import Train
from mlalign.files import sha256_of
from mlalign.reporting.results import FILE, read_results
from mlalign.stages.backbone import identified
from mlalign.stages.text import texts_of

log = logging.getLogger(__name__)

# A run is the same wherever it lies, whatever it runs on and however it is shown.
NOT_IN_THE_NAME = ("output", "resume", "prepare", "keep")
NOT_OF_THE_TRAINER = ("progress", "devices", "compile")
NOT_OF_THE_LOGGER = ("group", "rows", "texts", "figures", "artifacts")


def is_finished(config: Train, folder: Path, languages: Sequence[str]) -> bool:
    """Whether a folder holds results for these languages, from files that have not changed."""
    if not (folder / FILE).is_file():
        return False
    results, keep = read_results(folder), config.keep
    kept = Keep(results["config"].get("keep", Keep.none))
    if list(Keep).index(kept) < list(Keep).index(keep):
        log.info("This run kept fewer weights than keep=%s asks for: it is made anew.", keep)
        return False
    if set(results["scores"]) != set(languages):
        log.info("Other languages are there than when this was run: it is made anew.")
        return False
    for name, known in results["data"].items():
        path = Path(name)
        if not path.is_file() or sha256_of(path) != known["sha256"]:
            log.info("%s has changed since this run: it is made anew.", path)
            return False
    return not _other_texts(config, results)


def _other_texts(config: Train, results: Mapping[str, Any]) -> bool:
    """Whether the corpora hold other files than a run read, if it read any."""
    read = {path for paths in results.get("parallel", {}).values() for path in paths}
    if not read:
        return False
    there = {str(path) for paths in texts_of(config).values() for path in paths}
    for path in sorted(there ^ read):
        what = "is new" if path in there else "is not read any more"
        log.info("%s %s since this run: it is made anew.", path, what)
    return there != read


def run_folder(config: Train) -> Path:
    """Named by the configuration, so that the same command finds its own run.

    Raises:
        DataError: the backbone's folder holds no model.
    """
    settings = asdict(config)
    for key in NOT_IN_THE_NAME:
        settings.pop(key)
    for key in NOT_OF_THE_TRAINER:
        settings["trainer"].pop(key)
    for key in NOT_OF_THE_LOGGER:
        settings["logger"].pop(key)
    settings["backbone"] = identified(config.backbone)
    settings["backbone"].pop("gradient_checkpointing")
    words = [config.backbone.name.split("/")[-1], config.method.name]
    words += [config.ablation.name] if config.ablation.name != "none" else []
    words += [f"seed{config.seed}", fingerprint(settings)[:8]]
    return Path(config.output) / config.task.name / "-".join(words)
