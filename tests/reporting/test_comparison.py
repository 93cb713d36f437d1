"""Tables of made runs: means, tests and notes, against values worked out by hand or by scipy."""

from pathlib import Path

import numpy as np
import pytest
from reporting.made import other, results, run, runs, written
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mlalign.errors import ConfigError, DataError
from mlalign.reporting.comparison import comparison
from mlalign.reporting.runs import Unfinished, find_runs

NONE = [(50.0, 40.0), (52.0, 44.0), (51.0, 41.0)]
MLM = [(49.0, 41.0), (53.0, 43.5), (50.0, 40.0)]
MULTILEVEL = [(60.0, 52.0), (64.0, 54.0), (61.0, 55.0)]


@pytest.fixture
def table():
    (found,) = comparison(runs(none=NONE, mlm=MLM, multilevel=MULTILEVEL))
    return found


def rows_of(table):
    return {row.name: row for row in table.rows}


def notes(table):
    return "\n".join(table.notes)


def test_means_and_spread_are_those_of_a_sample(table):
    cell = rows_of(table)["multilevel"].cells["de"]
    assert cell.mean == pytest.approx(185 / 3)
    assert cell.spread == pytest.approx(np.std([60.0, 64.0, 61.0], ddof=1))
    assert rows_of(table)["multilevel"].cells["transfer_average"].mean == pytest.approx(173 / 3)


def test_one_run_has_no_spread():
    (table,) = comparison([run()])
    assert table.rows[0].cells["de"].spread is None


def test_columns_are_the_papers_then_the_others_then_summaries():
    scores = {"zh": 1.0, "sw": 2.0, "de": 3.0, "ar": 4.0, "en": 5.0}
    (table,) = comparison([run(scores=scores)])
    summaries = ("average", "transfer_average", "transfer_gap")
    assert table.columns == ("en", "de", "zh", "ar", "sw", *summaries)


def test_every_task_has_its_table_and_the_baseline_stands_first():
    tables = comparison([run("multilevel"), run("none"), run("none", task="panx")])
    assert [table.task for table in tables] == ["mldoc", "panx"]
    assert [row.name for row in tables[0].rows] == ["none", "multilevel"]


def test_languages_are_one_family_and_the_rows_of_a_summary_another(table):
    def p(row, column):
        values = [rows_of(table)[name].cells[column].values for name in (row, "none")]
        return stats.ttest_rel(*values).pvalue

    methods = ["mlm", "multilevel"]
    for name in methods:
        row = rows_of(table)[name]
        for column in table.columns:
            assert column == "en" or row.cells[column].against.seeds.p == pytest.approx(p(name, column))
        # en never varies in these runs, so that it tells no p and is no member of the family
        expected = multipletests([p(name, "de"), p(name, "ru")], method="holm")[1]
        found = [row.cells[one].against.seeds_holm for one in ("de", "ru")]
        assert found == pytest.approx(list(expected))
    for column in ("average", "transfer_average", "transfer_gap"):
        expected = multipletests([p(name, column) for name in methods], method="holm")[1]
        found = [rows_of(table)[name].cells[column].against.seeds_holm for name in methods]
        assert found == pytest.approx(list(expected))


def test_a_missing_language_stays_missing_and_takes_the_average_with_it():
    short = run("mlm", ru=None)
    (table,) = comparison([run("none"), short])
    cells = rows_of(table)["mlm"].cells
    missing = [column for column in table.columns if cells[column].mean is None]
    assert missing == ["ru", "average", "transfer_average", "transfer_gap"]
    assert "1 cell is missing, of mlm (ru)" in notes(table)


def test_a_language_that_some_seeds_lack_says_so():
    found = [run("none", 1), run("none", 2, ru=None), run("mlm", 1), run("mlm", 2)]
    (table,) = comparison(found)
    assert rows_of(table)["none"].cells["average"].values == (60.0,)
    assert "none in ru (1 of 2)" in notes(table)
    assert rows_of(table)["mlm"].cells["ru"].against.seeds.pairs == 1


def test_rows_on_different_numbers_of_seeds_say_so():
    (table,) = comparison(runs(none=NONE, mlm=MLM[:2]))
    assert "The rows rest on 3 seeds, but mlm on 2." in notes(table)
    assert rows_of(table)["mlm"].cells["de"].against.seeds.pairs == 2


def test_unfinished_runs_are_listed_below_their_task_or_where_it_has_none_below_all():
    missed = [
        Unfinished(Path("outputs/mldoc/tiny-mlm-seed1"), "DataError: no file"),
        Unfinished(Path("outputs/panx/tiny-mlm-seed1")),
        Unfinished(Path("outputs/refused/1a2b"), "ConfigError: align.steps=0"),
    ]
    mldoc, panx = comparison([run(), run(task="panx")], unfinished=missed)
    expected = "Not finished, so not in this table: outputs/mldoc/tiny-mlm-seed1 (DataError: no file)"
    assert f"{expected}; outputs/refused/1a2b (ConfigError: align.steps=0)." in notes(mldoc)
    assert "table: outputs/panx/tiny-mlm-seed1; outputs/refused" in notes(panx)


