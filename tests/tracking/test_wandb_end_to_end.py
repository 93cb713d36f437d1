"""A real run with logger=wandb, offline, read back from wandb's own files."""

import json
import re
from pathlib import Path

import pytest
import wandb
import yaml
from composing import composed
from wandb.sdk.launch.sweeps.utils import (
    create_sweep_command,
    create_sweep_command_args,
    load_sweep_config,
)
from wandb_file import Recorded, runs_under

from mlalign import pipeline
from mlalign.config.hydra import resolve
from mlalign.data.sample import write_sample
from mlalign.pipeline import run as train
from mlalign.reporting.dashboard.build import specification, workspace
from mlalign.reporting.results import read_results

SWEEPS = sorted((Path(__file__).parents[2] / "sweeps").glob("*.yaml"))
LANGUAGES = ["en", "de", "ru"]
SMALL = [
    "logger=wandb",
    "logger.rows=7",
    "data=files",
    "data.parallel=[sample]",
    "data.languages=[de,ru]",
    "backbone.vocabulary_size=600",
    "backbone.layers=1",
    "backbone.width=32",
    "backbone.heads=2",
    "align.steps=11",
    "align.batch_size=8",
    "align.validations=2",
    "finetune.epochs=1",
    "finetune.batch_size=4",  # 15 steps: Lightning reports every tenth
    "finetune.evaluations=2",
    "task.languages=[en,de,ru]",
    "trainer=cpu",
    "trainer.progress=false",
    "trainer.precision=float32",
]


@pytest.fixture(scope="module", autouse=True)
def offline():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        wandb.teardown()
        yield
    wandb.teardown()


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("tracked")
    sizes = (60, 30, 30)
    write_sample(root / "data", seed=3, pairs=300, documents=sizes, paraphrases=sizes, sentences=sizes)
    return root


def run(work: Path, *overrides: str) -> Path:
    own = [f"data.root={work / 'data'}", f"data.cache={work / 'cache'}"]
    own += [f"output={work / 'outputs'}", f"aligned={work / 'aligned'}"]
    return train(resolve(composed(*SMALL, *own, *overrides)))


@pytest.fixture(scope="module")
def folder(work) -> Path:
    return run(work)


@pytest.fixture(scope="module")
def stages(folder) -> dict[str, Recorded]:
    wandb.teardown()  # waits for the files
    return runs_under(folder)


def test_each_stage_is_a_run_of_one_group_with_the_whole_configuration(stages, folder):
    assert list(stages) == ["align", "finetune", "test"]
    assert len({one.id for one in stages.values()}) == 3
    (group,) = {one.group for one in stages.values()}
    assert group.startswith("mldoc-tiny-")
    for stage, one in stages.items():
        assert (one.project, one.exit_code, one.config["stage"]) == ("mlalign", 0, stage)
        assert one.config["row"] == "multilevel"
        assert one.config["folder"] == str(folder)
        assert one.config["losses"]["inter_sentence"]["temperature"] == 0.1


def test_the_test_run_says_what_the_results_say(stages, folder):
    results, shown = read_results(folder), stages["test"].summary
    for language, score in results.scores.items():
        assert shown[f"test/accuracy/{language}"] == pytest.approx(score)
    for average in ("average", "transfer_average", "transfer_gap"):
        assert shown[f"test/{average}"] == pytest.approx(results.summary[average])
    assert shown["aligned"] == results.aligned


def test_steps_are_batches_and_every_curve_has_its_axis(stages):
    for stage, prefixes in (("align", ("align/", "held_out/")), ("finetune", ("finetune/", "lr-"))):
        one = stages[stage]
        steps = [row[f"{stage}/step"] for row in one.history]
        assert steps == sorted(steps)
        for key in one.keys:
            assert key.startswith(prefixes)
        assert {f"{prefix}*" for prefix in prefixes} <= set(one.axes)


def test_the_curves_are_those_of_the_csv_files(stages, folder):
    csv = (folder / "curves" / "align.csv").read_text().splitlines()
    columns = set(csv[0].split(",")) - {"step"}
    assert columns == stages["align"].keys - {"align/step"}


def test_predictions_are_capped_and_without_text_unless_it_is_asked_for(stages, folder):
    table = stages["test"].summary["predictions"]
    assert table["nrows"] == 7 * len(LANGUAGES)
    (path,) = folder.rglob(Path(table["path"]).name)
    content = json.loads(path.read_text())
    text = content["columns"].index("text")
    assert {row[text] for row in content["data"]} == {None}


def test_every_language_has_its_confusion_of_all_examples(stages, folder):
    for language in LANGUAGES:
        table = stages["test"].summary[f"confusion/{language}_table"]
        (path,) = folder.rglob(Path(table["path"]).name)
        assert sum(row[-1] for row in json.loads(path.read_text())["data"]) == 30


