"""Stages besides the alignment, by two processes and begun again after they were stopped."""

from pathlib import Path

import pytest
import torch
from training.toy import configured, trainer, write_toy, write_trees
from two_ranks import in_ranks

from mlalign.alignment.masked_side import MaskedSideModule
from mlalign.finetuning.parsing import ParsingModule
from mlalign.models.io import load_encoder
from mlalign.pipeline import chained
from mlalign.stages.backbone import Backbone
from mlalign.stages.cbow import Cbow
from mlalign.stages.chain import encoder_folders, partial_of
from mlalign.stages.parallel_text import ParallelText

STAGES = {
    "syntax_supervised": ("parse.epochs=2", "parse.batch_size=7", "data.trees={root}/toy.conllu"),
    "embedding_swap": ("align.steps=5", "align.accumulate=2"),
    "multi_cca": (
        "vectors.dim=4",
        "vectors.epochs=2",
        "vectors.batch_size=256",
        "vectors.subsample=null",
        "data.lexicon=sample",
    ),
    "centred": (),
    "linear_map": (),
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = write_toy(tmp_path_factory.mktemp("toy"))
    write_trees(root / "toy.conllu", 60)
    return root


def folder_of(root: Path, method: str, aligned: Path) -> Path:
    """Of the encoder, made now."""
    own = [word.format(root=root) for word in STAGES[method]]
    config = configured(root, f"method={method}", "backbone.dropout=0", *own)
    text = ParallelText(config)
    chain = chained(config, text, Backbone(config, text), lambda name: trainer, precision="32-true")
    return encoder_folders(chain, aligned, resume=True)[-1]


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """Everything that the folder holds."""
    return load_encoder(folder, attention="eager")[0].state_dict()


def all_weights(root: Path, aligned: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Of the encoders of all stages."""
    return {method: weights_of(folder_of(root, method, aligned)) for method in STAGES}


@pytest.mark.long
def test_two_processes_make_what_one_makes(toy, tmp_path):
    one = all_weights(toy, tmp_path / "one")
    for by_rank in in_ranks(2, tmp_path / "ranks", all_weights, toy, tmp_path / "two"):
        for method, expected in one.items():
            assert by_rank[method].keys() == expected.keys()
            for name, value in expected.items():
                if name.endswith("key.bias"):
                    continue  # its gradient is rounding alone
                torch.testing.assert_close(by_rank[method][name], value, rtol=1e-3, atol=2e-5, msg=f"{method} {name}")
    assert len(list((tmp_path / "two").glob("*/alignment.yaml"))) == len(STAGES)


@pytest.mark.parametrize(
    ("method", "target"),
    [("syntax_supervised", ParsingModule), ("multi_cca", Cbow), ("embedding_swap", MaskedSideModule)],
)
def test_a_stage_that_was_stopped_begins_again(toy, tmp_path, monkeypatch, method, target):
    step = "forward" if target is Cbow else "training_step"
    original, steps = getattr(target, step), iter(range(100))

    def stopped(self, *given):
        if next(steps) == 3:
            raise KeyboardInterrupt
        return original(self, *given)

    whole = folder_of(toy, method, tmp_path / "whole")
    monkeypatch.setattr(target, step, stopped)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        folder_of(toy, method, tmp_path / "again")
    left = partial_of(tmp_path / "again" / whole.name)
    assert left.is_dir()
    assert not (tmp_path / "again" / whole.name).exists()
    (left / "left").write_text("by the one that was stopped")
    again = folder_of(toy, method, tmp_path / "again")
    assert again.name == whole.name
    assert not left.exists()
    assert {path.name for path in again.iterdir()} == {path.name for path in whole.iterdir()}
    expected = weights_of(whole)
    assert all(value.equal(expected[name]) for name, value in weights_of(again).items())