def test_an_upper_bound_says_that_it_is_one():
    (table,) = comparison([other(run(), selection="oracle")])
    assert "upper bound" in table.title
    assert "zero-shot" not in table.title


def test_a_baseline_that_is_not_there_is_refused_with_the_rows():
    with pytest.raises(ConfigError, match=r"Did you mean multilevel\? Rows: none, multilevel"):
        comparison(runs(none=NONE, multilevel=MULTILEVEL), baseline="multilvel")


def test_without_a_baseline_nothing_is_tested_and_that_is_said():
    (table,) = comparison(runs(mlm=MLM, multilevel=MULTILEVEL))
    assert table.baseline is None
    assert "Nothing was tested" in notes(table)


def test_ablations_are_tested_against_the_whole_method():
    found = [
        run("multilevel", seed, de + 3 * len(ablation), ru, ablation=ablation)
        for ablation in ("no_afm", "none", "no_dist")
        for seed, (de, ru) in enumerate(MULTILEVEL)
    ]
    (table,) = comparison(found, kind="ablation")
    assert [row.name for row in table.rows] == [
        "multilevel",
        "no_afm",
        "no_dist",
    ]
    assert table.baseline == "multilevel"


def two_methods(folder, right=(0.6, 0.8), **scores):
    """Two methods, two seeds, 40 items a language; a share of the items is right."""
    generator = np.random.default_rng(5)
    for method, share in zip(("none", "mlm"), right, strict=True):
        for seed in (1, 2):
            items = {one: list(map(bool, generator.random(40) < share)) for one in ("en", "de")}
            found = {one: 100 * sum(each) / 40 for one, each in items.items()} | scores
            path = folder / f"{method}{seed}"
            written(path, results(method, seed, scores=found), items)
    return find_runs(str(folder))


def test_items_are_resampled_where_predictions_are(tmp_path):
    (table,) = comparison(two_methods(tmp_path), resamples=2000)
    cells = rows_of(table)["mlm"].cells
    for column in table.columns:
        items, seeds = cells[column].against.items, cells[column].against.seeds
        assert items.interval[0] <= seeds.difference <= items.interval[1]
    assert (
        cells["average"].against.items.interval[0] > cells["de"].against.items.interval[0]
    )  # an average over languages is surer than one of them
    assert "2,000 resamples" in notes(table)


def test_the_bootstrap_of_a_summary_is_that_of_its_mean(tmp_path):
    """With one language beside English, the mean over targets is that language."""
    (table,) = comparison(two_methods(tmp_path), resamples=500)
    cells = rows_of(table)["mlm"].cells
    assert cells["transfer_average"].against.items == cells["de"].against.items


def test_tables_are_the_same_every_time(tmp_path):
    found = two_methods(tmp_path)
    assert comparison(found, resamples=200) == comparison(found[::-1], resamples=200)


def test_without_predictions_there_is_no_bootstrap_and_that_is_said(tmp_path):
    found = two_methods(tmp_path)
    (tmp_path / "mlm1" / "predictions" / "de.jsonl").unlink()
    (table,) = comparison(found, resamples=200)
    cells = rows_of(table)["mlm"].cells
    assert cells["de"].against.items is None
    assert cells["average"].against.items is None
    assert cells["en"].against.items is not None
    assert "Some differences have no bootstrap" in notes(table)
    (table,) = comparison(found, resamples=0)
    assert rows_of(table)["mlm"].cells["en"].against.items is None
    assert "bootstrap" not in notes(table)


def test_a_score_that_is_not_made_of_items_has_no_bootstrap(tmp_path):
    found = [other(one, metric="retrieval_accuracy") for one in two_methods(tmp_path, de=12.0)]
    (table,) = comparison(found, resamples=200)
    assert all(cell.against.items is None for cell in rows_of(table)["mlm"].cells.values())
    assert "There is no bootstrap: what was predicted for the items does not give this score again" in notes(table)
    assert "it needs predictions" not in notes(table)


def test_predictions_of_other_items_are_refused(tmp_path):
    found = two_methods(tmp_path)
    path = tmp_path / "mlm2" / "predictions" / "de.jsonl"
    path.write_text(path.read_text().replace('"id": "7"', '"id": "other"'))
    with pytest.raises(DataError, match=r"mlm\d/predictions/de\.jsonl: other test items"):
        comparison(found, resamples=200)


def test_predictions_that_do_not_make_the_score_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"the results beside them say 12\.000"):
        comparison(two_methods(tmp_path, en=12.0), resamples=200)