def test_figures_are_images_and_artifacts_are_off(stages, folder):
    for name in ("curves", "confusion", "correlation"):
        shown = stages["test"].summary[f"figure/{name}"]
        assert shown["_type"] == "image-file"
        assert list(folder.rglob(Path(shown["path"]).name))
    assert not any("encoder" in name or "results" in name for name in stages["test"].artifacts)


def test_every_panel_of_the_dashboard_asks_for_what_is_logged(stages):
    logged = set().union(*(one.keys for one in stages.values()))
    losses = [name for name in stages["test"].config["losses"] if name != "adversarial"]
    made = workspace("me", "p", "t", task="mldoc", metric="accuracy", languages=LANGUAGES, losses=losses)
    view = specification(made)["spec"]["section"]
    sections = view["panelBankConfig"]["sections"]
    asked = 0
    for panel in (panel for section in sections for panel in section["panels"]):
        config = panel["config"]
        keys = [*config.get("metrics", []), *config.get("mediaKeys", [])]
        keys += [key for key in [config.get("xAxis")] if key]
        assert set(keys) <= logged
        pattern = config.get("metricRegex")
        assert pattern is None or any(re.fullmatch(pattern, key) for key in logged)
        asked += len(keys) + (pattern is not None)
    assert asked > 40
    spoken = json.dumps(view)
    assert '"val": "predictions"' in spoken
    assert "predictions" in logged
    test = stages["test"]
    assert test.config["task_name"] == "mldoc"  # what the view's filter and grouping ask for
    assert '"name": "task_name"' in spoken
    assert '"groupBy": "row.value"' in spoken or '"groupBy": "row"' in spoken


@pytest.mark.parametrize(  # every method composes in tests/test_configs.py, too
    "path",
    [
        pytest.param(one, id=one.stem, marks=[pytest.mark.long] * (one.stem in ("systems", "trials", "tunings")))
        for one in SWEEPS
    ],
)
def test_a_sweeps_jobs_compose_and_log_what_it_looks_at(path, stages):
    sweep = load_sweep_config(str(path))
    assert sweep["metric"]["name"] in set().union(*(one.keys for one in stages.values()))
    command = create_sweep_command(sweep["command"])
    assert sweep["program"] == "train.py"
    choices = {
        key: one.get("values") or [one["min"], one["max"]]
        for key, one in yaml.safe_load(path.read_text())["parameters"].items()
    }
    jobs = [
        {other: values[0] for other, values in choices.items()} | {key: value}
        for key, values in choices.items()
        for value in values
    ]
    seen = set()
    for job in jobs:
        args = {key: {"value": value} for key, value in job.items()}
        words = create_sweep_command_args({"args": args})["args_no_hyphens"]
        typed = [word for word in command if "=" in word] + words
        config = resolve(composed(*typed))
        assert config.logger.name == "wandb"
        seen.add(pipeline.run_folder(config))
    assert len(seen) == len(jobs) - len(choices) + 1  # the first of each key is one job


def test_a_trial_says_that_its_scores_are_of_english_dev_and_a_tuned_run_what_its_row_is_called(work, tmp_path):
    (tmp_path / "inter_sentence.yaml").write_text(
        "backbone: tiny\ntrials: 9\nsettings: {losses.inter_sentence.temperature: 0.3}\n", encoding="utf-8"
    )
    short = ("align.steps=2", "logger.figures=false")
    trial = run(work, "trial=1", *short)
    tuned = run(work, "method=inter_sentence", f"tuned={tmp_path}", *short)
    wandb.teardown()
    shown = runs_under(trial)["test"].summary
    assert shown["dev/accuracy/en"] == pytest.approx(read_results(trial).scores["en"])
    assert not [key for key in shown if key.startswith("test/")]
    assert runs_under(tuned)["test"].config["row"] == "inter_sentence tuned"
    summary = runs_under(tuned)["test"].summary
    assert summary["reads"] == ["English labels", "parallel text"]
    assert summary["budget"]["steps"] == 2


def test_a_finished_run_is_found_and_makes_no_new_wandb_run(folder, work):
    before = sorted(folder.rglob("*.wandb"))
    assert run(work, "logger.figures=false", "logger.group=other") == folder
    assert sorted(folder.rglob("*.wandb")) == before


def test_a_stopped_run_is_marked_as_failed_and_the_next_one_begins_anew(work, monkeypatch):
    def stopped(module, data, weights, trainer, *_, **__):
        trainer(folder=weights.folder.parent, callbacks=[])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "learn", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(work, "finetune.seed=7")
    changed = ["logger.figures=false", "logger.group=mine", "logger.rows=0"]
    again = run(work, "finetune.seed=7", *changed)
    wandb.teardown()
    attempts = [path for path in again.rglob("*.wandb") if "finetune" in path.name]
    codes = {runs_under(path.parent)["finetune"].exit_code for path in attempts}
    assert (len(attempts), codes) == (2, {0, 1})
    test = runs_under(again)["test"]
    assert test.group == "mine"
    assert not {"predictions", "figure/curves"} & test.keys
