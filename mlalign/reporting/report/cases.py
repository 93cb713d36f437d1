"""Every test example of a task with what each run said of it, column by column."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlalign.metrics.tasks import Prediction, TaskMetric, task_metrics
from mlalign.metrics.tasks.base import Outcome
from mlalign.reporting.predictions import predictions_file, read_predictions
from mlalign.reporting.recorded import TOPICS
from mlalign.reporting.rows import Rows
from mlalign.reporting.runs import Run

Said = tuple[tuple[str, Outcome], ...]  # id and gold of every example
Answers = list[tuple[str, Outcome, Outcome]]  # id, gold and predicted
NOTHING = -1  # a run has no prediction for an example


@dataclass(frozen=True)
class Texts:
    """The test texts of a language as they were when they were scored, or why there are none.

    Attributes:
        parts: of each example one or two texts, or the words of a sentence; None without texts.
        sides: the languages of two texts, where they are not both the language itself.
        reason: why there are none.
    """

    parts: Sequence[Sequence[str]] | None = None
    sides: tuple[str, str] | None = None
    reason: str | None = None


@dataclass
class Cases:
    """A task's examples, language by language; answers are places in ``outcomes``.

    Attributes:
        task: its name.
        metric: of the task.
        outcomes: everything that is gold or was predicted.
        languages: and how many examples each has.
        ids, gold: of each example.
        rows, seeds: names, in their order.
        answers: row -> seed -> the answer to each example, or ``NOTHING``.
        left_out: what could not be shown, in sentences.
    """

    task: str
    metric: TaskMetric
    outcomes: list[Outcome]
    languages: dict[str, int]
    ids: list[str]
    gold: list[int]
    rows: list[str]
    seeds: list[str]
    answers: dict[str, dict[str, list[int]]]
    left_out: list[str] = field(default_factory=list)

    def right(self, row: str, seed: str) -> list[bool]:
        """Whether a run said of each example what is true."""
        return [one == gold for one, gold in zip(self.answers[row][seed], self.gold, strict=True)]


def seed_name(seeds: Sequence[str | None]) -> str:
    """One number where all stages had the same, else that of the run and of each stage."""
    known = [one for one in seeds if one is not None]
    return "/".join(known[:1] if len(set(known)) == 1 else known)


def cases_of(task: str, rows: Rows, languages: Sequence[str], labels: Sequence[str]) -> Cases:
    """Read the predictions of all runs of a task.

    Args:
        task: its name.
        rows: row -> seeds -> run.
        languages: in the order in which they are shown.
        labels: of the task, in its order.

    Returns:
        The examples of the languages that some run has predictions in; a run whose predictions
        are missing, or are of other examples than most runs', says nothing there.

    Raises:
        DataError: a file of predictions is damaged.
    """
    runs = [(row, seeds, run) for row, found in rows.items() for seeds, run in found.items()]
    seeds = sorted({seed_name(seeds) for _, seeds, _ in runs}, key=_numbers_first)
    metric = task_metrics()[runs[0][2].results.metric]
    shown = labels if metric.has_labels else ()
    places: dict[Outcome, int] = {TOPICS.get(one, one): n for n, one in enumerate(shown)}
    cases = Cases(task, metric, [], {}, [], [], list(rows), seeds, {row: {} for row in rows})
    for row, one, _ in runs:
        cases.answers[row][seed_name(one)] = []
    for language in languages:
        read = {run.folder: _read(run, metric, language) for _, _, run in runs}
        known = Counter(_examples(found) for found in read.values() if found)
        if not known:
            cases.left_out.append(f"{language}: no predictions were kept.")
            continue
        examples = known.most_common(1)[0][0]
        for row, one, run in runs:
            answers = _answers(read[run.folder], examples, places)
            if answers is None:
                answers = [NOTHING] * len(examples)
                cases.left_out.append(f"{language}: {run.folder} has none, or of other examples.")
            cases.answers[row][seed_name(one)] += answers
        cases.languages[language] = len(examples)
        cases.ids += [identifier for identifier, _ in examples]
        cases.gold += [places.setdefault(gold, len(places)) for _, gold in examples]
    cases.outcomes = list(places)
    return cases


def _numbers_first(name: str) -> tuple[bool, int, str]:
    return not name.isdecimal(), int(name) if name.isdecimal() else 0, name


def _read(run: Run, metric: TaskMetric, language: str) -> Answers:
    path = predictions_file(run.folder, language)
    return [(one.id, *_outcomes(metric, one)) for one in read_predictions(path, metric)] if path.is_file() else []


def _outcomes(metric: TaskMetric, one: Prediction) -> tuple[Outcome, Outcome]:
    gold, predicted = metric.outcomes(one)
    return _shown(gold), _shown(predicted)


def _shown(outcome: Outcome) -> Outcome:
    return TOPICS.get(outcome, outcome) if isinstance(outcome, str) else outcome


def _examples(answers: Answers) -> Said:
    return tuple((identifier, gold) for identifier, gold, _ in answers)


def _answers(answers: Answers, examples: Said, places: dict[Outcome, int]) -> list[int] | None:
    if _examples(answers) != examples:
        return None
    return [places.setdefault(predicted, len(places)) for _, _, predicted in answers]
