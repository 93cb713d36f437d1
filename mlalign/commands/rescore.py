"""A finished run, scored again: other languages, files, part or checkpoint; nothing is learned."""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from omegaconf import OmegaConf
from torch.utils.data import DataLoader

from mlalign.config.enums import Accelerator, Keep
from mlalign.config.frozen import freeze, thawed
from mlalign.config.hydra import refuse_typed
from mlalign.config.identity import fingerprint
from mlalign.config.plain import as_object, container
from mlalign.config.schema import Train
from mlalign.config.settings import Faults, refuse, told
from mlalign.data.coverage import Coverage
from mlalign.data.languages import others
from mlalign.data.readers import AnyExample, Part
from mlalign.data.readers.format import PartName
from mlalign.data.task_files import TaskFiles
from mlalign.device import choose_tokens, peak_memory_bytes
from mlalign.files import EVALUATIONS, PREDICTIONS, RESULTS, FileRecord, Json, JsonObject, locked, remove
from mlalign.finetuning.building import notes_on_scored, task_files
from mlalign.inference.encoder import warn_of_pruned
from mlalign.models.backbone import quiet_transformers
from mlalign.progress import bar
from mlalign.reporting.results import ORACLE, Results, commit, read_results, versions, write_results
from mlalign.reporting.tables import score_table
from mlalign.stages.code import code_hashes
from mlalign.stages.preparation import prepare, prepare_task
from mlalign.stages.reopen import OpenedRun, config_of, load_run
from mlalign.tasks.base import TaskBatch
from mlalign.tasks.data import covered, scored_part
from mlalign.tasks.scoring import HEADLINE, add_records, score_part
from mlalign.training.computing import set_up
from mlalign.training.trainer import trainer_of


def rescore_typed(typed: JsonObject) -> None:
    """Score a run again with what was typed at ``evaluate.py``."""
    refuse_typed("finetune", "a run that is scored again learns nothing")
    changes = {group: typed[group] for group in ("data", "task", "trainer")}
    rescore(Path(typed["run"]), changes, split=typed["split"], selection=typed["selection"])


def rescore(
    folder: Path, changes: Mapping[str, Json], *, split: PartName = "test", selection: str | None = None
) -> Path:
    """Score the run in a folder again, and show what was found.

    Args:
        changes: to its configuration: under ``data``, ``task`` and ``trainer``.
        split: ``test`` or ``dev``.
        selection: ``english_dev``, ``last``, ``oracle`` (in every language the step that did best on its own dev part:
            an upper bound), or None for the run's own.

    Returns:
        The evaluation's folder, with results and predictions as a run has them.

    Raises:
        ConfigError: labels or metric are not those of the run, the weights were not kept, or it is a trial of tuning
            and the test part is meant.
        DataError: the run or a file is not there.
    """
    before = config_of(read_results(folder), folder)
    selection = selection or before.finetune.selection.value
    config = changed(before, changes)
    refuse(told(faults(before, config, folder, split, selection)))
    config.task.labels = list(before.task.labels)  # in the head's order
    (prepare_task if config.data.source == "hub" else prepare)(config)
    files = task_files(config, learned=False, scored=split)
    config.task.languages = files.languages
    freeze(config)
    run = load_run(folder, selection=None if selection == ORACLE else selection)
    if changes.get("data") or changes.get("task"):
        warn_of_pruned(run.encoder, folder)
    place = folder / EVALUATIONS / name_of(config, split, selection)
    evaluation = Evaluation(run, config, files, place)
    with locked(place / ".lock"):
        found = evaluation.make(selection)
    print(f"\n{score_table(found)}\n\nresults  {place / RESULTS}")
    return place


def changed(config: Train, changes: Mapping[str, Json]) -> Train:
    """A run's configuration with what was typed.

    A whole task replaces the run's; another root holds files of one's own; the accelerator is whatever there is.
    """
    base = OmegaConf.structured(thawed(config))
    if "root" in changes.get("data", {}):
        base.data.source = "files"
    base.trainer.accelerator = Accelerator.auto
    if "name" in changes.get("task", {}):
        base.task = OmegaConf.structured(type(config.task))
    return as_object(OmegaConf.merge(base, changes), Train)


def faults(before: Train, config: Train, folder: Path, split: str, selection: str) -> Faults:
    """What keeps a run from being scored so: what a trial must not see, a head's labels, what an oracle chooses by."""
    learned, asked, kept = before.task.labels, config.task.labels, before.keep_checkpoints
    is_oracle, metric, number = selection == ORACLE, config.task.metric, before.trial
    return {
        f"{folder}: trial {number} of tuning, which must not see a test part; train.py tuned=FOLDER makes a run with "
        "the settings that trials chose, and split=dev scores this one on other dev "
        "parts": number is not None and split != before.scored,
        f"task={config.task.name} has the labels {', '.join(asked)}, but the run learned {', '.join(learned)} "
        f"(task={before.task.name}); score it on a task with the same labels, or train on this "
        "one": set(learned) != set(asked),
        f"task.metric={metric}: the run was made for {before.task.metric}; score it on a task with the same "
        "metric": before.task.metric != metric,
        "selection=oracle split=dev: the oracle chooses by the dev part, and its score there would say nothing; leave "
        "split=test": is_oracle and split == "dev",
        f"selection=oracle needs the weights of every evaluation, and {folder} kept those of keep_checkpoints={kept}; "
        "train again with keep_checkpoints=all": is_oracle and kept != Keep.all,
    }


