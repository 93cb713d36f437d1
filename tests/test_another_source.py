"""Labels of another language than English are learned."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from reporting.made import results, run
from test_end_to_end import SMALL
from training.toy import configured, write_toy
from training.tuned import tuned
from typed import ROOT, call

from mlalign.config.identity import fingerprint
from mlalign.config.renamed import renamed_settings
from mlalign.data.sample import write_sample
from mlalign.errors import ConfigError, DataError
from mlalign.finetuning.building import task_files
from mlalign.reporting.comparison import comparison
from mlalign.reporting.runs import Run, find_runs

DOCS = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
COMMAND, PIVOT = (shlex.split(one) for one in re.findall(r"python train\.py( .*task\.source=[^#\n]*)#", DOCS))


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("source") / "sample"
    write_sample(root, seed=3, pairs=40, documents=(60, 20, 20), paraphrases=(8, 8, 8), sentences=(8, 8, 8))
    return root


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy"))


def learned(work: Path, root: Path, *words: str) -> dict:
    work.mkdir(exist_ok=True)
    ended = call("train.py", [*SMALL, f"data.root={root}", f"data.cache={work / 'cache'}", *words], work)
    assert ended.returncode == 0, ended.stderr
    (path,) = work.glob("outputs/mldoc/*/results.json")
    return json.loads(path.read_text(encoding="utf-8")) | {"folder": path.parent}


def test_german_labels_give_what_english_ones_give_where_the_files_change_names(release, tmp_path):
    shutil.copytree(release, tmp_path / "changed")
    folder = tmp_path / "changed" / "tasks" / "mldoc"
    for part in ("train.1000", "dev", "test"):
        shutil.copy(release / "tasks" / "mldoc" / f"english.{part}", folder / f"german.{part}")
        shutil.copy(release / "tasks" / "mldoc" / f"german.{part}", folder / f"english.{part}")
    for part in ("train.1000", "dev"):  # of English, which nothing learns
        (folder / f"english.{part}").unlink()
    english = learned(tmp_path / "english", release, "method=none")
    german = learned(tmp_path / "german", tmp_path / "changed", *COMMAND, "task.languages=available")
    assert list(german["scores"])[:2] == ["de", "en"]
    for one, other in (("en", "de"), ("de", "en"), ("ru", "ru")):
        first = (english["folder"] / "predictions" / f"{one}.jsonl").read_text()
        assert first == (german["folder"] / "predictions" / f"{other}.jsonl").read_text()
    assert german["reads"] == ["labels in de"]
    assert german["folder"].name.startswith("tiny-none-from_de-seed1-")
    targets = [score for language, score in german["scores"].items() if language != "de"]
    assert german["transfer_average"] == pytest.approx(sum(targets) / len(targets))
    assert german["transfer_gap"] == pytest.approx(german["scores"]["de"] - german["transfer_average"])
    (table,) = comparison(find_runs(str(german["folder"])))
    assert table.title.startswith("mldoc, zero-shot from de, ")
    assert table.languages[0] == "de"
    assert any("(all but de)" in note and "Gap: de minus targets" in note for note in table.notes)


def test_what_the_source_was_aligned_through_is_said(release, tmp_path):
    through = learned(tmp_path / "through", release, *COMMAND, "method=inter_sentence", "align.steps=2")
    assert "aligned through en: de, whose labels are learned, is paired with no other language" in through["notes"]
    assert through["never_aligned"] == []
    alone = learned(tmp_path / "alone", release, *PIVOT, "data.languages=null", "align.steps=2")
    assert list(alone["parallel"]) == ["en"]
    assert alone["never_aligned"] == ["ru"]
    assert not [note for note in alone["notes"] if "aligned through" in note]
    assert "held_out/retrieval/en" in (alone["folder"] / "curves" / "align.csv").read_text().splitlines()[0]


def test_a_source_without_a_train_part_is_refused_with_those_that_have_one(toy):
    with pytest.raises(DataError, match=r"task\.source=ru: no train part for ru in .*mldoc. Languages.*: de, en, fr"):
        task_files(configured(toy, "task=mldoc", "task.source=ru"))
    with pytest.raises(DataError, match=r"task\.source=fr: no train part for fr in .*panx. Languages with one: de, en"):
        task_files(configured(toy, "task=panx", "task.languages=[en,de]", "task.source=fr"))
    with pytest.raises(DataError, match="no dev part for de"):
        task_files(configured(toy, "task=mldoc", "task.source=de"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["finetune.shots={de: 10}"], "de is the source"),
        (["task.translated_test=true"], "translated tests are said in English"),
        (["task=tatoeba_retrieval"], r"task\.source=de with task=tatoeba_retrieval, which learns nothing"),
    ],
)
def test_what_belongs_to_english_is_refused_while_composing(toy, words, message):
    with pytest.raises(ConfigError, match=message):
        configured(toy, "task.source=de", *words)


@pytest.mark.parametrize("name", ["translate_train", "code_switch", "xero_align", "consistency"])
def test_tunings_that_read_translations_of_english_are_refused(toy, name):
    shutil.copy(toy / "tasks" / "mldoc" / "english.dev", toy / "tasks" / "mldoc" / "german.dev")
    words = [f"tuning={name}", f"tuning.{name}.languages=[fr]", "task.source=de"]
    with pytest.raises(ConfigError, match=r"from en, and task\.source=de is learned"):
        tuned(toy, *words, *(["tuning.consistency.view=code_switch"] if name == "consistency" else []))


def test_tunings_know_the_source(toy):
    shutil.copy(toy / "tasks" / "mldoc" / "english.dev", toy / "tasks" / "mldoc" / "german.dev")
    module, data = tuned(toy, "tuning=language_adversary", "tuning.language_adversary.languages=[fr]", "task.source=de")
    update = next(iter(data.train_dataloader()))
    assert {part.language for part in update.parts} == {"de"}
    pairs = [(one.source.language, one.target.language) for one in update.pairs["language_adversary"]]
    assert set(pairs) == {("de", "fr")}
    assert {batch.language for batch in data.val_dataloader()} == {"de"}
    with pytest.raises(ConfigError, match=r"expected target languages, found de"):
        tuned(toy, "tuning=language_adversary", "tuning.language_adversary.languages=[de]", "task.source=de")
    assert module.partner_of(update.parts[0]) is None


def test_no_table_mixes_two_sources():
    def learned_from(method: str, source: str):
        found = run(method, folder=f"outputs/{method}-{source}").results
        config = {**found.config, "task": {"name": "mldoc", "source": source}}
        return Run(Path(f"outputs/{method}-{source}"), replace(found, config=config))

    with pytest.raises(ConfigError, match=r"task\.source: "):
        comparison([learned_from("none", "en"), learned_from("mlm", "de")])
    (table,) = comparison([learned_from("none", "de"), learned_from("mlm", "de")])
    (row, *_) = table.rows
    assert row.cells["transfer_average"].mean == pytest.approx((90.0 + 40.0) / 2)  # of en and ru
    assert row.cells["transfer_gap"].mean == pytest.approx(50.0 - 65.0)


def test_old_results_name_the_address_of_their_data_as_they_did():
    old = renamed_settings({"task": {"name": "mldoc", "source": "https://a.b"}, "data": {"source": "files"}})
    assert old == {"task": {"name": "mldoc", "source": "en", "url": "https://a.b"}, "data": {"source": "files"}}
    new = {"task": {"source": "de", "url": "https://a.b"}}
    assert fingerprint(renamed_settings(new)) == fingerprint(new)
    assert results().source == "en"
