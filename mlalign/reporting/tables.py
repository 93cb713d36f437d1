"""Tables of scores: what they hold, whatever they are printed as; and one run for a terminal."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlalign.data.languages import ENGLISH
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.bootstrap import BootstrapResult
from mlalign.reporting.results import Results, Spending
from mlalign.reporting.significance import LEVEL, Paired

NOTHING = "nothing"
NEVER_ALIGNED = "§"  # marks a language that was scored, and never aligned on
SUMMARIES = {"average": "all languages", "transfer_average": "targets only", "transfer_gap": "gap"}


@dataclass(frozen=True)
class PairedComparison:
    """A cell against the baseline's, over seeds and over test items; Holm's p beside each."""

    seeds: Paired
    seeds_holm: float | None = None
    items: BootstrapResult | None = None
    items_holm: float | None = None

    @property
    def beyond_seeds(self) -> bool:
        """Whether it differs by more than the noise of seeds."""
        return self.seeds_holm is not None and self.seeds_holm < LEVEL

    @property
    def beyond_items(self) -> bool:
        """Whether it differs by more than the choice of test items."""
        return self.items_holm is not None and self.items_holm < LEVEL


@dataclass(frozen=True)
class Cell:
    """One score, once for every run that has it."""

    values: tuple[float, ...] = ()
    against: PairedComparison | None = None
    never_aligned: bool = False  # no parallel text of this language was aligned on
    is_best: bool = False  # of its column, among the rows that read the same

    @property
    def mean(self) -> float | None:
        """Over runs; None where there is none."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        """Standard deviation of a sample; None for fewer than two runs."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Row:
    """One method, ablation or backbone; or a row of the paper."""

    name: str
    cells: Mapping[str, Cell]  # column -> cell, every column of the table
    runs: int  # 0: none yet
    copied: str | None = None  # from where; such a row is never tested
    reads: tuple[str, ...] | None = None  # what its system saw; None where that was not recorded
    origin: str | None = None  # whose settings it has, see Results.origin
    budget: str | None = None  # that its alignments were allowed; None without one
    spending: Spending | None = None  # a mean over runs


@dataclass(frozen=True)
class Table:
    """One task: rows by languages and by the three summaries of ``SUMMARIES``."""

    task: str
    metric: str
    setting: str  # as setting_of says it
    kind: str
    languages: tuple[str, ...]
    rows: tuple[Row, ...]
    baseline: str | None = None  # a row's name; None: nothing was tested
    source: str = ENGLISH  # whose labels were learned
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Languages and summaries."""
        return (*self.languages, *SUMMARIES)

    @property
    def averaged(self) -> str:
        """The summary that methods are compared by: over targets, where there is one."""
        return "transfer_average" if any(one != self.source for one in self.languages) else "average"

    @property
    def says_what_is_read(self) -> bool:
        """Whether some row does, and what it took."""
        return any(row.reads is not None for row in self.rows)

    @property
    def title(self) -> str:
        """What the numbers are."""
        return f"{self.task}, {self.setting}, {task_metrics()[self.metric].title} in per cent, mean ± sd over seeds"


def score_table(results: Results) -> str:
    """One run, language by language, in per cent."""
    metric, unknown = task_metrics()[results.metric], results.never_aligned
    columns = {results.name: results.scores} | {metric.beside[key]: found for key, found in results.beside.items()}
    rows = [["language", *columns]]
    rows += [
        [
            f"{language} {NEVER_ALIGNED}" if language in unknown else language,
            *(_number(column[language]) for column in columns.values()),
        ]
        for language in results.scores
    ]
    averages = [
        [name.replace("_", " "), _number(mean), *[""] * (len(columns) - 1)] for name, mean in results.summary.items()
    ]
    lines = aligned([*rows, *averages])
    rule = lines[1]
    head = f"{results.task}, {setting_of(results)}, {metric.title} in per cent"
    notes = [f"{NEVER_ALIGNED} never aligned: no parallel text of it was read"] if unknown else []
    notes += [f"reads: {seen(results.reads)}"] if results.reads is not None else []
    notes += [f"note: {note}" for note in results.notes]
    return "\n".join([head, *lines[: -len(averages)], rule, *lines[-len(averages) :], *notes])


def summary_line(results: Results) -> str:
    """The averages of one run in a few words."""
    title = task_metrics()[results.metric].title
    means = ", ".join(f"{name.replace('_', ' ')} {_number(mean)}" for name, mean in results.summary.items())
    return f"{title} in per cent: {means}"


def seen(reads: Sequence[str]) -> str:
    """What a system read, as tables say it."""
    return ", ".join(reads) or NOTHING


def setting_of(results: Results) -> str:
    """Zero-shot on test, unless labels of targets were learned, or the run was scored again in another way."""
    part = "" if results.split == "test" else f" on {results.split}"
    if results.is_upper_bound:
        return f"upper bound{part}: in each language the step that did best on its own dev part"
    learned = "" if results.source == ENGLISH else f" from {results.source}"
    return f"{'few' if results.shots else 'zero'}-shot{learned}{part}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose first row is its head; the first column is flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
