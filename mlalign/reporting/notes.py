"""What must be read with a table: how its numbers came about, and what is not in it."""

from collections import Counter
from collections.abc import Callable, Sequence

from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.fairness import budgets, trials_of
from mlalign.reporting.results import Results
from mlalign.reporting.rows import Rows
from mlalign.reporting.runs import Unfinished
from mlalign.reporting.significance import LEVEL
from mlalign.reporting.tables import NEVER_ALIGNED, Cell, Table
from mlalign.wording import plural

AVERAGES = (
    "All languages, and targets only (all but {0}): means over the languages shown, missing where "
    "one of these is. Gap: {0} minus targets."
)
FEW_LABELS = (
    "learned as many labels of these languages as their names say; the scores there, and the averages over them, are "
    "not zero-shot."
)


def notes_on(
    table: Table,
    results: Sequence[Results],
    resamples: int,
    unfinished: Sequence[Unfinished],
) -> list[str]:
    """Sentences to stand below a table that holds our own rows.

    Args:
        table: as it is so far.
        results: of its runs.
        resamples: that the bootstrap was asked for.
        unfinished: runs that are not in it.
    """
    notes = [f"Selection of checkpoints: {results[0].selection}.", AVERAGES.format(table.source)]
    notes += [_tests(table, resamples), _missing(table), _fewer_runs(table), _other_numbers(table)]
    notes.append(_never_aligned(table))
    if unfinished:
        missed = listed(list(map(str, unfinished)), separator="; ")
        notes.append(f"Not finished, so not in this table: {missed}.")
    return [note for note in notes if note]


def notes_on_systems(table: Table, rows: Rows) -> list[str]:
    """What rows may be compared for, and how their systems differ from their publications."""
    notes = []
    if table.says_what_is_read:
        notes.append(
            "Best mean of a column among rows that read the same at the same budget: bold, or ▲. Whether it is better "
            "than others is what the tests say."
        )
    allowed = list(budgets([run for found in rows.values() for run in found.values()]))
    notes += [f"Budget of each alignment: {allowed[0]}."] if len(allowed) == 1 else []
    notes += [tuned] if (tuned := trials_of(rows)) else []
    few = [name for name, found in rows.items() if any(run.results.shots for run in found.values())]
    notes += [f"{', '.join(few)}: {FEW_LABELS}"] if few else []
    named: dict[str, list[str]] = {}
    for name, found in rows.items():
        for note in dict.fromkeys(note for run in found.values() for note in run.results.notes):
            named.setdefault(note, []).append(name)
    return [*notes, *(f"{', '.join(names)}: {note.removesuffix('.')}." for note, names in named.items())]


def _tests(table: Table, resamples: int) -> str:
    if len(table.rows) < 2:
        return ""
    if table.baseline is None:
        return "Nothing was tested: baseline=NAME names the row to test against."
    tests = [cell.against for row in table.rows for cell in row.cells.values() if cell.against]
    note = (
        f"Marks: p < {LEVEL} against {table.baseline} after Holm's correction over a row's "
        "languages and, for averages and gap, over the rows; * paired t-test over seeds"
    )
    resampled = sum(test.items is not None for test in tests)
    if resampled:
        note += f", † paired bootstrap over test items ({resamples:,} resamples)"
    note += "."
    if resamples and not task_metrics()[table.metric].is_itemised:
        note += " There is no bootstrap: what was predicted for the items does not give this score again."
    elif resamples and resampled < len(tests):
        without = "Some differences have" if resampled else "There is"
        note += f" {without} no bootstrap: it needs predictions beside all results."
    return note


def _missing(table: Table) -> str:
    number = sum(row.cells[one].mean is None for row in table.rows for one in table.languages)
    found = _where(table, lambda cell: cell.mean is None)
    if not found:
        return ""
    return f"— no score: {plural(number, 'cell is', 'cells are')} missing, of {listed(found)}."


def _never_aligned(table: Table) -> str:
    found = _where(table, lambda cell: cell.never_aligned)
    if not found:
        return ""
    return (
        f"{NEVER_ALIGNED} never aligned: no parallel text of this language was aligned on: "
        f"{listed(found)}. Averages count it like the others."
    )


def _where(table: Table, is_so: Callable[[Cell], bool]) -> list[str]:
    """The rows with such cells, and their languages."""
    found = {row.name: [one for one in table.languages if is_so(row.cells[one])] for row in table.rows}
    return [f"{name} ({', '.join(languages)})" for name, languages in found.items() if languages]


def _fewer_runs(table: Table) -> str:
    found = [
        f"{row.name} in {one} ({number} of {row.runs})"
        for row in table.rows
        for one in table.languages
        if 0 < (number := len(row.cells[one].values)) < row.runs
    ]
    return f"Over fewer runs than their row: {listed(found)}." if found else ""


def _other_numbers(table: Table) -> str:
    usual = Counter(row.runs for row in table.rows).most_common(1)[0][0]
    others = [f"{row.name} on {row.runs}" for row in table.rows if row.runs != usual]
    return f"The rows rest on {plural(usual, 'seed')}, but {listed(others)}." if others else ""


def listed(found: Sequence[str], most: int = 10, separator: str = ", ") -> str:
    """The first of them; the rest is counted."""
    more = len(found) - most
    return separator.join([*found[:most], *([f"and {more} more"] if more > 0 else [])])
