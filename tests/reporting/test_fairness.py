"""The best of rows that read the same, what each system read, and alignments of different budgets."""

import itertools

import pytest
from reporting.made import other, run, runs

from mlalign.errors import ConfigError
from mlalign.reporting.comparison import comparison
from mlalign.reporting.fairness import with_best
from mlalign.reporting.formats import FORMATS
from mlalign.reporting.results import Budget
from mlalign.reporting.runs import Run
from mlalign.reporting.tables import Cell, Row, score_table

LABELS = ["English labels"]
PARALLEL = [*LABELS, "parallel text"]
SCORES = {"none": [(50.0, 40.0)], "mlm": [(60.0, 45.0)], "multilevel": [(55.0, 48.0)], "labels_only": [(90.0, 30.0)]}
BOLD = {"text": "{}▲", "markdown": "**{}**", "html": "<strong>{}</strong>", "latex": r"\textbf{{{}}}"}


def systems() -> list[Run]:
    """Two systems that read labels alone, and two that read parallel text too."""
    found = runs(**SCORES)
    return [
        other(one, reads=LABELS if one.results.method in ("none", "labels_only") else PARALLEL, notes=notes)
        for one, notes in zip(found, ([], ["queue of 4"], ["queue of 4", "own text."], []), strict=True)
    ]


def test_the_best_of_a_column_is_that_of_the_rows_that_read_the_same():
    kinds = [None, (), ("a",), ("a", "b")]
    rows = [
        Row(f"{place}", {"de": Cell((score,)), "transfer_gap": Cell((score,))}, runs=1, reads=reads)
        for place, (reads, score) in enumerate(itertools.product(kinds, (3.0, 1.0, 3.0, 2.0)))
    ]
    rows += [
        Row("alone", {"de": Cell((9.0,)), "transfer_gap": Cell((9.0,))}, runs=1, reads=("c",)),
        Row("copied", {"de": Cell((9.0,)), "transfer_gap": Cell((9.0,))}, runs=0, reads=("a",), copied="a paper"),
        Row("missing", {"de": Cell(), "transfer_gap": Cell()}, runs=1, reads=("a",)),
    ]
    for row in with_best(rows):
        rivals = [one for one in rows if one.reads == row.reads and not one.copied and one.cells["de"].values]
        mean = row.cells["de"].mean
        expected = row.reads is not None and not row.copied and len(rivals) > 1 and mean is not None
        expected = expected and all(mean >= one.cells["de"].values[0] for one in rivals)
        assert row.cells["de"].is_best == expected, row.name
        assert not row.cells["transfer_gap"].is_best


@pytest.mark.parametrize("form", BOLD)
def test_every_format_marks_the_best_and_says_what_was_read(form):
    written = FORMATS[form].write(comparison(systems()))
    for score, is_best in (("90.0", True), ("40.0", True), ("60.0", True), ("48.0", True), ("50.0", False)):
        assert (BOLD[form].format(score) in written) == is_best, score
    assert written.count("English labels, parallel text") == 2
    assert written.count("queue of 4") == 1
    assert "own text." in written
    assert "own text.." not in written


def test_the_numbers_say_it_in_columns():
    lines = FORMATS["csv"].write(comparison(systems())).splitlines()
    assert lines[0].endswith(",never_aligned,reads,is_best")
    (line,) = (line for line in lines if ",multilevel,runs,ru," in line)
    assert line.endswith(',false,"English labels, parallel text",true')


@pytest.mark.parametrize("form", FORMATS)
def test_results_that_do_not_say_it_give_the_tables_that_they_gave(form):
    written = FORMATS[form].write(comparison(runs(**SCORES)))
    for word in ("reads", "read the same", "is_best", "▲", "<strong>", r"\textbf", "Budget"):
        assert word not in written


def test_a_row_that_does_not_say_it_is_named_so_and_not_marked():
    old = run("old", 1, 99.0, 99.0)
    (table,) = comparison([*systems(), old])
    assert not any(cell.is_best for row in table.rows if row.name == "old" for cell in row.cells.values())
    assert "not recorded" in FORMATS["text"].write([table])


def test_a_row_that_reads_nothing_says_so():
    nothing = [other(one, reads=[]) for one in runs(none=[(50.0, 40.0)], tiny=[(40.0, 45.0)])]
    (table,) = comparison([*systems()[1:3], *nothing])
    found = {row.name: row for row in table.rows}
    assert [found["none"].cells[one].is_best for one in ("de", "ru")] == [True, False]
    for form in FORMATS:
        assert FORMATS[form].write([table]).count("nothing") >= 2, form
        assert "not recorded" not in FORMATS[form].write([table])
    assert score_table(nothing[0].results).splitlines()[-1] == "reads: nothing"


def test_a_note_stands_once_below_the_table_with_its_rows():
    (table,) = comparison(systems())
    assert "mlm, multilevel: queue of 4." in table.notes
    assert "multilevel: own text." in table.notes


def test_a_runs_own_table_says_what_was_read_and_how_it_differs():
    *_, reads, first, second = score_table(systems()[2].results).splitlines()
    assert (reads, first, second) == ("reads: English labels, parallel text", "note: queue of 4", "note: own text.")


def aligned(method: str, unit: str, amount: float) -> Run:
    return other(run(method, folder=f"outputs/{method}"), aligned="somewhere", budget=Budget(unit, amount))


@pytest.mark.parametrize("second", [("steps", 8), ("pairs", 4), ("steps", 4.5)])
def test_alignments_of_different_budgets_are_refused_unless_asked_for(second):
    found = [run("none"), aligned("mlm", "steps", 4), aligned("multilevel", *second)]
    with pytest.raises(ConfigError, match=r"4 steps \(1 such as outputs/mlm\).*mixed_budget=true"):
        comparison(found)
    (table,) = comparison(found, mixed_budget=True)
    assert any(note.startswith("Mixed budgets, as asked for") for note in table.notes)


def test_one_budget_is_noted_and_what_aligns_nothing_has_none():
    nothing = other(run("none"), budget=Budget("steps", 0))
    (table,) = comparison([nothing, aligned("mlm", "pairs", 20000), aligned("multilevel", "pairs", 20000)])
    assert "Budget of each alignment: 20,000 pairs." in table.notes


def test_what_fine_tuning_does_besides_is_in_a_rows_name():
    tuned = run("multilevel", ablation="no_afm", tuning={"xero_align": {"weight": 1.0}, "code_switch": {}})
    assert tuned.results.name == "multilevel+code_switch+xero_align no_afm"
    assert run("multilevel", tuning={}).results.name == "multilevel"
