"""What a run looks at before it trains, and what it still knows when it resumes."""

import json
import logging
import multiprocessing
from pathlib import Path

import pytest
from training.toy import configured, write_toy

from mlalign import pipeline
from mlalign.errors import DataError
from mlalign.files import HOST, RESULTS, remove
from mlalign.models.io import RECIPE
from mlalign.reporting.results import read_results
from mlalign.stages.run_folder import PROGRESS, remove_unkept

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


def test_what_was_saved_goes_when_what_it_became_is_there_and_what_killed_runs_left_goes_first(
    tmp_path, monkeypatch, caplog
):
    root = write_toy(tmp_path)
    slow = ("trainer.checkpoint_minutes=0.125", "align.steps=40", "finetune.batch_size=1")
    config = configured(root, "method=inter_sentence", f"output={root}/runs", *slow, *FEW)
    dead = multiprocessing.get_context("fork").Process(target=int)
    dead.start()
    dead.join()
    places = [pipeline.run_folder(config), Path(config.aligned), Path(config.data.cache)]
    orphans = [place / f".x.{HOST}-{dead.pid}.partial" for place in places]
    for one in orphans:
        one.parent.mkdir(parents=True, exist_ok=True)
        one.touch()
    seen = {}

    def of_alignment(path):
        seen[path.name] = all((path.parent / name).is_file() for name in ("model.safetensors", RECIPE))
        seen["orphans"] = any(one.exists() for one in orphans)
        remove(path)

    def of_run(folder, kept):
        seen["weights"] = (folder / RESULTS).is_file()
        remove_unkept(folder, kept)

    monkeypatch.setattr("mlalign.stages.align.remove", of_alignment)
    monkeypatch.setattr(pipeline, "remove_unkept", of_run)
    with caplog.at_level(logging.INFO):
        pipeline.run(config)
    assert seen == {"checkpoints": True, "computing.json": True, "orphans": False, "weights": True}
    assert caplog.text.count("updates or 0.125 minutes: ") == 2  # by the clock, in both stages
