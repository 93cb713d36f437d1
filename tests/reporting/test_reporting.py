"""Averages, paired tests and tables, against values worked out by hand or by scipy."""

import json
import math

import pytest
from scipy import stats

from mlalign.errors import ConfigError, DataError
from mlalign.reporting.comparison import comparison, find_runs
from mlalign.reporting.results import read_results, summary, write_results
from mlalign.reporting.significance import paired_t_test
from mlalign.reporting.tables import score_table


def run(method="none", seed=1, de=50.0, ru=40.0, ablation="none", task="mldoc", **config):
    scores = {"en": 90.0, "de": de, "ru": ru}
    return {
        "task": task,
        "metric": "accuracy",
        "method": method,
        "ablation": ablation,
        "seed": seed,
        "scores": scores,
        **summary(scores),
        "config": {"seed": seed, "data": {"root": "data/sample"}, "method": {"name": method}}
        | config,
    }


def rows_of(table: str) -> dict[str, str]:
    return {line.split("  ")[0]: line for line in table.splitlines()}


def test_averages_over_all_and_over_all_but_english():
    assert summary({"en": 90.0, "de": 60.0, "ru": 30.0}) == {
        "average": 60.0,
        "transfer_average": 45.0,
        "transfer_gap": 45.0,
    }


def test_what_cannot_be_averaged_is_null():
    assert summary({"en": 90.0})["transfer_average"] is None
    without_english = summary({"de": 60.0, "ru": 30.0})
    assert without_english["transfer_average"] == 45.0
    assert without_english["transfer_gap"] is None


def test_the_paired_test_is_scipys():
    ours, theirs = {1: 61.0, 2: 63.5, 3: 60.0, 5: 64.0}, {1: 58.0, 2: 61.0, 3: 60.5, 4: 70.0, 5: 60}
    test = paired_t_test(ours, theirs)
    shared = [1, 2, 3, 5]
    expected = stats.ttest_rel([ours[s] for s in shared], [theirs[s] for s in shared])
    assert test.pairs == 4
    assert test.p == pytest.approx(expected.pvalue)
    assert test.difference == pytest.approx(sum(ours[s] - theirs[s] for s in shared) / 4)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({1: 5.0}, {1: 4.0}),
        ({1: 5.0, 2: 6.0}, {1: 4.0, 2: 5.0}),
        ({1: 5, 2: 5}, {1: 5, 2: 5}),
    ],
)
def test_one_pair_or_equal_differences_tell_no_p(ours, theirs):
    assert paired_t_test(ours, theirs).p is None


def test_seeds_that_are_not_shared_are_not_compared():
    assert paired_t_test({1: 5.0}, {2: 5.0}) is None


def test_a_run_is_shown_language_by_language():
    rows = rows_of(score_table(run(de=51.26)))
    assert rows["de"].split()[-1] == "51.3"
    assert rows["transfer average"].split()[-1] == "45.6"


def test_a_comparison_shows_mean_spread_and_the_test():
    values = {"none": [(50.0, 40.0), (52.0, 44.0)], "multilevel": [(60.0, 52.0), (64.0, 54.0)]}
    runs = [
        run(method, seed + 1, de, ru)
        for method, pairs in values.items()
        for seed, (de, ru) in enumerate(pairs)
    ]
    rows = rows_of(comparison(runs, "none"))
    assert "62.0 ± 2.8" in rows["multilevel"]  # de
    assert "57.5 ± 2.1" in rows["multilevel"]  # transfer
    assert "+11.0" in rows["multilevel"]  # 57.5 - 46.5; differences 11, 11: no p
    assert rows["multilevel"].endswith("n/a")
    assert "±" in rows["none"]


def test_the_baseline_stands_first_and_every_task_has_its_table():
    runs = [run("multilevel"), run("none"), run("none", task="panx")]
    lines = comparison(runs, "none").splitlines()
    assert lines[3].startswith("none")
    assert any(line.startswith("panx") for line in lines)


def test_a_missing_language_stays_visibly_missing():
    short = run("mlm")
    del short["scores"]["ru"]
    table = comparison([run("none"), short], "none")
    assert rows_of(table)["mlm"].split()[3] == "-"


def test_runs_that_differ_in_more_than_their_row_are_refused():
    other = run("multilevel", data={"root": "elsewhere"})
    with pytest.raises(ConfigError, match=r"data\.root.*elsewhere"):
        comparison([run("none"), other], "none")


def test_the_same_run_found_twice_counts_once():
    assert "±" not in comparison([run(), run()], "none").split("\n", 1)[1]


def test_other_settings_of_one_method_are_rows_of_their_own():
    runs = [run("multilevel", seed, align={"steps": steps}) for seed in (1, 2) for steps in (4, 8)]
    rows = rows_of(comparison(runs, "none"))
    assert {"multilevel align.steps=4", "multilevel align.steps=8"} <= set(rows)


def test_seeds_of_one_stage_are_seeds():
    runs = [run("none", 1, finetune={"seed": seed}) for seed in (1, 2, 3)]
    assert rows_of(comparison(runs, "mlm"))["none"].split()[-1] == "3"


def test_an_ablation_is_a_row_of_its_own():
    table = comparison([run("multilevel"), run("multilevel", ablation="no_afm")], "none")
    assert "multilevel no_afm" in rows_of(table)


def test_results_are_read_as_they_were_written(tmp_path):
    write_results(tmp_path, run())
    assert read_results(tmp_path) == {"schema": 1, **run()}
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_what_is_no_result_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text('{"schema": 1, "task"')
    with pytest.raises(DataError, match="no JSON"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text(json.dumps({"schema": 99, "config": {}}))
    with pytest.raises(DataError, match="schema 99"):
        read_results(tmp_path)


def test_runs_are_found_by_folder_and_pattern(tmp_path):
    for name in ("a", "b/c"):
        (tmp_path / name).mkdir(parents=True)
        write_results(tmp_path / name, run(name))
    assert len(find_runs(str(tmp_path))) == 2
    assert len(find_runs(f"{tmp_path}/**")) == 2
    assert len(find_runs(f"{tmp_path}/a,{tmp_path}/b/c")) == 2
    with pytest.raises(DataError, match="nothing"):
        find_runs(f"{tmp_path}/nothing")


def test_the_spread_is_that_of_a_sample():
    table = comparison([run(seed=1, de=50.0), run(seed=2, de=54.0)], "mlm")
    assert f"52.0 ± {math.sqrt(8):.1f}" in table
