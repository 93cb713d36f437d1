"""The card of an aligned folder says what the hub wants to know, and gains the scores of runs."""

from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from training.toy import configured, write_toy

from mlalign.data.manifest import Manifest
from mlalign.reporting.results import Results
from mlalign.stages.model_card import CARD, UNKNOWN_LICENCE, add_scores, write_card

RESULTS = Results(
    task="mldoc", metric="accuracy", method="multilevel", ablation="none", backbone="tiny", seed=1,
    config={}, selection="last", scores={"en": 91.238, "de": 80.0},
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "encoder"
    made.mkdir()
    return made


def test_it_names_languages_losses_and_the_licence_of_each_corpus(folder, tmp_path):
    root = write_toy(tmp_path / "world")
    Manifest.of(root / "parallel" / "noted").record("en-de.tsv.gz", licence="CC BY 2.0 FR")
    write_card(folder, configured(root), {"de": ["noted", "toy"], "fr": ["toy"]})
    card = ModelCard.load(folder / CARD)
    assert card.data.language == ["de", "en", "fr"]
    assert card.data.base_model is None
    assert "* noted: CC BY 2.0 FR (de)\n" in card.text
    assert f"* toy: {UNKNOWN_LICENCE} (de, fr)\n" in card.text
    assert "inter_sentence" in card.text


def test_a_backbone_of_the_hub_is_the_base_model(folder, tmp_path):
    root = write_toy(tmp_path / "world")
    write_card(folder, configured(root, "backbone=xlmr"), {"de": ["toy"]})
    assert ModelCard.load(folder / CARD).data.base_model == "FacebookAI/xlm-roberta-base"


def test_scores_are_added_and_those_of_the_same_run_replaced(folder, tmp_path):
    root = write_toy(tmp_path / "world")
    write_card(folder, configured(root), {"de": ["toy"]})
    text = ModelCard.load(folder / CARD).text
    for one in (RESULTS, replace(RESULTS, scores={"en": 90.0, "de": 70.0}), replace(RESULTS, seed=2)):
        add_scores(folder, one)
    card = ModelCard.load(folder / CARD)
    assert card.text.strip() == text.strip()
    found = [(one.metric_name[-1], one.dataset_config, one.metric_value) for one in card.data.eval_results]
    assert sorted(found) == [("1", "de", 70.0), ("1", "en", 90.0), ("2", "de", 80.0), ("2", "en", 91.24)]
    assert {one.task_type for one in card.data.eval_results} == {"text-classification"}


def test_a_folder_of_before_gets_none(folder):
    add_scores(folder, RESULTS)
    assert not (folder / CARD).exists()
