"""Random encoders of a given shape, made-up batches, and what this project trains on them.

Everything that measures a step builds it here: with the project's own assembly, so that the step is
the pipeline's, and without any file, so that it runs on a strange machine. Weights and text are
random; a step's cost depends on neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from datasets import Dataset
from hydra import compose, initialize_config_dir
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM, XLMRobertaTokenizer

from mlalign.alignment.assembly import Assembly
from mlalign.alignment.module import AlignmentModule
from mlalign.config.hydra import quiet_libraries, resolve
from mlalign.data.parallel import ParallelBatch, ParallelDataModule
from mlalign.data.token_cache import FEATURES, Tokenised
from mlalign.models.tiny import SPECIAL

CONF = str(Path(__file__).parents[1] / "conf")
SENTENCES_ALONE = ["method=inter_sentence", "losses.inter_sentence.view=masked"]  # on the same batches
WHOLE = "method=multilevel_v1"  # one masked pass that all losses read: the step that is measured and modelled
OVERHEAD = 3  # of a sequence's positions are no words: [CLS], the language token, [SEP]
LANGUAGE = "de"
OCCURRING = 30_000  # different pieces that the text has, of a large vocabulary


@dataclass(frozen=True)
class Shape:
    """Of an encoder and of the batches that it sees; all sequences are of full length."""

    layers: int
    width: int
    heads: int
    vocabulary: int
    pairs: int
    length: int

    @property
    def tokens(self) -> int:
        """Positions of a batch, both languages together."""
        return 2 * self.pairs * self.length

    @property
    def words(self) -> int:
        """Those of them that are words."""
        return 2 * self.pairs * (self.length - OVERHEAD)

    def batch(self, pairs: int, length: int) -> "Shape":
        """The same encoder, other batches."""
        return Shape(self.layers, self.width, self.heads, self.vocabulary, pairs, length)


XLMR_BASE = Shape(layers=12, width=768, heads=12, vocabulary=250_002, pairs=16, length=32)
PAPER = XLMR_BASE.batch(pairs=96, length=128)
TINY = Shape(layers=2, width=32, heads=2, vocabulary=500, pairs=4, length=16)


def random_model(shape: Shape, *, attention: str = "sdpa") -> XLMRobertaForMaskedLM:
    """An encoder of XLM-R's form with fresh weights."""
    torch.manual_seed(1)
    config = XLMRobertaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=4 * shape.width,
        max_position_embeddings=514,
        type_vocab_size=1,
        attn_implementation=attention,
    )
    return XLMRobertaForMaskedLM(config)


def made_up_tokenizer(pieces: int) -> XLMRobertaTokenizer:
    """As many ids as the vocabulary has; nothing is ever cut by it."""
    ordinary = [(f"▁{place}", 0.0) for place in range(pieces - len(SPECIAL) - 1)]
    special = [(piece, 0.0) for piece in SPECIAL]
    return XLMRobertaTokenizer(vocab=[*special, *ordinary, ("<mask>", 0.0)])


def made_up_text(shape: Shape, batches: int) -> dict[str, Tokenised]:
    """One language's table: pairs for so many batches, all of the same length.

    Pieces are drawn evenly from those that occur, so that a batch holds more different ones than
    text does. The first pairs hold each of them once.
    """
    random = np.random.default_rng(1)
    words = shape.length - OVERHEAD
    occurring = min(OCCURRING, shape.vocabulary - len(SPECIAL) - 1)
    pairs = max(batches * shape.pairs, -(-occurring // words))
    drawn = random.integers(0, occurring, (2, pairs, words))
    drawn[0].flat[:occurring] = np.arange(occurring)
    rows = Dataset.from_dict(
        {
            "source": (drawn[0] + len(SPECIAL)).tolist(),
            "target": (drawn[1] + len(SPECIAL)).tolist(),
            "source_key": np.arange(pairs).tolist(),
            "target_key": (pairs + np.arange(pairs)).tolist(),
        },
        features=FEATURES,
    ).with_format("arrow")
    lengths = np.full(pairs, words, np.int32)
    keys = random.integers(0, 2**63, pairs)
    return {LANGUAGE: Tokenised(LANGUAGE, rows, lengths, lengths, keys, dropped={}, files={})}


def assembled(
    shape: Shape,
    overrides: Sequence[str],
    model: Any,
    tokenizer: Any,
    text: dict[str, Tokenised],
) -> tuple[AlignmentModule, ParallelDataModule]:
    """What ``python train.py backbone=xlmr OVERRIDES`` trains, and on what."""
    with initialize_config_dir(CONF, version_base="1.3"):
        setting = [
            "backbone=xlmr", "data=files", "data.root=none", "data.parallel=[none]",
            "data.held_out=0", f"align.batch_size={shape.pairs}", f"align.max_length={shape.length}",
            "align.steps=20000", *overrides,
        ]  # fmt: skip
        config = resolve(compose("train", setting))
    quiet_libraries()
    return Assembly(config).module(model, tokenizer, text, shape.vocabulary)


def made_up_batches(data: ParallelDataModule, number: int) -> list[ParallelBatch]:
    """The first batches of the run, but the very first, in which everything is reported."""
    loader: Any = data.train_dataloader()
    return [loader.dataset[loader.sampler.key(0, place)] for place in range(1, number + 1)]


class Batches(L.LightningDataModule):
    """Given batches, one after another."""

    def __init__(self, batches: Sequence[ParallelBatch]) -> None:
        super().__init__()
        self.batches = list(batches)

    def train_dataloader(self) -> Any:
        """As they are."""
        return torch.utils.data.DataLoader(
            self.batches,
            batch_size=None,
            collate_fn=lambda batch: batch,  # type: ignore[arg-type]
        )
