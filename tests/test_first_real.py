"""`experiment=first_real`: from a hub on loopback, and on real weights and text where they are."""

import json
import os
from pathlib import Path

import pytest
from data.corpora.made import moses_zip
from families import write_minilm
from hub_releases import SIB200, sib200_files
from transformers import AutoTokenizer
from typed import call

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("MLALIGN_DATA", ROOT.parent / "shared" / "data"))
SHORT = [
    "experiment=first_real",
    "trainer=cpu",
    "trainer.progress=false",
    "trainer.precision=float32",
    "align.steps=2",
    "align.batch_size=8",
    "align.validations=1",
    "data.held_out=10",
    "finetune.epochs=1",
    "finetune.evaluations=1",
]
E5 = os.environ.get("MLALIGN_E5", "")


def run(work, *overrides):
    ended = call("train.py", [*SHORT, *overrides], work)
    assert ended.returncode == 0, ended.stderr
    (path,) = work.glob("outputs/sib200/*/results.json")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def published(hub, xlmr_folder, sentences, tmp_path, monkeypatch):
    """What the experiment fetches, in small: an encoder of E5's form, topics and translations."""
    encoder = tmp_path / "encoder"
    tokenizer = AutoTokenizer.from_pretrained(xlmr_folder)
    write_minilm(encoder, len(tokenizer))
    tokenizer.save_pretrained(encoder)
    files = {path.name: path for path in encoder.iterdir()}
    hub.repository("models", "intfloat/multilingual-e5-small", files)
    codes = {"eng_Latn": "en", "deu_Latn": "de", "rus_Cyrl": "ru"}
    topics = {code: sentences[language] for code, language in codes.items()}
    hub.repository("datasets", SIB200, sib200_files(topics))
    hub.pins[SIB200] = "38977a667f6fc264d5c26ec57a01e16db040b358"
    monkeypatch.setenv("MLALIGN_OPUS", f"{hub.url}/files")
    for language, pair in (("de", "de-en"), ("ru", "en-ru")):
        pairs = list(zip(sentences["en"], sentences[language], strict=True))
        archive = moses_zip(tmp_path / f"{pair}.zip", pairs, language, f"Tatoeba.{pair}")
        hub.plain(f"OPUS-Tatoeba/v2023-04-12/moses/{pair}.txt.zip", archive.read_bytes())
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_it_needs_nothing_but_the_hub(hub, published):
    languages = ["data.languages=[de,ru]", "task.languages=[en,de,ru]", "task.check_sizes=false"]
    results = run(published, *languages)
    assert results["backbone"] == "intfloat/multilingual-e5-small"
    assert results["backbone_commit"] == hub.commit("models", results["backbone"])
    assert list(results["scores"]) == ["en", "de", "ru"]
    assert results["aligned"] is not None


@pytest.mark.skipif(not (E5 and DATA.is_dir()), reason=f"needs weights at MLALIGN_E5 and text at {DATA}")
def test_with_a_folder_of_weights_and_text_it_needs_no_hub(tmp_path):
    overrides = [f"backbone.path={E5}", "data=files", f"data.root={DATA}"]
    results = run(tmp_path, *overrides, "data.max_pairs=500")
    assert results["backbone"] == Path(E5).name
    assert results["backbone_files"]["model.safetensors"]
    assert len(results["scores"]) == 6