def name_of(config: Train, split: str, selection: str) -> str:
    """The same question has the same folder."""
    asked = [config.task, config.data.root, config.data.on_bad_line, split, selection]
    return "-".join([config.task.name, split, selection, fingerprint(asked)[:8]])


class Evaluation:
    """Scores of one opened run."""

    def __init__(self, run: OpenedRun, config: Train, files: TaskFiles, folder: Path) -> None:
        self.run, self.config, self.files, self.folder = run, config, files, folder
        self.computing, self.code = set_up(config), code_hashes()
        quiet_transformers()
        self.data: dict[str, FileRecord] = {}
        self.coverage: dict[str, Coverage] = {}
        loop, module = trainer_of(config, self.computing, folder=folder), run.module
        self.score = partial(score_part, loop, module, module.task)

    def make(self, selection: str) -> Results:
        """Score; the results are written last."""
        started = time.perf_counter()
        (self.folder / RESULTS).unlink(missing_ok=True)
        remove(self.folder / PREDICTIONS)
        steps = self._oracle_steps() if selection == ORACLE else dict.fromkeys(self.files.languages, self.run.step)
        scores = self._scores(steps)
        results = self._results(scores, steps, selection, time.perf_counter() - started)
        write_results(self.folder, results)
        return results

    def _oracle_steps(self) -> dict[str, int]:
        """Language -> the first step that did best on its own dev part."""
        files = task_files(self.config, learned=False, scored="dev")
        dev = {language: self._part(files, language) for language in files.languages}
        scores: dict[str, dict[int, float]] = {language: {} for language in dev}
        for step in bar(self.config.trainer.progress, "choosing")(self.run.results.weights["kept"]):
            self.run.restore(step)
            for language, read in dev.items():
                scores[language][step] = self.score(*read, None, language=language)[HEADLINE]
        return {language: max(found, key=found.__getitem__) for language, found in scores.items()}

    def _scores(self, steps: Mapping[str, int]) -> dict[str, dict[str, float]]:
        """Key in the results -> the score of every language with the weights of its step."""
        scores: dict[str, dict[str, float]] = {}
        shown = bar(self.config.trainer.progress, "testing")
        for language in shown(sorted(self.files.languages, key=steps.__getitem__)):
            self.run.restore(steps[language])
            path = self.folder / PREDICTIONS / f"{language}.jsonl"
            scores[language] = self.score(*self._part(self.files, language), path, language=language)
        languages = self.files.languages
        return {key: {one: scores[one][key] for one in languages} for key in scores[languages[0]]}

    def _part(self, files: TaskFiles, language: str) -> tuple[Part[AnyExample], DataLoader[TaskBatch]]:
        """What is scored in a language, and its batches."""
        own = self.config.trainer
        sizes = {"tokens": choose_tokens(own.tokens, gpu=self.computing.gpu), "workers": own.workers}
        part, batches = scored_part(self.run.module.task, files, self.run.layout, language, **sizes)
        add_records(self.data, part)
        self.coverage[language] = covered(part, files, self.run.layout, language)
        return part, batches

    def _results(
        self, results: Mapping[str, dict[str, float]], steps: Mapping[str, int], selection: str, seconds: float
    ) -> Results:
        """As the run's, of what was scored now."""
        config = container(self.config)
        config["finetune"]["selection"] = selection
        scores = results[HEADLINE]
        known = self.run.results.parallel if self.run.results.aligned else {}
        before = self.run.config
        notes = set(self.run.results.notes) - notes_on_scored(before.task, before.scored)
        return replace(
            self.run.results,
            task=self.config.task.name,
            metric=self.config.task.metric,
            selection=selection,
            split=self.files.scored,
            evaluation_of=str(self.run.folder),
            steps=dict(steps),
            scores=scores,
            beside={key: found for key, found in results.items() if key != HEADLINE},
            never_aligned=others(scores, known, self.config.data.pivot) if known else [],
            notes=sorted(notes | notes_on_scored(self.config.task, self.files.scored)),
            config=config,
            versions=versions(),
            commit=commit(),
            evaluation_code=self.code,
            computing=asdict(self.computing),
            seconds={"test": round(seconds, 2), "total": round(seconds, 2)},
            peak_memory_bytes=peak_memory_bytes(),
            coverage={"scored": self.coverage},
            data=self.data,
        )
