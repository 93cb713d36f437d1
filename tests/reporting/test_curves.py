"""A stage's curves are whole and in order, also when it was stopped and resumed."""

from pathlib import Path

import pandas as pd

from mlalign.reporting.curves import join_curves, write_curves


def report(folder: Path, name: str, rows: str) -> None:
    path = folder / name / "metrics.csv"
    path.parent.mkdir(parents=True)
    path.write_text(rows, encoding="utf-8")


def test_rows_of_one_step_become_one(tmp_path):
    report(tmp_path, "align", "align/loss,epoch,held_out,step\n3.0,0,,0\n,0,40.0,9\n2.0,0,,9\n")
    curves = join_curves(tmp_path, "align")
    assert list(curves.index) == [0, 9]
    assert curves.loc[9].to_dict() == {"align/loss": 2.0, "held_out": 40.0}
    assert pd.isna(curves.loc[0, "held_out"])


def test_a_resumed_stage_counts_from_where_it_went_on(tmp_path):
    report(tmp_path, "align", "loss,step\n3.0,0\n2.5,10\n9.0,20\n9.0,30\n")
    report(tmp_path, "align-2", "loss,step\n2.0,20\n1.5,30\n")
    report(tmp_path, "align-10", "loss,step\n1.0,40\n")
    report(tmp_path, "alignment", "loss,step\n7.0,50\n")
    curves = join_curves(tmp_path, "align")
    assert curves["loss"].to_dict() == {0: 3.0, 10: 2.5, 20: 2.0, 30: 1.5, 40: 1.0}


def test_columns_stand_by_name_wherever_a_stage_was_stopped(tmp_path):
    report(tmp_path / "whole", "align", "b,a,held_out,step\n3.0,1.0,,0\n2.0,1.0,7.0,10\n")
    report(tmp_path / "parts", "align", "b,a,step\n3.0,1.0,0\n")
    report(tmp_path / "parts", "align-2", "held_out,b,a,step\n7.0,2.0,1.0,10\n")
    whole, parts = (join_curves(tmp_path / name, "align") for name in ("whole", "parts"))
    pd.testing.assert_frame_equal(whole, parts)
    assert list(whole) == ["a", "b", "held_out"]


def test_a_stage_that_was_begun_anew_forgets_the_first_attempt(tmp_path):
    report(tmp_path, "finetune", "loss,step\n3.0,9\n2.0,19\n")
    report(tmp_path, "finetune-2", "loss,step\n2.9,9\n")
    assert join_curves(tmp_path, "finetune")["loss"].to_dict() == {9: 2.9}


def test_what_is_written_reads_the_same_and_nothing_is_written_of_nothing(tmp_path):
    report(tmp_path, "align", "loss,step\n0.1,0\n,5\n")
    path = tmp_path / "deep" / "align.csv"
    assert write_curves(tmp_path, "align", path)
    pd.testing.assert_frame_equal(pd.read_csv(path, index_col="step"), join_curves(tmp_path, "align"))
    assert not write_curves(tmp_path, "finetune", tmp_path / "finetune.csv")
    report(tmp_path, "finetune", "")
    assert not write_curves(tmp_path, "finetune", tmp_path / "finetune.csv")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["align", "deep", "finetune"]
