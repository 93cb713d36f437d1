"""The dashboard's command: a file without an account, and one line for what hinders it."""

import json
import os
import re
import subprocess
import sys

import pytest

from mlalign.errors import ConfigError
from mlalign.reporting.dashboard import make
from mlalign.reporting.dashboard.__main__ import metric_of
from mlalign.reporting.dashboard.build import specification, workspace
from mlalign.reporting.dashboard.make import account, check_package, write


def made(languages=("en", "de", "ur")):
    return workspace(
        "me",
        "mine",
        "t",
        task="panx",
        metric="entity_f1",
        languages=list(languages),
        losses=["masked_words"],
        tunings=["xero_align", "consistency"],
    )


def panels(view):
    sections = specification(view)["spec"]["section"]["panelBankConfig"]["sections"]
    return {one["name"]: one["panels"] for one in sections}


def test_each_language_has_its_panel():
    found = panels(made())["Test, by language"]
    keys = [panel["config"]["metrics"] for panel in found]
    assert keys == [[f"test/entity_f1/{language}"] for language in ("en", "de", "ur")]


def test_the_terms_of_all_tunings_are_in_one_panel():
    patterns = [panel["config"].get("metricRegex") for panel in panels(made())["Fine-tuning"]]
    (pattern,) = filter(None, patterns)
    assert re.fullmatch(pattern, "finetune/xero_align")
    assert not re.fullmatch(pattern, "finetune/padded_percent")


def test_no_two_panels_of_a_section_lie_on_each_other():
    for section in panels(made([f"l{n}" for n in range(11)])).values():
        places = [(panel["layout"]["x"], panel["layout"]["y"]) for panel in section]
        assert len(set(places)) == len(places)


def test_the_file_is_the_specification(tmp_path):
    path = tmp_path / "new" / "dashboard.json"
    write(made(), path)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert (written["entity"], written["project"]) == ("me", "mine")
    assert "test/entity_f1/ur" in path.read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="output="):
        write(made(), tmp_path / "file" / "dashboard.json")


def test_without_a_run_the_metric_is_that_of_the_tasks_file():
    assert (metric_of("mldoc"), metric_of("panx")) == ("accuracy", "entity_f1")
    with pytest.raises(ConfigError, match=r"task=pnax: no such file in conf/task; set metric=NAME.*Did you mean panx"):
        metric_of("pnax")


def test_a_missing_package_is_refused(monkeypatch):
    monkeypatch.setattr(make.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'mlalign\[dashboard\]'"):
        check_package()


@pytest.mark.parametrize(("error", "told"), [(ConnectionError("no\nnetwork"), "no network"), (KeyError(), "KeyError")])
def test_whatever_wandb_says_is_one_line(error, told, monkeypatch):
    def failing(**_):
        raise error

    monkeypatch.setattr("wandb.Api", failing)
    with pytest.raises(ConfigError, match=told) as caught:
        account("me")
    assert "\n" not in str(caught.value)
    assert "output=FILE" in str(caught.value)


def test_an_account_without_an_entity_is_refused(monkeypatch):
    monkeypatch.setattr("wandb.Api", lambda **_: type("Api", (), {"default_entity": None}))
    with pytest.raises(ConfigError, match="set entity=NAME"):
        account(None)


@pytest.mark.parametrize(
    ("words", "told"),
    [([], "No API key configured"), (["outpu=x"], "Did you mean output?")],
)
def test_the_command_says_what_is_missing_with_status_2(words, told, tmp_path):
    command = [sys.executable, "-m", "mlalign.reporting.dashboard", *words]
    without = {name: one for name, one in os.environ.items() if not name.startswith("WANDB_")}
    environment = {**without, "NETRC": str(tmp_path / "netrc")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
