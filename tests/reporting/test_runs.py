"""Finished runs are found by folder and pattern; those that never finished too."""

import json

import pytest
from reporting.made import results, written

from mlalign.errors import DataError
from mlalign.reporting.runs import find_runs, find_unfinished


def begun(folder, error=None, name="config.yaml"):
    folder.mkdir(parents=True)
    (folder / name).write_text("")
    if error is not None:
        (folder / "failed.json").write_text(json.dumps({"error": error}))


def test_runs_are_found_by_folder_and_pattern(tmp_path):
    for name in ("a", "b/c"):
        written(tmp_path / name, results(name))
    assert [run.folder for run in find_runs(str(tmp_path))] == [tmp_path / "a", tmp_path / "b/c"]
    assert len(find_runs(f"{tmp_path}/**")) == 2
    assert len(find_runs(f"{tmp_path}/a, {tmp_path}/b/c")) == 2
    assert len(find_runs(f"{tmp_path}/a,{tmp_path}/**")) == 2
    with pytest.raises(DataError, match="nothing"):
        find_runs(f"{tmp_path}/nothing")


@pytest.mark.parametrize("name", ["config.yaml", ".lock"])
def test_a_run_without_results_is_unfinished(name, tmp_path):
    written(tmp_path / "panx" / "done", results())
    (tmp_path / "panx" / "done" / name).write_text("")
    begun(tmp_path / "panx" / "failed", "DataError: de.tsv:\n no such file", name)
    begun(tmp_path / "mldoc" / "stopped", name=name)
    (tmp_path / "aligned").mkdir()
    for patterns in (str(tmp_path), f"{tmp_path}/**", f"{tmp_path}/*,{tmp_path}/mldoc/stopped"):
        stopped, failed = find_unfinished(patterns)
        assert (stopped.task, stopped.error) == ("mldoc", None)
        assert str(failed).endswith("panx/failed (DataError: de.tsv: no such file)")


def test_a_run_that_was_refused_is_unfinished_too(tmp_path):
    begun(tmp_path / "refused" / "1a2b", "ConfigError: align.steps=0", name=".gitkeep")
    (found,) = find_unfinished(str(tmp_path))
    assert found.error == "ConfigError: align.steps=0"
    (tmp_path / "refused" / "1a2b" / "failed.json").write_text("{")
    assert find_unfinished(str(tmp_path))[0].error == "failed.json cannot be read"


def test_runs_that_were_scored_again_stay_out_unless_they_are_named(tmp_path):
    written(tmp_path / "run", results())
    written(tmp_path / "run" / "evaluations" / "dev", results())
    begun(tmp_path / "run" / "evaluations" / "stopped", name=".lock")
    assert [run.folder for run in find_runs(f"{tmp_path}/**")] == [tmp_path / "run"]
    assert find_unfinished(f"{tmp_path}/**") == []
    (found,) = find_runs(f"{tmp_path}/run/evaluations/*")
    assert found.folder.name == "dev"


def test_where_no_run_is_finished_the_unfinished_are_named(tmp_path):
    begun(tmp_path / "panx" / "failed", "DataError: no such file")
    with pytest.raises(DataError, match=r"panx/failed \(DataError: no such file\)"):
        find_runs(str(tmp_path))
