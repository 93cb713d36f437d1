"""How a wandb run begins: online, offline, or with one line that says why it cannot."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import wandb
from composing import composed
from wandb_file import read_wandb_file

from mlalign.config.hydra import resolve
from mlalign.errors import ConfigError
from mlalign.tracking import start as module
from mlalign.tracking.start import check_options, mode_of, start
from mlalign.tracking.wandb_tracker import WandbTracker

KEY = "0" * 40


@pytest.fixture(autouse=True)
def no_account(monkeypatch, tmp_path) -> Iterator[None]:
    """Wandb reads the environment when it is set up, which it is anew for each test."""
    wandb.teardown()
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_SWEEP_ID", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    yield
    wandb.teardown()


@pytest.fixture
def refusing() -> Iterator[str]:
    """A server on loopback that knows no entity."""

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            reason = "entity nobody not found during upsertBucket"
            body = json.dumps({"errors": [{"message": reason}], "error": reason}).encode()
            self.send_response(404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def begin(folder: Path, **options: object) -> object:
    return start(
        {"project": "made", **options},
        identity="align-1",
        name="run/align",
        group="together",
        job="align",
        folder=folder,
        config={"seed": 1},
    )


def test_without_an_account_it_is_kept_offline():
    assert mode_of({}) == "offline"


@pytest.mark.parametrize("host", ["api.wandb.ai", "wandb.example"])
def test_with_a_key_it_goes_online(host, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example")
    (tmp_path / "netrc").write_text(f"machine {host}\n  login user\n  password {KEY}\n")
    assert mode_of({}) == "online"
    (tmp_path / "netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert mode_of({}) == "online"


@pytest.mark.parametrize(
    ("typed", "environment", "mode"),
    [
        ("offline", "online", "offline"),
        (None, "disabled", "disabled"),
        (None, "dryrun", "offline"),
        ("online", None, "online"),
    ],
)
def test_what_is_typed_wins_over_the_environment(typed, environment, mode, monkeypatch):
    if environment:
        monkeypatch.setenv("WANDB_MODE", environment)
    assert mode_of({"mode": typed}) == mode


def test_another_mode_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match=r"logger.options.mode=on: expected one of online"):
        mode_of({"mode": "on"})
    monkeypatch.setenv("WANDB_MODE", "on")
    with pytest.raises(ConfigError, match="WANDB_MODE=on"):
        mode_of({})


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"group": "x"}, "logger.group"),
        ({"offlin": True}, "no such argument"),
        ({"id": "x"}, "none"),
    ],
)
def test_options_that_are_not_wandbs_are_refused(option, told):
    with pytest.raises(ConfigError, match=told):
        check_options(option)


def test_a_project_that_cannot_be_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"Invalid project name 'a/b'.*logger.options.project") as told:
        begin(tmp_path, project="a/b")
    assert "\n" not in str(told.value)


def test_an_entity_that_is_not_there_is_one_line(refusing, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", refusing)
    with pytest.raises(ConfigError, match=r"entity nobody not found.*logger.options.entity") as told:
        begin(tmp_path, entity="nobody")
    assert "\n" not in str(told.value)


def test_without_an_answer_it_is_kept_offline(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(module, "START_TIMEOUT", 1)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    run = begin(tmp_path)
    assert run.offline
    run.finish()
    wandb.teardown()  # waits for the file
    assert "no answer" in caplog.text
    (path,) = tmp_path.rglob("offline-run-*/*.wandb")
    assert read_wandb_file(path).group == "together"


def test_a_server_without_an_answer_is_waited_for_once_a_run(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(module, "START_TIMEOUT", 1)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    tracker = WandbTracker(resolve(composed("logger=wandb", "logger.group=together")), tmp_path)
    for stage in ("align", "finetune"):
        tracker.loggers(stage, tmp_path)
        assert tracker.stage.is_offline
    tracker.close()
    assert caplog.text.count("no answer from the server") == 1


def test_an_agents_run_is_the_agents(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    monkeypatch.setenv("WANDB_RUN_ID", "chosen")
    monkeypatch.setenv("WANDB_MODE", "offline")
    begin(tmp_path).finish()
    wandb.teardown()  # waits for the file
    (path,) = tmp_path.rglob("*.wandb")
    assert read_wandb_file(path).id == "chosen"
