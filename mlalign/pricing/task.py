"""How long the texts of a task are: encoded, as far as they are here, or as many as its release has at full length."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlalign.config.schema import Train
from mlalign.data.languages import ENGLISH, canonical
from mlalign.data.readers import AnyExample
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.sizes import expected_rows
from mlalign.data.task_files import TaskFiles
from mlalign.finetuning.building import official_sizes
from mlalign.tasks.registry import learned_task
from mlalign.tasks.retrieval import Retrieval
from mlalign.tasks.shots import draw_shots

SAMPLE = 500  # examples of a part that are encoded
Ints = NDArray[np.int64]
NONE: Ints = np.zeros(0, np.int64)


@dataclass(frozen=True)
class TaskLengths:
    """Lengths of sequences."""

    train: Ints | None  # of the source; None where nothing is learned
    dev: Ints | None  # of the source; None where nothing is learned
    tests: dict[str, Ints]  # language -> of what is scored
    shots: Ints = field(default_factory=lambda: NONE)  # of a few labels of target languages
    unknown: tuple[str, ...] = ()  # what nobody says the size of


def lengths_here(config: Train, files: TaskFiles, scored: TaskFiles, layout: SequenceBuilder) -> TaskLengths:
    """Of files that are here; every one is read.

    Raises:
        DataError: a file is broken.
    """
    learned = (
        learned_task(config.task.metric, config.task.labels, windows=config.finetune.windows) if files.learned else None
    )
    tests = {}
    for language in scored.languages:
        examples = scored.read(language, scored.scored_part(language)).examples
        codes = [scored.scored_language(language)] + ([] if learned else [ENGLISH])
        tests[language] = np.concatenate([_lengths(learned or Retrieval([]), examples, code, layout) for code in codes])
    if learned is None:
        return TaskLengths(None, None, tests)
    source = canonical(files.source)
    train, dev = (
        _lengths(learned, files.read(files.source, part).examples, source, layout) for part in ("train", "dev")
    )
    drawn = draw_shots(scored, config.finetune.own_seed).items()
    shots = [_lengths(learned, part.examples, canonical(language), layout) for language, part in drawn]
    return TaskLengths(train, dev, tests, np.concatenate([NONE, *shots]))


def _lengths(task: Any, examples: Sequence[AnyExample], language: str, layout: SequenceBuilder) -> Ints:
    """As the first examples have them, as many times as there are examples."""
    first = examples[:: max(1, len(examples) // SAMPLE)]
    found = [one.length for one in task.encode(first, language, layout)]
    return np.resize(np.array(found, np.int64), round(len(found) * len(examples) / max(1, len(first))))


def declared_lengths(config: Train) -> TaskLengths:
    """Of a release that is not here, by the sizes that its file in ``conf/task`` states; all of full length."""
    task, sizes, longest = config.task, official_sizes(config), config.finetune.max_length
    named = task.languages if isinstance(task.languages, list) else task.release.languages if task.release else []
    unknown: list[str] = []

    def full(part: str, language: str, otherwise: int | None = None, most: int | None = None) -> Ints:
        rows = expected_rows(sizes, part, language) or otherwise
        if rows is None:
            unknown.append(f"{part} of {language}")
        return np.full(min(rows or 0, most or rows or 0), longest, np.int64)

    if config.trial is not None:
        tests = {task.source: full("dev", task.source)}
    else:
        tests = {language: full("test", language, most=task.max_test) for language in named or ()}
    if not tests:
        unknown.append("the languages")
    if not config.finetune.epochs:
        both = {language: np.tile(one, 2) for language, one in tests.items()}  # English, and the other
        return TaskLengths(None, None, both, unknown=tuple(unknown))
    train = full("train", task.source, task.train_size, task.max_train)
    shots = np.full(sum(config.finetune.shots.values()), longest, np.int64)
    return TaskLengths(train, full("dev", task.source), tests, shots, tuple(unknown))
