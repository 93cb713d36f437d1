"""The paper's figures from whole tables of runs: which runs go into each, and why one is absent."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlalign.commands.show import DRAW, GATHER, MOST_PANELS, measures_of, transfer_numbers
from mlalign.config.commands import Show
from mlalign.config.enums import FigureName
from mlalign.errors import DataError, UserError
from mlalign.reporting.figures import confusion
from mlalign.reporting.figures.style import save
from mlalign.reporting.recorded import (
    curves_of,
    held_out_of,
    labels_of,
    predictions_of,
    targets_of,
)
from mlalign.reporting.report.cases import seed_name
from mlalign.reporting.report.page import Shown
from mlalign.reporting.rows import Rows
from mlalign.reporting.runs import Run
from mlalign.reporting.tables import Table

log = logging.getLogger(__name__)

FOLDER = "figures"
MOST_ENCODERS = 3
TITLES = {
    FigureName.curves: "Curves of training",
    FigureName.confusion: "Confusion of classes",
    FigureName.tsne_classes: "Test texts by class",
    FigureName.similarity_transfer: "Transfer and similarity of translations",
    FigureName.correlation: "A sentence, its translation and their words",
    FigureName.tsne_languages: "Subwords by language",
    FigureName.word_pairs: "Words and their translations",
}


@dataclass(frozen=True)
class Plan:
    """A figure to be drawn.

    Attributes:
        figure: which.
        caption: what it shows, and which runs went into it.
        numbers: gathers what is plotted.
        name: of its files.
    """

    figure: FigureName
    caption: str
    numbers: Callable[[], pd.DataFrame]
    name: str


def task_figures(table: Table, rows: Rows, *, language: str | None, seed: int, folder: Path) -> list[Shown]:
    """Figures of the runs of one task, into ``figures/<task>``.

    Args:
        table: of the runs.
        rows: the same runs.
        language: of the texts that are shown; None for the first target language.
        seed: of what is drawn by lot.
        folder: of the report.
    """
    chosen = language or next((one for one in table.languages if one != "en"), table.languages[0])
    first = _baseline(table, rows)
    order = [first, *(name for name in rows if name != first)]
    parts = _parts(rows, order)
    plans = [
        *(_curves(part, number) for number, part in enumerate(parts, start=1)),
        *(_confusion(part, number, chosen) for number, part in enumerate(parts, start=1)),
    ]
    plans += [_classes(table, rows, first, chosen, seed), _transfer(rows, seed)]
    return [_drawn(plan, folder, table.task) for plan in plans]


def encoder_figures(table: Table, rows: Rows, *, language: str | None, seed: int, folder: Path) -> list[Shown]:
    """Figures of encoders before and after their alignment, into ``figures``.

    The encoder is that of the baseline's first run; where the baseline aligns nothing, the first
    run of each row that does, ``MOST_ENCODERS`` of them.
    """
    first = _baseline(table, rows)
    order = [first, *(name for name in rows if name != first)]
    runs = [(name, _first(rows[name])) for name in order]
    aligned = [one for one in runs if one[1].results["aligned"] is not None]
    shown = aligned[:1] if aligned[:1] == runs[:1] else aligned[:MOST_ENCODERS]
    names = ", ".join(f"{name} (seed {_seed(rows[name])})" for name, _ in shown)
    chosen = language or next(iter(targets_of(runs[0][1])), None)
    of = f"Before alignment and after it: {names}." if shown else "No run has an aligned encoder."
    captions = {
        FigureName.correlation: f"Cosines of a held-out English sentence and its words with its "
        f"translation ({chosen}) and that one's words. {of}",
        FigureName.tsne_languages: "t-SNE of the most frequent subwords of each language, averaged "
        f"over held-out sentences. {of}",
        FigureName.word_pairs: f"t-SNE of English words and their translations ({chosen}), joined by lines. {of}",
    }
    plans = [
        Plan(figure, caption, _gather(figure, [run for _, run in shown], chosen, seed), figure.value)
        for figure, caption in captions.items()
    ]
    return [_drawn(plan, folder, "") for plan in plans]


def _drawn(plan: Plan, folder: Path, task: str) -> Shown:
    """Draw it; a figure that cannot be made says why and stops nothing."""
    name, title = plan.name, TITLES[plan.figure]
    path = folder / FOLDER / task / name
    try:
        csv, *files = save(DRAW[plan.figure], plan.numbers(), path)
    except Exception as error:
        if not isinstance(error, UserError):
            log.warning("%s of %s", name, task or "the encoders", exc_info=True)
        return Shown(name, title, plan.caption, reason=str(error) or type(error).__name__)
    log.info("Drawn: %s", csv.with_suffix(".png"))
    where = csv.relative_to(folder).with_suffix("").as_posix()
    endings = "".join(f", {one.suffix}" for one in files)
    return Shown(name, title, plan.caption, files[0], f"{where}.csv{endings}")


def _parts(rows: Rows, order: Sequence[str]) -> list[Rows]:
    """The baseline beside the others, as many in a figure as a reader can compare."""
    first, others = order[0], order[1:]
    each = MOST_PANELS - 1
    parts = [others[start : start + each] for start in range(0, len(others), each)] or [[]]
    return [{name: rows[name] for name in (first, *part)} for part in parts]


def _numbered(figure: FigureName, number: int) -> str:
    return figure.value if number == 1 else f"{figure.value}_{number}"


def _curves(rows: Rows, number: int) -> Plan:
    def numbers() -> pd.DataFrame:
        found = [curves_of(run).assign(run=name) for name, runs in rows.items() for run in runs.values()]
        known = [one for one in found if not one.empty]
        if not known:
            raise DataError("none of these runs kept its curves")
        return pd.concat(known, ignore_index=True)

    caption = (
        "Fine-tuning above, alignment below; lines are means over seeds, bands one standard "
        f"deviation. Runs: {_counted(rows)}."
    )
    return Plan(FigureName.curves, caption, numbers, _numbered(FigureName.curves, number))


def _confusion(rows: Rows, number: int, language: str) -> Plan:
    def numbers() -> pd.DataFrame:
        said: dict[str, tuple[list[str], list[str]]] = {}
        for name, runs in rows.items():
            gold, predicted = said.setdefault(name, ([], []))
            for run in runs.values():
                one, other = predictions_of(run, language)
                gold += one
                predicted += other
        return confusion.numbers(said, labels_of(_first(next(iter(rows.values())))), language)

    caption = f"Rows are gold classes and sum to 100 %; {language}, summed over the seeds of each: {_counted(rows)}."
    return Plan(FigureName.confusion, caption, numbers, _numbered(FigureName.confusion, number))


def _classes(table: Table, rows: Rows, first: str, language: str, seed: int) -> Plan:
    """The baseline's first run beside that of the row whose mean over targets is furthest away."""
    means = {row.name: row.cells["transfer_average"].mean for row in table.rows if not row.copied}
    here = means.get(first)
    apart = {
        name: abs(mean - here)
        for name, mean in means.items()
        if name != first and mean is not None and here is not None
    }
    names = [first, *([max(apart, key=lambda one: apart[one])] if apart else [])]
    told = " and ".join(f"{name} (seed {_seed(rows[name])})" for name in names)
    caption = f"t-SNE of test texts ({language}) as the task's head sees them: {told}"
    caption += ", the row furthest from it on average over targets." if apart else "."
    runs = [_first(rows[name]) for name in names]
    return Plan(
        FigureName.tsne_classes,
        caption,
        _gather(FigureName.tsne_classes, runs, language, seed),
        FigureName.tsne_classes.value,
    )


