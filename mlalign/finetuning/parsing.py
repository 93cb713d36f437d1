"""Dependency parsing as an encoder's intermediate task: trees to batches, and the module that learns them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import AdamW
from torch.utils.data import Dataset

from mlalign.data.languages import ENGLISH
from mlalign.data.sampling import UpdateKey
from mlalign.data.sequences import SequenceBuilder, Sequenced
from mlalign.data.trees import Tree
from mlalign.distributed import all_gather_object, own_share
from mlalign.files import JsonObject
from mlalign.metrics.trees import attachment_scores, maximum_tree
from mlalign.models.biaffine import Parser, word_means
from mlalign.models.encoder import Encoder
from mlalign.models.subwords import Subwords
from mlalign.models.vocabulary_head import head_parameters
from mlalign.tasks.base import IGNORED
from mlalign.training.divergence import Learned
from mlalign.training.gathering import per_rank
from mlalign.training.module import StageModule
from mlalign.training.optimizers import along, build_optimizers
from mlalign.training.schedules import warmup_then_linear
from mlalign.training.seeding import seed_everything_for


class EncodedTree(NamedTuple):
    """A tree and its sentence as a sequence; ``word`` has the number of each token's word, 0 for none."""

    sequence: Sequenced
    word: list[int]
    tree: Tree


class TreeBatch(NamedTuple):
    """Sentences with their trees."""

    subwords: Subwords  # the sentences
    word: Int[Tensor, "batch length"]  # of each token the number of its word, from 1; 0 for none
    heads: Int[Tensor, "batch words"]  # of each word, 0 for the root; ``IGNORED`` behind a sentence's last word
    relations: Int[Tensor, "batch words"]  # of each word, by number, likewise
    places: list[int]  # of the sentences among those that were encoded
    scored: int  # how many words have a head, known to the host


def encode_trees(trees: Sequence[Tree], builder: SequenceBuilder) -> list[EncodedTree]:
    """Sequences of the sentences that fit; a tree cannot be cut."""
    found = []
    for tree, words in zip(trees, builder.split_words([tree.words for tree in trees], ENGLISH), strict=True):
        ids = [token for word in words for token in word]
        if len(ids) <= builder.budget:
            numbers = [number for number, word in enumerate(words, start=1) for _ in word]
            places = [*[0] * (builder.overhead - 1), *numbers, 0]
            found.append(EncodedTree(builder.single(ids, ENGLISH), places, tree))
    return found


class TreeText(Dataset[TreeBatch]):
    """Makes batches of trees.

    Args:
        trees: encoded.
        relations: in the order of their numbers.
        builder: that encoded them.
        path: of their file.
    """

    def __init__(
        self, trees: Sequence[EncodedTree], relations: Sequence[str], builder: SequenceBuilder, path: Path
    ) -> None:
        self.trees, self.builder, self.path = trees, builder, path
        self.number = {relation: number for number, relation in enumerate(relations)}

    def __getitem__(self, key: UpdateKey | Sequence[int]) -> TreeBatch:
        """The sentences of this rank; one that gets none sees the first without its tree."""
        rows, counts = own_share(key.rows.tolist()) if isinstance(key, UpdateKey) else (key, True)
        chosen = [self.trees[row] for row in rows]
        subwords = self.builder.batch([one.sequence for one in chosen])
        longest = max(len(one.tree.heads) for one in chosen)
        heads = _padded([one.tree.heads for one in chosen], longest, IGNORED)
        relations = _padded([[self.number[name] for name in one.tree.relations] for one in chosen], longest, IGNORED)
        if not counts:
            heads, relations = torch.full_like(heads, IGNORED), torch.full_like(relations, IGNORED)
        word = _padded([one.word for one in chosen], subwords.width, 0)
        return TreeBatch(subwords, word, heads, relations, list(rows), int((heads != IGNORED).sum()))

    def described(self, language: str, rows: Sequence[int], epoch: int | None) -> list[JsonObject]:
        """Sentences by the line of their first word."""
        trees = [self.trees[row].tree for row in rows]
        return [{"file": str(self.path), "line": tree.line, "words": tree.words} for tree in trees]


def _padded(rows: Sequence[Sequence[int]], width: int, fill: int) -> Tensor:
    return torch.tensor([[*row, *[fill] * (width - len(row))] for row in rows])


