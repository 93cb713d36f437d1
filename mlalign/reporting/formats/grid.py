"""A table as cells of text, before any format's own marks and escapes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mlalign.reporting.results import Spending
from mlalign.reporting.significance import Paired, effect_size_bias
from mlalign.reporting.tables import NEVER_ALIGNED, SUMMARIES, Cell, PairedComparison, Row, Table, seen

MISSING = "—"
UNKNOWN = "n/a"
NOT_RECORDED, NOT_RUN = "not recorded", "not run"
GAP = 2  # between columns
OF_SYSTEMS = (
    "Settings: published, as a publication has them but for the notes above; own; or tuned. Pairs: those of the "
    "alignment's steps; tokens, FLOPs and seconds: of all that was done to the encoder before fine-tuning. Means over "
    "runs, seconds those of the machine."
)
EQUAL = (
    "Equal within: the smallest margin within which two one-sided tests at 5 % find the two equal; a large one says "
    "that little is known, not that they differ."
)
BY_SEEDS, BY_ITEMS, COPIED = "*", "†", "‡"


@dataclass(frozen=True)
class GridCell:
    """A number as text, its standard deviation, and its marks of significance."""

    text: str
    spread: str = ""
    marks: str = ""
    is_best: bool = False


def cell_text(cell: GridCell) -> str:
    """Mean ± sd and marks on one line."""
    return cell.text + tail(cell)


def tail(cell: GridCell) -> str:
    """What follows the number, without what the best one is marked by."""
    return (f" ± {cell.spread}" if cell.spread else "") + cell.marks


@dataclass(frozen=True)
class GridRow:
    """A name and its cells; rows of one group stand together."""

    name: str
    cells: tuple[GridCell, ...]
    group: str  # baseline | ours | copied


@dataclass(frozen=True)
class Grid:
    """What every format prints, each in its way."""

    title: str
    head: tuple[str, ...]  # without the column of names
    rows: tuple[GridRow, ...]
    notes: tuple[str, ...]
    together: int = 1  # last columns that nothing parts

    def panels(self, width: int) -> Iterator["Grid"]:
        """Grids of as many columns as fit into so many signs beside the names."""
        first = len(self.head) - self.together
        ends = [*range(1, first + 1), len(self.head)]
        start = done = 0
        for end in ends:
            if self._width(slice(start, end)) > width and done > start:
                yield self._part(slice(start, done))
                start = done
            done = end
        yield self._part(slice(start, done))

    def _width(self, columns: slice) -> int:
        part = self._part(columns)
        lines = zip(part.head, *(map(cell_text, row.cells) for row in part.rows), strict=True)
        return max(len(row.name) for row in part.rows) + sum(GAP + max(map(len, column)) for column in lines)

    def _part(self, columns: slice) -> "Grid":
        rows = tuple(replace(row, cells=row.cells[columns]) for row in self.rows)
        return replace(self, head=self.head[columns], rows=rows)


def grids(table: Table) -> list[Grid]:
    """The scores, what the rows took where they say it, and the tests of averages over targets where there are any."""
    tests, systems = _tests(table), [_systems(table)] if table.says_what_is_read else []
    return [_scores(table), *systems, *([tests] if tests.rows else [])]


def _scores(table: Table) -> Grid:
    rows = []
    for row in table.rows:
        cells = [_score(row.cells[column]) for column in table.columns]
        cells.append(GridCell("" if row.copied else str(row.runs or NOT_RUN)))
        rows.append(GridRow(_name(row), tuple(cells), _group(row, table)))
    head = (*table.languages, *SUMMARIES.values(), "seeds")
    return Grid(table.title, head, tuple(rows), table.notes, together=len(SUMMARIES) + 1)


def _systems(table: Table) -> Grid:
    """Whose settings each row has, what its alignment took, and what it read."""
    rows = []
    for row in table.rows:
        if not row.runs:
            continue
        numbers = [UNKNOWN] * len(Spending._fields) if row.spending is None else map(amount, row.spending)
        words = [row.origin or UNKNOWN, *numbers, NOT_RECORDED if row.reads is None else seen(row.reads)]
        rows.append(GridRow(_name(row), tuple(map(GridCell, words)), _group(row, table)))
    head = ("settings", "pairs", "tokens", "FLOPs", "seconds", "reads")
    return Grid(f"{table.task}, what each row took and read", head, tuple(rows), (OF_SYSTEMS,), together=1)


def amount(number: float) -> str:
    """Whole, or with four digits where it is a million or more."""
    return f"{number:,.0f}" if number < 1e6 else f"{number:.3e}".replace("e+0", "e").replace("e+", "e")


def _tests(table: Table) -> Grid:
    tested = [(row, against) for row in table.rows if (against := row.cells[table.averaged].against) is not None]
    by_items = any(against.items is not None for _, against in tested)
    head = ["pairs", "difference", "95 % CI", "equal within", "d_z", "p", "p (Holm)"]
    head += ["items: 95 % CI", "items: equal within", "items: p", "items: p (Holm)"] if by_items else []
    rows = [GridRow(row.name, tuple(map(GridCell, _test(against, by_items))), "ours") for row, against in tested]
    title = f"{table.task}, {SUMMARIES[table.averaged]}, against {table.baseline}, same seeds"
    notes = tuple(_caveats([against for _, against in tested]))
    return Grid(title, tuple(head), tuple(rows), notes, together=4 if by_items else 1)


def _test(against: PairedComparison, by_items: bool) -> list[str]:
    test = against.seeds
    cells = [
        str(test.pairs),
        signed(test.difference),
        _interval(test.interval),
        _margin(test.equal_within),
        UNKNOWN if test.effect is None else f"{test.effect:+.2f}",
        p_value(test.p),
        p_value(against.seeds_holm),
    ]
    if by_items:
        items = against.items
        cells += [UNKNOWN, UNKNOWN] if items is None else [_interval(items.interval), _margin(items.equal_within)]
        cells += [p_value(None if items is None else items.p), p_value(against.items_holm)]
    return cells


def _caveats(tests: Sequence[PairedComparison]) -> list[str]:
    """The effect size is the difference with its interval; what d_z is worth with few pairs."""
    seeds: list[Paired] = [test.seeds for test in tests]
    notes = []
    few = sorted({test.pairs for test in seeds if test.effect is not None and test.pairs < 20})
    if few:
        factors = [f"by a factor of {effect_size_bias(pairs):.2f} with {pairs} pairs" for pairs in few if pairs > 2]
        cautions = [f"is on average too large {', '.join(factors)}"] if factors else []
        cautions += ["says nothing about an effect's size with 2 pairs"] if 2 in few else []
        notes.append(
            "Read the difference and its interval as the effect; d_z, the mean difference over the "
            f"standard deviation of the differences, {', and '.join(cautions)}."
        )
    if any(test.equal_within is not None for test in seeds) or any(test.items is not None for test in tests):
        notes.append(EQUAL)
    if any(test.p is None for test in seeds):
        notes.append(f"{UNKNOWN}: a single pair, or differences that are all equal, tell no p.")
    if any(test.items is not None for test in tests):
        notes.append("items: paired bootstrap over test items, with the seeds as they are.")
    return notes


def _score(cell: Cell) -> GridCell:
    if cell.mean is None:
        return GridCell(MISSING)
    against = cell.against
    marks = "" if against is None else _marks(against)
    marks += NEVER_ALIGNED * cell.never_aligned
    spread = "" if cell.spread is None else f"{cell.spread:.1f}"
    return GridCell(f"{cell.mean:.1f}", spread, marks, cell.is_best)


def _marks(against: PairedComparison) -> str:
    return BY_SEEDS * against.beyond_seeds + BY_ITEMS * against.beyond_items


def _name(row: Row) -> str:
    return f"{row.name} {COPIED}" if row.copied else row.name


def _group(row: Row, table: Table) -> str:
    if row.copied:
        return "copied"
    return "baseline" if row.name == table.baseline else "ours"


def p_value(value: float | None) -> str:
    """Three decimals; a smaller p is given as a bound."""
    if value is None:
        return UNKNOWN
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def signed(value: float) -> str:
    """One decimal; with a plain minus, which can be pasted into a spreadsheet."""
    return f"{value:+.1f}"


def _interval(values: tuple[float, float] | None) -> str:
    return UNKNOWN if values is None else f"[{signed(values[0])}, {signed(values[1])}]"


def _margin(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1f}"
