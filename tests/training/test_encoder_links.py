"""Links between words by the encoder that an alignment starts from."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from training.toy import aligner, batches, built_by, folder_of

from mlalign.data.encoder_links import mutual_softmax
from mlalign.data.languages import ENGLISH
from mlalign.errors import ConfigError
from mlalign.models.encoder import Encoder
from mlalign.stages.backbone import Backbone

LINKED = ("method=word_contrast", "data.links=encoder", "backbone.layers=2", "data.max_pairs=90")


def by_hand(source, target):
    """Positions of mutual softmax above a thousandth, number by number."""
    scores = [[float(np.exp(x @ y)) for y in target] for x in source]
    columns = [sum(row[j] for row in scores) for j in range(len(target))]
    return {
        (i, j)
        for i, row in enumerate(scores)
        for j, score in enumerate(row)
        if score / sum(row) > 1e-3 and score / columns[j] > 1e-3
    }


def test_links_are_what_both_directions_find_likely():
    random = torch.Generator().manual_seed(0)
    source, target = (2 * torch.randn(3, size, 6, generator=random, dtype=torch.float64) for size in (5, 4))
    ones = torch.tensor([[0, 1, 1, 1, 0], [0, 1, 0, 0, 0], [1, 1, 1, 1, 1]]).bool()
    others = torch.tensor([[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 0]]).bool()
    found = mutual_softmax(source, target, ones, others)
    some = 0
    for row in range(3):
        at, to = ones[row].nonzero()[:, 0].tolist(), others[row].nonzero()[:, 0].tolist()
        expected = {(at[i], to[j]) for i, j in by_hand(source[row, at].numpy(), target[row, to].numpy())}
        assert {tuple(one) for one in found[row].nonzero().tolist()} == expected
        some += len(at) * len(to) - len(expected)
    assert some > 3  # not all are linked


@pytest.fixture
def sharp(monkeypatch):
    """Vectors that are large enough for some links to be unlikely."""
    load = Backbone.load

    def loaded(self, attention):
        model, tokenizer = load(self, attention)
        with torch.no_grad():
            for layer in model.base_model.encoder.layer:
                layer.output.LayerNorm.weight.mul_(2)
        return model, tokenizer

    monkeypatch.setattr(Backbone, "load", loaded)


@pytest.mark.parametrize("layer", [None, 1])
def test_a_batch_has_the_links_of_the_start_encoder(toy, tmp_path, sharp, layer):
    words = (*LINKED, f"data.link_layer={'null' if layer is None else layer}", f"data.cache={tmp_path}")
    stage = aligner(toy, *words)
    _, data = built_by(stage)
    model, _ = stage.backbone.load("eager")
    encoder = Encoder(model, pool="mean").eval()
    batch, unlinked = batches(data, 1)[0], 0
    with torch.no_grad():
        for row in range(len(batch.first.source.original)):
            states = []
            for side, language in zip(batch.first, (ENGLISH, batch.languages[1]), strict=True):
                ids = side.original[row][side.is_content_token[row]].tolist()
                alone = data.layout.batch([data.layout.single(ids, language)])
                states.append(encoder.layers(alone)[-1 if layer is None else layer][0, 1:-1].double().numpy())
            mine = {(one, two) for at, one, two in batch.links.tolist() if at == row}
            assert mine == by_hand(*states)
            unlinked += len(states[0]) * len(states[1]) - len(mine)
    assert unlinked > 0
    assert len(list(tmp_path.glob("tokens/*.links-*.arrow"))) == 2
    before = [path.stat().st_mtime_ns for path in tmp_path.glob("tokens/*.links-*.arrow")]
    assert batches(built_by(stage)[1], 1)[0].links.equal(batch.links)
    assert [path.stat().st_mtime_ns for path in tmp_path.glob("tokens/*.links-*.arrow")] == before


def test_links_of_another_encoder_or_layer_are_others(toy, tmp_path, sharp):
    same = (*LINKED, f"data.cache={tmp_path}")
    for words in ((), ("data.link_layer=1",), ("align.seed=7",)):
        built_by(aligner(toy, *same, *words))
    names = {path.name.split(".links-")[1] for path in tmp_path.glob("tokens/*.links-*.arrow")}
    assert len(names) == 3


def test_from_scratch_it_is_warned_of(toy):
    stage = aligner(toy, *LINKED, "align.steps=2")
    made = OmegaConf.to_container(OmegaConf.load(folder_of(stage) / "alignment.yaml"))
    (warning,) = (one for one in made["warnings"] if "data.links=encoder" in one)
    assert "backbone=tiny, which is built here from scratch: its links are chance" in warning
    assert made["costs"]["links"]["sentences"] == 4 * 90
    assert min(made["costs"]["links"][key] for key in ("tokens", "flops", "seconds")) > 0


def test_a_layer_that_is_not_there_is_refused(toy):
    with pytest.raises(ConfigError, match=r"data\.link_layer=3: the encoder has 2 layers"):
        built_by(aligner(toy, *LINKED, "data.link_layer=3"))
