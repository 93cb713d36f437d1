"""What a run looks at before it trains, and what it still knows when it resumes."""

import json

import pytest
from training.toy import configured, write_toy

from mlalign import pipeline
from mlalign.errors import DataError
from mlalign.reporting.results import read_results
from mlalign.stages.unfinished import PROGRESS

FEW = ("finetune.epochs=1", "finetune.evaluations=1", "task.languages=[en,de]")


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("english.train.1000.german", "CCAT\n", r"english\.train\.1000\.german, line 3: "),
        ("english.train.1000.german", "another label", r"english\.train\.1000\.german: example .* has the label"),
        ("german.train.1000", "CCAT\n", r"german\.train\.1000, line 3: "),
    ],
)
def test_what_tunings_read_is_read_before_the_alignment(tmp_path, name, row, message):
    root = write_toy(tmp_path)
    path = root / "tasks" / "mldoc" / name
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    label, tab, text = lines[2].partition("\t")
    lines[2] = f"{'ECAT' if label == 'CCAT' else 'CCAT'}{tab}{text}" if row == "another label" else row
    path.write_text("".join(lines), encoding="utf-8")
    tuning = "language_adversary" if name.startswith("german") else "translate_train"
    words = ("method=inter_sentence", f"tuning={tuning}", f"output={root}/runs", *FEW)
    with pytest.raises(DataError, match=message):
        pipeline.run(configured(root, *words))
    assert not list((root / "aligned").glob("*"))


def test_seconds_of_scoring_from_before_it_stopped_count(tmp_path, monkeypatch):
    root = write_toy(tmp_path)
    config = configured(root, "method=none", f"output={root}/runs", *FEW)
    score = pipeline.score_part

    def stopped(*given, language, **named):
        if language == "de":
            raise KeyboardInterrupt
        return score(*given, language=language, **named)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "score_part", stopped)
        with pytest.raises(KeyboardInterrupt):
            pipeline.run(config)
    (path,) = (root / "runs").rglob(PROGRESS)
    known = json.loads(path.read_text(encoding="utf-8"))
    assert 0 < known["scored"]["en"]["seconds"] < 100
    known["scored"]["en"]["seconds"] = 1000.0
    path.write_text(json.dumps(known), encoding="utf-8")
    assert 1000 < read_results(pipeline.run(config)).seconds["test"] < 1100
