"""The card of an encoder's folder says what the hub wants to know, and gains the scores of runs."""

from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from training.toy import configured, write_toy

from mlalign.config.schema import Train
from mlalign.data.manifest import Manifest
from mlalign.reporting.results import Results
from mlalign.stages.model_card import CARD, UNKNOWN, add_scores, write_card

RESULTS = Results(
    task="mldoc", metric="accuracy", method="multilevel", ablation="none", backbone="tiny", seed=1,
    config={}, selection="last", scores={"en": 91.238, "de": 80.0},
)  # fmt: skip


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Train:
    return configured(write_toy(tmp_path_factory.mktemp("toy")), "method=labse")


def card_of(folder: Path, config: Train, *, files=("toy/en-de.tsv",), kind="transformer", **made) -> ModelCard:
    files = {str(Path(config.data.root) / "parallel" / name): {} for name in files}
    write_card(folder, config, kind, {"backbone": config.backbone.name, "files": files, **made})
    return ModelCard.load(folder / CARD)


def test_it_names_languages_losses_notes_and_the_licence_of_each_corpus(config, tmp_path):
    Manifest.of(Path(config.data.root) / "parallel" / "noted").record(
        "en-zh_TW.tsv.gz", licence="CC BY 2.0 FR", sha256="0"
    )
    files = ("noted/en-zh_TW.tsv.gz", "toy/en-de.tsv", "toy/en-fr.tsv")
    card = card_of(tmp_path, config, files=files, notes=["align: said"])
    assert card.data.language == ["de", "en", "fr", "zh-Hant"]
    assert card.data.base_model is None
    assert "* noted (en-zh_TW.tsv.gz): CC BY 2.0 FR\n" in card.text
    assert f"* toy (en-de.tsv, en-fr.tsv): {UNKNOWN}\n" in card.text
    assert "`method=labse ablation=none` (stages: align; losses: inter_sentence), seed 1, from `tiny`" in card.text
    assert "* align: said\n* labse: the temperature is ours" in card.text


def test_a_backbone_of_the_hub_is_the_base_model(config, tmp_path):
    named = replace(config, backbone=replace(config.backbone, name="owner/model"))
    assert card_of(tmp_path, named).data.base_model == "owner/model"
    words = card_of(tmp_path, named, kind="words", backbone=None).data
    assert (words.library_name, words.base_model, words.model_name) == ("mlalign", None, "labse")


def test_scores_are_added_and_those_of_the_same_run_replaced(config, tmp_path):
    text = card_of(tmp_path, config).text
    tuned = replace(RESULTS, config={"tuning": {"xero_align": {}}}, scores={"de": 60.0})
    for one in (RESULTS, replace(RESULTS, scores={"en": 90.0, "de": 70.0}), replace(RESULTS, seed=2), tuned):
        add_scores(tmp_path, one)
    card = ModelCard.load(tmp_path / CARD)
    assert card.text.strip() == text.strip()
    found = {(one.metric_name, one.dataset_config): one.metric_value for one in card.data.eval_results}
    assert found == {
        ("accuracy, multilevel, labels in en, seed 1", "en"): 90.0,
        ("accuracy, multilevel, labels in en, seed 1", "de"): 70.0,
        ("accuracy, multilevel, labels in en, seed 2", "en"): 91.24,
        ("accuracy, multilevel, labels in en, seed 2", "de"): 80.0,
        ("accuracy, multilevel+xero_align, labels in en, seed 1", "de"): 60.0,
    }
    assert {one.task_type for one in card.data.eval_results} == {"text-classification"}


@pytest.mark.parametrize("text", ["---\nlanguage: [\n---\n", "---\nmodel-index: 3\n---\n", "no metadata"])
def test_a_card_that_somebody_edited_ends_no_run(text, tmp_path, caplog):
    (tmp_path / CARD).write_text(text, encoding="utf-8")
    add_scores(tmp_path, RESULTS)
    left = (tmp_path / CARD).read_text(encoding="utf-8")
    assert (left == text and "not added to the model card" in caplog.text) or "91.24" in left


def test_a_folder_of_before_gets_none(tmp_path):
    add_scores(tmp_path, RESULTS)
    assert not (tmp_path / CARD).exists()
