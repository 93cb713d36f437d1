"""From a hub on loopback to results: a backbone, a task and parallel text, by the real client."""

import json

import pytest
from composing import composed
from data.corpora.made import moses_zip
from hub_releases import PAWSX, pawsx_files
from typed import call, start

from mlalign.config.hydra import resolve
from mlalign.errors import ConfigError, DataError
from mlalign.stages.preparation import prepare

SMALL = [
    "backbone=xlmr",
    "data=hub",
    "task=pawsx",
    "data.parallel=[ccmatrix]",
    "data.languages=[de,ru]",
    "data.held_out=10",
    "task.languages=[en,de,ru]",
    "task.check_sizes=false",
    "align.steps=2",
    "align.batch_size=8",
    "align.validations=1",
    "align.max_length=48",
    "finetune.epochs=1",
    "finetune.evaluations=1",
    "finetune.max_length=48",
    "trainer=cpu",
    "trainer.progress=false",
    "trainer.precision=float32",
]


def config_of(*overrides: str):
    return resolve(composed(*overrides))


def pin(hub) -> None:
    """Let the served repositories have the commits that the settings name."""
    config = config_of("backbone=xlmr", "task=pawsx")
    for name, revision in (
        (config.backbone.name, config.backbone.revision),
        (config.task.release.repo, config.task.release.revision),
    ):
        if len(revision) == 40:
            hub.pins[name] = revision


@pytest.fixture(scope="module")
def pawsx(sentences, tmp_path_factory):
    return pawsx_files(sentences, tmp_path_factory.mktemp("pawsx"), train=24, validation=8, test=10)


@pytest.fixture
def release(hub, xlmr_folder, sentences, pawsx, tmp_path, monkeypatch):
    """A tiny XLM-R, PAWS-X and parallel text."""
    pin(hub)
    name = config_of("backbone=xlmr").backbone.name
    hub.repository("models", name, {path.name: path for path in xlmr_folder.glob("*.*")})
    hub.repository("datasets", PAWSX, pawsx)
    monkeypatch.setenv("MLALIGN_OPUS", f"{hub.url}/files")
    for language, pair in (("de", "de-en"), ("ru", "en-ru")):
        pairs = list(zip(sentences["en"], sentences[language], strict=True))
        archive = moses_zip(tmp_path / f"{pair}.zip", pairs, language, f"CCMatrix.{pair}")
        hub.plain(f"OPUS-CCMatrix/v1/moses/{pair}.txt.zip", archive.read_bytes())
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.mark.long
def test_a_run_needs_nothing_but_the_hub(hub, release):
    run = start("train.py", SMALL, release)
    assert run.returncode == 0, run.stderr
    (path,) = release.glob("outputs/pawsx/*/results.json")
    results = json.loads(path.read_text())
    assert list(results["scores"]) == ["en", "de", "ru"]
    assert (results["task"], results["method"]) == ("pawsx", "multilevel")
    assert results["data"]["data/hub/tasks/pawsx/de/test_2k.tsv"]["rows"] == 10
    manifest = json.loads((release / "data/hub/tasks/pawsx/manifest.json").read_text())
    assert manifest["source"]["commit"] == hub.commit("datasets", PAWSX)
    corpora = (release / "data/hub/parallel/ccmatrix").iterdir()
    names = sorted(path.name for path in corpora if not path.name.startswith("."))
    assert names == ["en-de.tsv.gz", "en-ru.tsv.gz", "manifest.json"]
    assert "Traceback" not in run.stderr


def test_preparing_ahead_of_a_run(hub, release):
    run = call("mlalign/data/prepare.py", SMALL, release)
    assert (run.returncode, "data/hub" in run.stdout) == (0, True), run.stderr
    assert (release / "data/hub/tasks/pawsx/ru/test_2k.tsv").is_file()
    run = call("mlalign/data/prepare.py", ["--help"], release)
    assert "pawsx" in run.stdout


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ((404, "paws-x"), "no such"),
        ((403, "paws-x"), "accept the terms"),
        (("damaged", "de/test"), "checksum"),
    ],
)
def test_a_hub_that_fails_is_one_message(fault, words, hub, release, monkeypatch):
    hub.fail(*fault)
    monkeypatch.chdir(release)
    with pytest.raises(DataError, match=words):
        prepare(config_of(*SMALL))


def test_without_network_and_cache_it_says_so(hub, release, monkeypatch):
    monkeypatch.chdir(release)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="HF_HUB_OFFLINE"):
        prepare(config_of(*SMALL))


def test_without_network_what_was_prepared_is_enough(hub, release, monkeypatch):
    monkeypatch.chdir(release)
    prepare(config_of(*SMALL))
    asked = len(hub.requests)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    prepare(config_of(*SMALL))
    assert len(hub.requests) == asked


def test_a_release_with_other_counts_is_named(hub, release, monkeypatch):
    monkeypatch.chdir(release)
    with pytest.raises(DataError, match=r"24 rows.*official release has 49401 \(train, en\)"):
        prepare(config_of(*[word for word in SMALL if "check_sizes" not in word]))


def test_licensed_documents_are_not_fetched(hub, release, monkeypatch):
    monkeypatch.chdir(release)
    with pytest.raises(ConfigError) as refused:
        prepare(config_of(*SMALL, "task=mldoc"))
    for word in ("Reuters", "generate_documents.py", "data/hub/tasks/mldoc", "task=mldoc"):
        assert word in str(refused.value)
    assert not hub.requests