def _transfer(rows: Rows, seed: int) -> Plan:
    """Measuring every encoder again would take minutes, where the curves end with its measures."""

    def measures(run: Run) -> dict[str, float]:
        return held_out_of(run) or measures_of(run, seed)

    def numbers() -> pd.DataFrame:
        parts, reasons = [], []
        for name, runs in rows.items():
            try:
                found = transfer_numbers(list(runs.values()), measures)
                parts.append(found.assign(run=name))
            except UserError as error:
                reasons.append(f"{name}: {error}")
        if not parts:
            raise DataError("; ".join(reasons[:2]))
        return pd.concat(parts, ignore_index=True)

    caption = (
        "Zero-shot score of every target language against how much nearer held-out translations "
        "are than other pairs, at the last point of the curves of alignment. Large marks are means "
        f"over seeds. Runs: {_counted(rows)}."
    )
    figure = FigureName.similarity_transfer
    return Plan(figure, caption, numbers, figure.value)


def _gather(figure: FigureName, runs: list[Run], language: str | None, seed: int) -> Callable[[], pd.DataFrame]:
    """The numbers as ``evaluate.py figure=...`` would find them."""

    def numbers() -> pd.DataFrame:
        if not runs:
            raise DataError("no run has an aligned encoder")
        return GATHER[figure](runs, Show(figure=figure, language=language, seed=seed))

    return numbers


def _baseline(table: Table, rows: Rows) -> str:
    return table.baseline if table.baseline in rows else next(iter(rows))


def _first(runs: Mapping[tuple[str | None, ...], Run]) -> Run:
    return next(iter(runs.values()))


def _seed(runs: Mapping[tuple[str | None, ...], Run]) -> str:
    return seed_name(next(iter(runs)))


def _counted(rows: Mapping[str, Mapping[tuple[str | None, ...], Run]]) -> str:
    """Rows with their numbers of seeds."""
    return ", ".join(f"{name} ({len(runs)} seed{'s' * (len(runs) != 1)})" for name, runs in rows.items())