class ParsingModule(StageModule):
    """Learns heads and relations together: the sum of both cross entropies, a mean over words.

    Glavaš and Vulić 2021 (arXiv:2008.06788): a word's vector is the mean of its tokens', the root's
    is that of the sequence's first token.

    Args:
        encoder: that learns.
        relations: in the order of their numbers.
        held_out: trees that are parsed after every epoch, see ``scores``.
        learning_rate: peak.
        steps: updates of the whole run.
        warmup: share of the run over which the learning rate rises.
        max_grad_norm: of the whole gradient, or None.
        seed: of dropout.

    Attributes:
        scores: ``uas`` and ``las`` of the held-out trees after the last epoch, in per cent.
    """

    def __init__(
        self,
        encoder: Encoder,
        relations: Sequence[str],
        held_out: Sequence[EncodedTree],
        *,
        learning_rate: float,
        steps: int,
        warmup: float,
        max_grad_norm: float | None,
        seed: int,
    ) -> None:
        super().__init__("parse", max_grad_norm)
        self.encoder, self.parser = encoder, Parser(encoder.dim, len(relations))
        self.relations, self.held_out = list(relations), held_out
        self.learning_rate, self.steps, self.warmup = learning_rate, steps, warmup
        self.seed = seed
        self.scores: dict[str, float] = {}
        self._found: dict[int, tuple[list[int], list[str]]] = {}
        for parameter in head_parameters(encoder.backbone):
            parameter.requires_grad_(False)

    def forward(self, batch: TreeBatch) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch words dim"]]:
        """Vectors of the root and of all words."""
        states = self.encoder(batch.subwords)
        return states[:, 0], word_means(states, batch.word, batch.heads.shape[1])

    def arcs(
        self, batch: TreeBatch, root: Float[Tensor, "batch dim"], words: Float[Tensor, "batch words dim"]
    ) -> Float[Tensor, "batch words heads"]:
        """Scores of heads, minus infinity behind a sentence's last word."""
        scores = self.parser.arcs(root, words).float()
        is_absent = nn.functional.pad(batch.heads == IGNORED, (1, 0))
        return scores.masked_fill(is_absent[:, None], -torch.inf)

    def training_step(self, batch: TreeBatch, batch_idx: int) -> Float[Tensor, ""]:
        """The loss of a batch, whose mean over ranks is that of all its words."""
        seed_everything_for(self.seed, "parse", self.global_step, self.global_rank)
        root, words = self(batch)
        named = self.parser.relations(root, words, batch.heads.clamp(min=0)).float()
        total = _summed(self.arcs(batch, root, words), batch.heads) + _summed(named, batch.relations)
        loss = total / per_rank(batch.scored)
        self.divergence.watch(self.global_step, {"loss": loss.detach()}, [Learned(ENGLISH, batch.places)])
        self.log("parse/loss", loss.detach(), batch_size=len(batch.places), sync_dist=True)
        if self.is_reported(batch_idx):
            self.show({"parse/loss": loss.detach()})
        return loss

    def validation_step(self, batch: TreeBatch, batch_idx: int) -> None:
        """Parse held-out sentences: the best tree, then the best relation of each word to its head."""
        root, words = self(batch)
        scores = self.arcs(batch, root, words).double().cpu().numpy()
        lengths = (batch.heads != IGNORED).sum(1).tolist()
        heads = [maximum_tree(one[:n, : n + 1]).tolist() for one, n in zip(scores, lengths, strict=True)]
        given = _padded(heads, batch.heads.shape[1], 0).to(root.device)
        best = self.parser.relations(root, words, given).argmax(-1).tolist()
        for place, own, numbers in zip(batch.places, heads, best, strict=True):
            self._found[place] = own, [self.relations[number] for number in numbers[: len(own)]]

    def on_validation_epoch_end(self) -> None:
        """Score all held-out trees."""
        found = {place: one for part in all_gather_object(self._found) for place, one in part.items()}
        self._found = {}
        gold = [(tree.heads, tree.relations) for _, _, tree in self.held_out]
        self.scores = attachment_scores(gold, [found[place] for place in range(len(gold))])
        named = {f"parse/{name}": score for name, score in self.scores.items()}
        self.log_dict(named)
        self.show(named)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """One optimizer along one schedule."""
        (optimizer,) = build_optimizers(
            AdamW, self, [{"params": self.parameters(), "lr": self.learning_rate}], weight_decay=0.0
        )
        return along(optimizer, warmup_then_linear(self.steps, self.warmup))


def _summed(scores: Float[Tensor, "batch words classes"], gold: Int[Tensor, "batch words"]) -> Float[Tensor, ""]:
    """Cross entropy, summed over words."""
    return nn.functional.cross_entropy(scores.flatten(0, 1), gold.flatten(), ignore_index=IGNORED, reduction="sum")
