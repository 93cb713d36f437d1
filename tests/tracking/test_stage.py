"""A stage's wandb run: what it takes down, and that its failures stay its own."""

import logging
from types import SimpleNamespace

import pytest

from mlalign.reporting.curves import join_curves
from mlalign.reporting.keys import STEP_OF
from mlalign.tracking.logger import StageLogger
from mlalign.tracking.stage import Stage


class Run:
    """Takes everything down; breaks when told to."""

    def __init__(self) -> None:
        self.id, self.offline, self.disabled = "align-1", True, False
        self.rows, self.alerts, self.axes, self.summary = [], [], {}, {}
        self.broken, self.codes = None, []

    def define_metric(self, name, step_metric=None, hidden=None):
        self.axes[name] = step_metric

    def log(self, row):
        if self.broken:
            raise self.broken
        self.rows.append(row)

    def alert(self, title, text, level, wait_duration):
        self.alerts.append(text)

    def finish(self, exit_code):
        self.codes.append(exit_code)


@pytest.fixture
def run():
    return Run()


@pytest.fixture
def stage(run):
    made = Stage(run)
    yield made
    made.finish()


def test_every_kind_of_number_has_an_axis_of_its_stage(stage, run):
    for prefix, axis in STEP_OF.items():
        assert run.axes[f"{prefix}*"] == axis


@pytest.mark.parametrize("error", [OSError("disk full"), ConnectionResetError(), RuntimeError("x")])
def test_a_failure_is_told_once_and_left(stage, run, caplog, error):
    run.broken = error
    for step in range(3):
        stage.log({"align/step": step})
    stage.summarise({"x": 1})
    stage.finish()
    assert sum("continues without wandb" in one.message for one in caplog.records) == 1
    assert run.codes == [1]
    assert run.summary == {}


def test_an_interruption_is_no_failure_of_wandb(stage, run):
    run.broken = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        stage.log({})


def test_what_cannot_be_shown_does_not_end_it(stage, run, caplog):
    stage.show("figure/x", lambda: 1 / 0)
    stage.log({"a": 1})
    assert "no figure/x: ZeroDivisionError" in caplog.text
    assert run.rows == [{"a": 1}]


def test_warnings_of_training_become_alerts_while_it_lasts(stage, run):
    log = logging.getLogger("mlalign.alignment.diagnostics")
    log.warning("the discriminator has won: %d", 1)
    log.info("all is well")
    logging.getLogger("mlalign.data").warning("a line was left out")
    stage.finish()
    log.warning("too late")
    assert run.alerts == ["the discriminator has won: 1"]
    assert run.summary == {"warnings": ["the discriminator has won: 1"]}


def test_an_error_marks_the_run_as_failed(stage, run):
    stage.finish(ValueError("lost"))
    assert run.codes == [1]
    assert run.summary["error"] == "ValueError: lost"


def test_lightnings_numbers_stand_at_their_stages_step(stage, run, tmp_path):
    logger = StageLogger(stage, "finetune", join_curves(tmp_path, "finetune"))
    logger.log_metrics({"finetune/loss": 0.5, "epoch": 1}, step=7)
    logger.log_hyperparams(SimpleNamespace())
    logger.finalize("success")
    assert run.rows == [{"finetune/loss": 0.5, "finetune/step": 7}]
    assert (logger.name, logger.version) == ("finetune", "align-1")


@pytest.mark.parametrize("resumed", [0, 4, 5, 9, None])
def test_a_resumed_stage_shows_every_step_once(resumed, stage, run, tmp_path):
    """Stopped after step 7, it resumes anywhere, or, stopped behind its last report, reports nothing more."""
    values = {step: {"finetune/loss": float(step), **({"lr": 0.1} if step % 2 else {})} for step in range(12)}
    attempt = tmp_path / "finetune"
    attempt.mkdir()
    rows = [f"{step // 6},{step},{values[step]['finetune/loss']},{values[step].get('lr', '')}\n" for step in range(8)]
    (attempt / "metrics.csv").write_text("epoch,step,finetune/loss,lr\n" + "".join(rows))
    logger = StageLogger(stage, "finetune", join_curves(tmp_path, "finetune"))
    for step in () if resumed is None else range(resumed, 12):
        logger.log_metrics(values[step] | {"epoch": 3}, step)
    logger.finalize("success")
    known = range(8) if resumed is None else sorted({*range(min(8, resumed)), *range(resumed, 12)})
    assert run.rows == [values[step] | {"finetune/step": step} for step in known]
