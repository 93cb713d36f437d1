"""Whether a finished run is what its files say: scored again, nothing learned, and compared."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mlalign.commands.rescore import Evaluation, changed
from mlalign.config.schema import Train
from mlalign.device import choose_tokens
from mlalign.errors import ConfigError
from mlalign.files import PREDICTIONS, Json, JsonObject
from mlalign.finetuning.building import task_files
from mlalign.metrics.tasks import task_metrics
from mlalign.models.io import load_encoder
from mlalign.reporting.results import Results, changed_files, read_results
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.reopen import config_of, load_run
from mlalign.tasks.retrieval import Retrieval
from mlalign.tasks.scoring import HEADLINE
from mlalign.training.computing import attention, set_up
from mlalign.training.trainer import trainer_of
from mlalign.wording import plural

Scores = Mapping[str, Mapping[str, float]]  # key of the results -> language -> score


def verify_typed(typed: JsonObject) -> None:
    """Check a run with what was typed at ``evaluate.py``."""
    verify(Path(typed["verify"]), typed["trainer"])


def verify(folder: Path, trainer: Mapping[str, Json]) -> None:
    """Score the run in a folder again, in a folder that is gone afterwards, and print what is not the same.

    Args:
        trainer: what is typed of ``trainer``; the rest is as it was run, the accelerator whatever there is.

    Raises:
        ConfigError: the run kept no weights that were tested.
        DataError: the run or a file of its task is not there.
        SystemExit: with status 1, where something differs.
    """
    results = read_results(folder)
    config = changed(config_of(results, folder), {"trainer": trainer})
    config.task.languages = list(results.scores)
    with TemporaryDirectory() as place:
        scores = scored(results, config, folder, Path(place))
        found = [*changed_files(results), *other_scores(results, scores)]
        found += [line for one in results.scores for line in other_predictions(folder, Path(place), one)]
    for line in found:
        print(line)
    if found:
        sys.exit(1)
    rows = sum(len(_lines(folder, language)) for language in results.scores)
    same = f"{plural(len(results.scores), 'language')} and {plural(rows, 'prediction')}"
    print(f"{folder}: scored again, {same} are the same")


def scored(results: Results, config: Train, folder: Path, place: Path) -> Scores:
    """The scores now; predictions go to a folder."""
    if task_metrics()[results.metric].is_learned:
        run = load_run(folder)
        files = task_files(config, learned=False, scored=results.split)
        made = Evaluation(run, config, files, place).make(results.selection)
        return {HEADLINE: made.scores, **made.beside}
    if results.aligned is None:
        raise ConfigError(
            f"{folder}: nothing was aligned or learned in this run, so it kept no weights; the same train.py command "
            "with resume=false scores the backbone again"
        )
    files, computing = task_files(config, learned=False), set_up(config)
    encoder, tokenizer = load_encoder(Path(results.aligned), attention=attention(config))
    layout = ParallelText(config).layout(tokenizer, config.finetune.max_length)
    loop = trainer_of(config, computing, folder=place)
    sizes = {"tokens": choose_tokens(config.trainer.tokens, gpu=computing.gpu), "workers": config.trainer.workers}
    found: dict[str, dict[str, float]] = {}
    for language in files.languages:
        part, path = files.read(language, "test"), place / PREDICTIONS / f"{language}.jsonl"
        for key, score in Retrieval([]).score(part, language, encoder, layout, loop, path, **sizes).items():
            found.setdefault(key, {})[language] = score
    return found


def other_scores(results: Results, scores: Scores) -> Iterator[str]:
    """Every number that is another."""
    for key, written in {HEADLINE: results.scores, **results.beside}.items():
        for language, score in written.items():
            now = scores.get(key, {}).get(language)
            if now != score:
                yield f"{key} in {language}: {score} is written, {now} was found"


def other_predictions(folder: Path, place: Path, language: str) -> Iterator[str]:
    """How many lines of a language's predictions are others, and the first of them."""
    written, now = _lines(folder, language), _lines(place, language)
    path = folder / PREDICTIONS / f"{language}.jsonl"
    if len(written) != len(now):
        yield f"{path}: {len(written)} predictions are written, {len(now)} were found"
        return
    others = [number for number, (one, other) in enumerate(zip(written, now, strict=True), start=1) if one != other]
    if others:
        yield f"{path}: {len(others)} of {len(now)} predictions are others, the first in line {others[0]}"


def _lines(folder: Path, language: str) -> list[str]:
    path = folder / PREDICTIONS / f"{language}.jsonl"
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
