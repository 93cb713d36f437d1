"""The best of rows that read the same, what each system read, and alignments of different budgets."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from reporting.made import other, results, run, runs, written
from typed import call

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
STAGES = {"centred": {"sentences": 9, "tokens": 200, "flops": 5e11, "seconds": 1.5}}
SPENT = Budget("steps", 4, steps=4, pairs=64, tokens=1000, flops=2e12, seconds=6.0, stages=STAGES)
BOLD = {"text": "{}▲", "markdown": "**{}**", "html": "<strong>{}</strong>", "latex": r"\textbf{{{}}}"}


def systems() -> list[Run]:
    return list(made())


def made() -> Iterator[Run]:
    """Two systems that read labels alone, and two that read parallel text too."""
    found = runs(**SCORES)
    for one, notes in zip(found, ([], ["queue of 4"], ["queue of 4", "own text."], []), strict=True):
        is_aligned = one.results.method in ("mlm", "multilevel")
        changes = {"aligned": "somewhere", "budget": SPENT} if is_aligned else {}
        yield other(one, reads=PARALLEL if is_aligned else LABELS, notes=notes, **changes)


@pytest.mark.parametrize("budgets", [(None,), (None, "4 steps"), (None, "4 steps", "8 steps")])
def test_the_best_of_a_column_is_that_of_the_rows_that_read_the_same_at_one_budget(budgets):
    kinds = [None, (), ("a",), ("a", "b")]
    rows = [
        Row(f"{place}", {"de": Cell((score,)), "transfer_gap": Cell((score,))}, runs=1, reads=reads, budget=budget)
        for place, (reads, budget, score) in enumerate(itertools.product(kinds, budgets, (3.0, 1.0, 3.0 - 1e-9, 2.0)))
    ]
    rows += [
        Row("alone", {"de": Cell((9.0,)), "transfer_gap": Cell((9.0,))}, runs=1, reads=("c",)),
        Row("copied", {"de": Cell((9.0,)), "transfer_gap": Cell((9.0,))}, runs=0, reads=("a",), copied="a paper"),
        Row("missing", {"de": Cell(), "transfer_gap": Cell()}, runs=1, reads=("a",)),
    ]
    for row in with_best(rows):  # what only rounding parts is a tie
        rivals = [one for one in rows if one.reads == row.reads and not one.copied and one.cells["de"].values]
        rivals = [one for one in rivals if len(budgets) < 3 or one.budget == row.budget]
        mean = row.cells["de"].mean
        expected = row.reads is not None and not row.copied and len(rivals) > 1 and mean is not None
        expected = expected and all(mean > one.cells["de"].values[0] - 1e-6 for one in rivals)
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


def test_latex_has_no_sign_that_its_own_fonts_lack():
    unaligned = [other(one, never_aligned=["ru"]) for one in systems()]
    assert FORMATS["latex"].write(comparison(unaligned)).isascii()


def test_the_numbers_say_it_in_columns():
    lines = FORMATS["csv"].write(comparison(systems())).splitlines()
    spent = ("pairs", "tokens", "flops", "seconds")
    assert lines[0].endswith(f",never_aligned,reads,is_best,settings,{','.join(f'alignment_{one}' for one in spent)}")
    (line,) = (line for line in lines if ",multilevel,runs,ru," in line)
    assert line.endswith(',false,"English labels, parallel text",true,own,64,1200,2.5e+12,7.5')


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


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_what_a_row_took_and_whose_settings_it_has(form):
    tuned = other(systems()[1], config=systems()[1].results.config | {"method": {"name": "mlm", "trials": 9}})
    (table,) = comparison([*systems(), other(tuned, scores={"en": 1.0, "de": 2.0, "ru": 3.0})])
    found = {row.name: row for row in table.rows}
    assert {name: row.origin for name, row in found.items() if name != "mlm tuned"} == dict.fromkeys(SCORES, "own")
    assert found["mlm tuned"].origin == "tuned"
    assert found["none"].spending == (0, 0, 0, 0)
    assert found["multilevel"].spending == (64, 1200, 2.5e12, 7.5)
    written = FORMATS[form].write([table])
    for word in ("2.5e+12" if form == "csv" else "2.500e12", "tuned", "own"):
        assert word in written


def test_evaluate_marks_the_best_among_rows_of_the_same_reading_and_budget(tmp_path):
    """Systems, tunings and few labels beside each other, at two budgets."""
    few = {"finetune": {"shots": {"de": 10}}}
    rows = [
        ("none", 30.0, LABELS, {}, None),
        ("none", 31.0, [*LABELS, "translated task text"], {"tuning": {"xero_align": {}}}, None),
        ("none", 32.0, [*LABELS, "translated task text"], {"tuning": {"translate_train": {}}}, None),
        ("none", 70.0, ["10 labels in de", *LABELS], few, None),
        ("mlm", 40.0, PARALLEL, {}, 4),
        ("tlm", 41.0, PARALLEL, {}, 4),
        ("xlm", 50.0, PARALLEL, {}, 8),
        ("labse", 51.0, PARALLEL, {}, 8),
        ("labse", 88.0, ["10 labels in de", *PARALLEL], few, 8),
    ]
    for place, (method, de, reads, config, steps) in enumerate(rows):
        budget = None if steps is None else Budget("steps", steps, pairs=steps, tokens=9, flops=9.0, seconds=1.0)
        found = results(method, de=de, ru=None, align={"steps": steps or 4}, **config)
        folder = tmp_path / "mldoc" / str(place)
        written(folder, replace(found, reads=reads, budget=budget, aligned=None if budget is None else "there"))
    refused = call("evaluate.py", [f"runs={tmp_path}/**"], tmp_path)
    assert refused.returncode == 2
    assert "aligned with different budgets: 4 steps" in refused.stderr
    ended = call("evaluate.py", [f"runs={tmp_path}/**", "mixed_budget=true", "baseline=none"], tmp_path)
    assert ended.returncode == 0, ended.stderr
    scores = ended.stdout.split("what each row took")[0]
    assert [f"{de}▲" in scores for _, de, *_ in rows] == [False, False, True, False, False, True, False, True, False]
    assert max(map(len, ended.stdout.split("\n  Selection")[0].splitlines())) <= 120


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
