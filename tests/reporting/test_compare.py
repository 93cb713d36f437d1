"""What a user sees of a comparison, and what is left in files."""

from reporting.made import results, written

from mlalign.config.commands import Compare
from mlalign.reporting.compare import compare_runs


def test_all_formats_are_written_and_text_is_shown(tmp_path, capsys):
    for method in ("none", "mlm"):
        written(tmp_path / "runs" / "mldoc" / method, results(method))
    stopped = tmp_path / "runs" / "mldoc" / "stopped"
    stopped.mkdir()
    (stopped / "config.yaml").write_text("")
    patterns = f"{tmp_path}/runs/**"
    paths = compare_runs(Compare(patterns, format=["markdown", "csv"], output=str(tmp_path / "main")))
    shown = capsys.readouterr().out
    assert [path.name for path in paths] == ["main.md", "main.csv"]
    assert "| --- |" in paths[0].read_text(encoding="utf-8")
    assert "| --- |" not in shown
    assert "all languages" in shown
    assert "runs/mldoc/stopped" in shown
    assert str(paths[1]) in shown


def test_without_output_nothing_is_written(tmp_path, capsys):
    folder = tmp_path / "mldoc" / "none"
    written(folder, results())
    assert compare_runs(Compare(str(folder))) == []
    assert "all languages" in capsys.readouterr().out
    assert compare_runs(Compare(str(folder), format="markdown")) == []
    assert "| --- |" in capsys.readouterr().out
    assert [path.name for path in folder.iterdir()] == ["results.json"]
