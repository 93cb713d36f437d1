"""The paper's figures from whole tables of runs: which runs go into each, and why one is absent."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlalign.commands.show import MOST_PANELS, measures_of, request_of
from mlalign.config.commands import Show
from mlalign.errors import DataError, UserError
from mlalign.files import FULL
from mlalign.reporting.drawing.style import save
from mlalign.reporting.figures import NAMES, FigureFile, Panels, Request, figure
from mlalign.reporting.recorded import held_out_of, own_panels, targets_of
from mlalign.reporting.report.cases import seed_name
from mlalign.reporting.report.page import Shown
from mlalign.reporting.rows import Rows
from mlalign.reporting.runs import Run
from mlalign.reporting.tables import Table
from mlalign.wording import plural

log = logging.getLogger(__name__)

FOLDER = "figures"
MOST_ENCODERS = 3


@dataclass(frozen=True)
class Selection:
    """Runs that go into a figure."""

    panels: Panels  # what is drawn
    names: str  # of them, for the caption
    reason: str = ""  # why there is nothing to draw


class Figures:
    """Draws the figures of a report; one that cannot be drawn says why and stops nothing.

    Args:
        folder: of the report.
        language: of the texts that are shown; None for the first target language.
        seed: of what is sampled at random.
    """

    def __init__(self, folder: Path, language: str | None, seed: int) -> None:
        self.folder, self.language = folder, language
        # Measures are those at the end of the curves: measuring every encoder again would take minutes.
        self.request = replace(
            request_of(Show(seed=seed)), measures=lambda run: held_out_of(run) or measures_of(run, seed)
        )

    def of_task(self, table: Table, rows: Rows) -> list[Shown]:
        """Figures of the runs of one task, into ``figures/<task>``."""
        language = self.language or next((one for one in table.languages if one != table.source), table.languages[0])
        order = _order(table, rows)
        selections = {"parts": _parts(rows, order), "furthest": [_furthest(table, rows, order)]}
        selections["all"] = [_measured(rows, self.request)]
        return told_once(
            self._drawn(name, number, selection, language, table.task)
            for name, drawn in _figures()
            for number, selection in enumerate(selections.get(drawn.IN_REPORT, []), start=1)
        )

    def of_encoders(self, table: Table, rows: Rows) -> list[Shown]:
        """Figures of encoders before and after their alignment, into ``figures``."""
        order = _order(table, rows)
        language = self.language or next(iter(targets_of(_first(rows[order[0]]))), None)
        selection = _encoders(rows, order)
        drawn = [name for name, one in _figures() if one.IN_REPORT == "encoders"]
        return [self._drawn(name, 1, selection, language, "") for name in drawn]

    def _drawn(self, name: str, number: int, selection: Selection, language: str | None, task: str) -> Shown:
        drawn = figure(name)
        title, caption = drawn.TITLE, drawn.CAPTION.format(runs=selection.names, language=language)
        name = name if number == 1 else f"{name}_{number}"
        try:
            if selection.reason:
                raise DataError(selection.reason)
            numbers = drawn.collect(selection.panels, replace(self.request, language=language))
            csv, *files = save(drawn.draw, numbers, self.folder / FOLDER / task / name)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise  # there is no room for the page either
            if not isinstance(error, UserError):
                log.warning("%s of %s", name, task or "the encoders", exc_info=True)
            return Shown(name, title, caption, reason=str(error) or type(error).__name__)
        log.info("Drawn: %s", csv.with_suffix(".png"))
        where = csv.relative_to(self.folder).with_suffix("").as_posix()
        return Shown(name, title, caption, files[0], f"{where}.csv{''.join(f', {one.suffix}' for one in files)}")


def told_once(figures: Iterable[Shown]) -> list[Shown]:
    """Without the further parts of a figure that are absent for the reason of an earlier part."""
    found: dict[object, Shown] = {}
    for one in figures:
        found.setdefault((one.title, one.reason) if one.reason else one.name, one)
    return list(found.values())


def _figures() -> list[tuple[str, FigureFile]]:
    """In the paper's order."""
    return sorted(((name, figure(name)) for name in NAMES), key=lambda one: one[1].NUMBER)


def _order(table: Table, rows: Rows) -> list[str]:
    """The baseline, then the other rows."""
    first = table.baseline if table.baseline in rows else next(iter(rows))
    return [first, *(name for name in rows if name != first)]


def _parts(rows: Rows, order: Sequence[str]) -> list[Selection]:
    """The baseline beside the others, as many in a figure as a reader can compare."""
    first, *others = order
    each = MOST_PANELS - 1
    parts = [others[start : start + each] for start in range(0, len(others), each)] or [[]]
    return [_whole({name: rows[name] for name in (first, *part)}) for part in parts]


def _whole(rows: Rows) -> Selection:
    """All runs of some rows."""
    counted = [f"{name} ({plural(len(runs), 'seed')})" for name, runs in rows.items()]
    return Selection({name: [*runs.values()] for name, runs in rows.items()}, ", ".join(counted))


def _measured(rows: Rows, request: Request) -> Selection:
    """All runs of the rows whose encoders are measured, or can be."""
    reasons = {}
    for name, runs in rows.items():
        try:
            for run in runs.values():
                request.measures(run)
        except Exception as error:
            log.info("%s has no measures", name, exc_info=not isinstance(error, UserError))
            reasons[name] = f"{name}: {error}"
    known = _whole({name: runs for name, runs in rows.items() if name not in reasons})
    if not known.panels:
        return replace(_whole(rows), reason="; ".join([*reasons.values()][:2]))
    without = f"; without {', '.join(reasons)}, whose encoders cannot be measured" if reasons else ""
    return replace(known, names=known.names + without)


def _furthest(table: Table, rows: Rows, order: Sequence[str]) -> Selection:
    """The baseline's first run beside that of the row whose mean over targets is furthest away."""
    found = {row.name: row.cells["transfer_average"].mean for row in table.rows if not row.copied}
    means = {name: mean for name, mean in found.items() if mean is not None}
    first = order[0]
    apart = {name: abs(mean - means[first]) for name, mean in means.items() if first in means and name != first}
    names = [first, *([max(apart, key=apart.__getitem__)] if apart else [])]
    said = " and ".join(_with_seed(name, rows) for name in names)
    said += ", the row furthest from it on average over targets" if apart else ""
    return Selection(own_panels([_first(rows[name]) for name in names]), said)


def _encoders(rows: Rows, order: Sequence[str]) -> Selection:
    """The baseline's first run; where it aligns nothing, that of each row that does, ``MOST_ENCODERS`` of them."""
    aligned = [name for name in order if _first(rows[name]).results.aligned is not None]
    shown = aligned[:1] if aligned[:1] == [order[0]] else aligned[:MOST_ENCODERS]
    if not shown:
        return Selection({}, "No run has an aligned encoder.", reason="no run has an aligned encoder")
    names = ", ".join(_with_seed(name, rows) for name in shown)
    return Selection(own_panels([_first(rows[name]) for name in shown]), f"Before alignment and after it: {names}.")


def _first(runs: Mapping[tuple[str | None, ...], Run]) -> Run:
    return next(iter(runs.values()))


def _with_seed(name: str, rows: Rows) -> str:
    return f"{name} (seed {seed_name(next(iter(rows[name])))})"
