"""An alignment of every family: what learns, how fast, and what the folder gives afterwards."""

import pytest
import torch
from torch.testing import assert_close
from training.toy import aligner, batches, built, fitted, folder_of, gradients, state
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from mlalign.errors import ConfigError
from mlalign.models.backbone import load_backbone, vocabulary_size
from mlalign.models.io import load_encoder
from mlalign.models.vocabulary_head import head_parameters, untrained_head

FAMILIES = {"xlmr": "xlmr", "bert": "mbert", "modernbert": "mmbert", "mmbert": "mmbert"}
FAMILIES |= {"deberta": "mdeberta"}
EACH_HEAD = ("xlmr", "deberta", "modernbert")  # one of each form of head; all in `make test-long`


def of(folder, backbone="xlmr"):
    return (f"backbone={backbone}", f"backbone.path={folder}")


@pytest.fixture
def headless(family_folder, tmp_path):
    """As LaBSE and mDeBERTa are published: the encoder alone."""
    folder = tmp_path / "headless"
    AutoModel.from_pretrained(family_folder).save_pretrained(folder)
    AutoTokenizer.from_pretrained(family_folder).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_everything_that_is_trained_gets_a_gradient(toy, tmp_path, request, family):
    folder = request.getfixturevalue(f"{family}_folder")
    module, data = built(toy, *of(folder, FAMILIES[family]), "align.adversary.warmup=0")
    batch = next(iter(data.train_dataloader()))
    found = gradients(module, [batch], tmp_path)
    trained = {name for name, one in module.named_parameters() if one.requires_grad}
    assert found.keys() >= trained
    for name in trained:
        assert found[name] is not None, name
        assert found[name].isfinite().all(), name
    for name in ("embeddings", "head", "cls", "lm_head", "layer"):
        moved = [one for key, one in found.items() if name in key and one is not None]
        assert not moved or any(one.abs().sum() > 0 for one in moved), name


def test_a_head_that_the_weights_lack_is_warmed_up_alone(toy, tmp_path, headless):
    module, data = built(toy, *of(headless), "align.head_warmup=2")
    before = state(module)
    fitted(module, batches(data, 2), tmp_path)
    own = {one.data_ptr() for one in module.head.untrained}
    for name, value in module.state_dict().items():
        assert value.equal(before[name]) != (value.data_ptr() in own), name


def test_a_head_that_the_weights_lack_is_trained_at_the_rate_of_heads(toy, headless):
    module, _ = built(toy, *of(headless))
    model = module.encoder.backbone
    head, marked = head_parameters(model), untrained_head(model)
    assert marked
    assert {id(one) for one in marked} <= {id(one) for one in head}
    groups = {group["name"]: group for group in module.parameter_groups()}
    assert {id(one) for one in marked} <= {id(one) for one in groups["heads"]["params"]}
    assert groups["heads"]["lr"] == 1e-4
    everywhere = [id(one) for group in groups.values() for one in group["params"]]
    assert len(everywhere) == len(set(everywhere))
    assert set(everywhere) == {
        id(one)
        for name, one in module.named_parameters()
        if one.requires_grad and ".opponent." not in f".{name}" and "discriminator" not in name
    }


@pytest.mark.parametrize(
    "family_folder",
    [pytest.param(one, marks=[pytest.mark.long] * (one not in EACH_HEAD)) for one in FAMILIES],
    indirect=True,
)
def test_a_trained_head_is_in_the_folder_and_not_marked_there(toy, headless, tmp_path):
    short = ("align.steps=2", "align.head_warmup=3")
    folder = folder_of(aligner(toy, *of(headless), *short, f"aligned={tmp_path / 'aligned'}"))
    model, tokenizer = load_backbone(folder, attention="eager")
    assert not untrained_head(model)
    encoder, _ = load_encoder(folder, attention="eager")
    ids = torch.tensor([tokenizer("[LANG_de] a b")["input_ids"]])
    plain = AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.no_grad():
        assert_close(plain(ids).logits, encoder.backbone.eval()(ids).logits)
    # Going on from there with a language more: what was aligned stays, the head is the trained one.
    module, _ = built(toy, *of(folder), "data.languages=[de,fr]")
    assert module.head.size == vocabulary_size(tokenizer)
    now = module.encoder.backbone.state_dict()
    for name, value in model.state_dict().items():
        assert now[name].equal(value), name


@pytest.mark.parametrize("family", FAMILIES)
def test_no_language_token_can_be_guessed(toy, request, family):
    folder = request.getfixturevalue(f"{family}_folder")
    _, tokenizer = load_backbone(folder, attention="eager")
    module, _ = built(toy, *of(folder))
    assert len(module.head) == vocabulary_size(tokenizer)
    assert len(module.head.weight) == len(module.head.bias)


@pytest.mark.parametrize("family", ["xlmr", "modernbert", "mmbert"])
def test_more_positions_than_there_are_are_refused(toy, request, family):
    folder = request.getfixturevalue(f"{family}_folder")
    limit = {"modernbert": 8192, "mmbert": 1024}.get(family, 512)
    aligner(toy, *of(folder), f"align.max_length={limit}").backbone.load("eager")
    maker = aligner(toy, *of(folder), f"align.max_length={limit + 1}")
    with pytest.raises(ConfigError, match=rf"has {limit} positions"):
        maker.backbone.load("eager")
