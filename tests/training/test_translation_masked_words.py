"""Translation language modelling: both sentences in one row."""

import pytest
import torch
from training.toy import batches, built, encoded, exact

from mlalign.errors import ConfigError
from mlalign.models.backbone import first_position

TLM = ("method=tlm",)


@pytest.mark.parametrize("family", ["tiny", "bert"])
@pytest.mark.parametrize("positions", ["restart", "run_on"])
def test_is_the_masked_language_model_of_transformers_on_the_joined_rows(toy, request, family, positions):
    overrides = [*TLM, f"align.tlm.positions={positions}"]
    if family == "bert":
        overrides += ["backbone=mbert", f"backbone.path={request.getfixturevalue('bert_folder')}"]
    module, data = built(toy, *overrides)
    exact(module).eval()
    given = batches(data, 1)[0]
    (rows,) = given.views["tlm"]
    model = module.encoder.backbone
    places = torch.arange(rows.subwords.width).expand(len(rows.original), -1)
    if positions == "restart":
        places = torch.where(rows.half == 2, places - (rows.half == 1).sum(1, keepdim=True) + 1, places)
        places = places.where(rows.half > 0, 0)
    types = {} if rows.subwords.token_types is None else {"token_type_ids": (rows.half == 2).long()}
    assert bool(types) == (family == "bert")
    expected = model(
        input_ids=rows.subwords.input_ids,
        attention_mask=rows.subwords.attention_mask,
        position_ids=places + first_position(model),
        labels=rows.original.where(rows.masked, -100),
        **types,
    ).loss
    found = module.objectives["translation_masked_words"](encoded(module, given))
    torch.testing.assert_close(found, expected)


def test_a_masked_word_sees_the_translation(toy):
    """Under masked words of each language alone it does not."""
    module, data = built(toy, *TLM)
    exact(module)
    given = batches(data, 1)[0]
    (rows,) = given.views["tlm"]
    found = []
    module.encoder.backbone.get_input_embeddings().register_forward_hook(
        lambda _, __, vectors: (found.append(vectors), vectors.retain_grad())[0]
    )
    states = module.encoder(rows.subwords)
    chosen = rows.masked & (rows.half == 1)
    states[chosen].square().sum().backward()
    assert found[0].grad[rows.half == 2].any()


@pytest.mark.parametrize("family", [pytest.param("mmbert", marks=pytest.mark.long), "deberta"])
def test_positions_cannot_restart_where_there_are_none(toy, request, family):
    folder = request.getfixturevalue(f"{family}_folder")
    overrides = [*TLM, f"backbone=m{family.removeprefix('m')}", f"backbone.path={folder}"]
    with pytest.raises(ConfigError, match=r"align\.tlm\.positions=restart.*run_on"):
        built(toy, *overrides)
    module, data = built(toy, *overrides, "align.tlm.positions=run_on")
    assert module.objectives["translation_masked_words"](encoded(module, batches(data, 1)[0])).isfinite()
