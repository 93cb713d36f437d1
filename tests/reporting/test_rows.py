"""Which runs make a row, in which order, and which runs make no table together."""

import pytest
from reporting.made import other, results, run, written

from mlalign.config.enums import TableKind
from mlalign.config.identity import SEEDS
from mlalign.errors import ConfigError, DataError
from mlalign.reporting.rows import full_method, rows_of
from mlalign.reporting.variation import KINDS, flat_settings, refuse_other_differences


def test_every_kind_of_table_can_be_typed():
    assert list(KINDS) == [kind.value for kind in TableKind]


def test_a_row_is_named_by_method_and_ablation():
    found = [run("multilevel"), run("multilevel", ablation="no_afm"), run("none")]
    assert list(rows_of(found, "main")) == ["multilevel", "multilevel no_afm", "none"]


def test_other_settings_of_one_method_are_rows_of_their_own():
    found = [run("multilevel", seed, align={"steps": steps}) for seed in (1, 2) for steps in (4, 8)]
    rows = rows_of(found, "main")
    assert set(rows) == {"multilevel align.steps=4", "multilevel align.steps=8"}
    assert [len(seeds) for seeds in rows.values()] == [2, 2]


def test_several_backbones_are_named_without_their_owner():
    found = [run("none", backbone=name) for name in ("FacebookAI/xlm-roberta-base", "tiny")]
    assert set(rows_of(found, "backbone")) == {"xlm-roberta-base none", "tiny none"}


def test_a_method_that_brings_an_encoder_built_from_scratch_leaves_the_names_of_other_rows():
    found = [run("none", backbone="tiny"), run("laser", backbone="bilstm")]
    assert set(rows_of(found, "main")) == {"none", "laser"}
    found.append(run("none", backbone="bilstm"))
    assert set(rows_of(found, "main")) == {"none backbone.name=tiny", "none backbone.name=bilstm", "laser"}


def test_seeds_of_one_stage_are_seeds():
    found = [run("none", 1, finetune={"seed": seed}) for seed in (3, 1, 2)]
    rows = rows_of(found, "main")
    assert [seeds[SEEDS.index("finetune.seed")] for seeds in rows["none"]] == ["1", "2", "3"]


def test_the_same_run_found_twice_counts_once(tmp_path):
    copies = [
        written(tmp_path / "bare", results()),
        written(tmp_path / "whole", results(), {"de": [True]}),
    ]
    for found in (copies, copies[::-1]):
        (only,) = rows_of(found, "main")["none"].values()
        assert only.folder == tmp_path / "whole"


def test_two_outcomes_of_one_command_are_refused():
    found = [
        run(de=50.0, folder="outputs/a", trainer={"precision": "32-true"}),
        run(de=51.0, folder="outputs/b", trainer={"precision": "bf16-mixed"}),
    ]
    with pytest.raises(DataError, match=r"outputs/a and outputs/b.*trainer\.precision"):
        rows_of(found, "main")


def test_ablations_stand_in_the_papers_order_and_controls_below():
    names = ["no_dist", "none", "mine", "no_lang", "no_afm"]
    found = [run("mlm"), *(run("multilevel", ablation=name) for name in names), run("none")]
    ablations = ["no_afm", "no_lang", "no_dist", "mine"]
    assert list(rows_of(found, "ablation")) == ["multilevel", *ablations, "mlm", "none"]


def test_ablations_of_two_methods_keep_their_methods_names():
    found = [run(method, ablation="no_afm") for method in ("literal", "multilevel")]
    assert list(rows_of(found, "ablation")) == ["literal no_afm", "multilevel no_afm"]


def test_the_whole_method_is_the_one_that_has_ablations():
    found = [run("mlm"), run("multilevel"), run("multilevel", ablation="no_afm")]
    assert full_method(rows_of(found, "ablation")) == "multilevel"
    assert full_method(rows_of(found[:2], "ablation")) is None


def test_settings_are_flat_and_null_is_a_value():
    flat = flat_settings(run(losses={"a": None, "b": {"temperature": 0.1}, "c": {}}))
    assert flat["losses.a"] == "null"
    assert flat["losses.b.temperature"] == "0.1"
    assert flat["losses.c"] == "{}"
    assert flat["data.root"] == "data/sample"


def test_runs_that_differ_in_more_than_their_row_are_refused():
    same = [run("none", seed, folder=f"outputs/{seed}") for seed in (1, 2, 3)]
    other = run(data={"root": "elsewhere", "source": "sample"}, folder="outputs/other")
    with pytest.raises(ConfigError) as refused:
        refuse_other_differences("mldoc", [*same, other], "main")
    expected = "data.root: data/sample (3 runs), elsewhere (1 run, such as outputs/other)"
    assert expected in str(refused.value)
    assert "4 runs differ" in str(refused.value)


def test_a_message_names_many_keys_without_end():
    found = [run(task_settings={f"key{number:02}": value for number in range(12)}) for value in "ab"]
    with pytest.raises(ConfigError, match=r"key07: .*\n  and 4 more: .*key08, .*key11"):
        refuse_other_differences("mldoc", found, "main")


def test_a_key_that_is_not_there_differs_from_null():
    found = [run(), run(new=None)]
    with pytest.raises(ConfigError, match=r"new: .*\(not there\)"):
        refuse_other_differences("mldoc", found, "main")


@pytest.mark.parametrize("kind", KINDS)
def test_what_says_nothing_of_a_score_may_differ(kind):
    nothing = {"output": "x", "logger": {"name": "wandb"}, "trainer": {"progress": False}}
    refuse_other_differences("mldoc", [run(), run("none", 2, **nothing)], kind)


def test_a_table_of_ablations_takes_no_other_backbone_and_points_to_one_that_does():
    found = [run(), run(backbone="FacebookAI/xlm-roberta-base")]
    with pytest.raises(ConfigError, match=r"backbone\.name(.|\n)*choose table=main, or choose"):
        refuse_other_differences("mldoc", found, "ablation")
    refuse_other_differences("mldoc", found, "backbone")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("selection", "target_dev", "selection: .*target_dev"),
        ("split", "dev", "split: .*dev"),
        ("metric", "entity_f1", "metric"),
        ("data", {"de.test": {"rows": 4, "sha256": "b"}}, "data: de.test is another file"),
    ],
)
def test_other_selections_metrics_and_files_are_refused(key, value, words):
    first = other(run(), data={"de.test": {"rows": 4, "sha256": "a"}})
    with pytest.raises(ConfigError, match=words):
        refuse_other_differences("mldoc", [first, other(first, **{key: value})], "main")
