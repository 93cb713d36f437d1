"""What the objectives see of a batch: each of its views encoded and fused."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mlalign.data.parallel import ParallelBatch, Side, Sides
from mlalign.models.encoder import Encoder
from mlalign.models.subwords import Subwords, joined, mean_pool
from mlalign.models.vocabulary_head import VocabularyHead
from mlalign.training.gathering import all_gather


class EncodedSide:
    """One language of a view, encoded. What is known of its tokens is on the host.

    Attributes:
        states: ``[batch, length, dim]``.
        sentence: fused sentence vectors h_s' ``[batch, dim]``; set by ``EncodedPair``.
    """

    sentence: Float[Tensor, "batch dim"]

    def __init__(self, side: Side, states: Float[Tensor, "batch length dim"]) -> None:
        self.given, self.states = side, states

    @cached_property
    def flat(self) -> Float[Tensor, "positions dim"]:
        """The states of all positions, sentence by sentence."""
        return self.states.flatten(0, 1)

    @cached_property
    def position(self) -> Int[Tensor, " tokens"]:
        """Where ``flat`` has each content token."""
        return self.given.is_content_token.flatten().nonzero()[:, 0]

    def at(self, chosen: Bool[Tensor, " tokens"]) -> Float[Tensor, "chosen dim"]:
        """Vectors h_w of the chosen tokens."""
        return self.flat.index_select(0, self.on_device(self.position[chosen]))

    def on_device(self, host: Tensor) -> Tensor:
        """A small tensor of the host where the states are, without waiting for them."""
        return host.to(self.states.device, non_blocking=True)

    @cached_property
    def language(self) -> Float[Tensor, "batch dim"]:
        """Vectors of the language token h_l."""
        return self.states[:, 1]

    @cached_property
    def prototype(self) -> Float[Tensor, " dim"]:
        """The mean of the language tokens' vectors over the batch of all ranks."""
        return all_gather(self.language).mean(0)

    @cached_property
    def sentences(self) -> Float[Tensor, "all dim"]:
        """The fused sentence vectors of all ranks."""
        return all_gather(self.sentence)

    @cached_property
    def mean(self) -> Float[Tensor, "batch dim"]:
        """The mean of the content tokens u."""
        return mean_pool(self.states, self.given.subwords.is_content_token)

    @cached_property
    def tokens(self) -> Float[Tensor, "tokens dim"]:
        """Vectors of all content tokens h_w, sentence by sentence."""
        return self.flat.index_select(0, self.on_device(self.position))

    @cached_property
    def sentence_of_token(self) -> Int[Tensor, " tokens"]:
        """The row of the batch that each token belongs to."""
        return self.position // self.given.is_content_token.shape[1]

    @cached_property
    def is_masked(self) -> Bool[Tensor, " tokens"]:
        """Which tokens were masked."""
        return self.given.masked[self.given.is_content_token]

    @cached_property
    def token_ids(self) -> Int[Tensor, " tokens"]:
        """What the tokens were before any was masked."""
        return self.given.original[self.given.is_content_token]


class EncodedPair:
    """Both languages of a view, fused as the method says.

    Args:
        source, target: row i of one translates row i of the other.
        subwords: what the encoder has read, both languages together.
        encoder: has encoded them.
        head: to the vocabulary; None where no objective needs it.
        keys: what the fusions attend to: ``prototype`` (the batch's mean language vectors) or
            ``pair`` (the paper: the vectors of this very pair, which leak who belongs to whom).
        partnered: whether masked tokens may attend to the translation's sentence vector.
    """

    def __init__(
        self,
        source: EncodedSide,
        target: EncodedSide,
        subwords: Subwords,
        encoder: Encoder,
        head: VocabularyHead | None,
        *,
        keys: str,
        partnered: bool,
    ) -> None:
        self.source, self.target, self.subwords = source, target, subwords
        self.encoder, self.head = encoder, head
        self.keys, self.partnered = keys, partnered
        for side in self.sides:
            side.sentence = self._fused_sentence(side)

    @property
    def sides(self) -> tuple[EncodedSide, EncodedSide]:
        """Source and target."""
        return self.source, self.target

    def _fused_sentence(self, side: EncodedSide) -> Float[Tensor, "batch dim"]:
        """Eqs. 2 and 3."""
        sentence = self.encoder.pooled(side.states, side.given.subwords)
        if self.encoder.sentence_fusion is None:
            return sentence
        is_pair = self.keys == "pair"
        keys = [one.language if is_pair else one.prototype for one in self.sides]
        return self.encoder.sentence_fusion(sentence, *keys)

    def distribution_tokens(self, side: EncodedSide, chosen: Bool[Tensor, " tokens"]) -> Float[Tensor, "chosen dim"]:
        """Tokens for Eq. 13. Only the paper's keys let them see what they are to predict."""
        partners = self.sides if self.keys == "pair" else (side, side)
        return self._headed(side, chosen, partners)

    def masked_tokens(self, side: EncodedSide) -> Float[Tensor, "masked dim"]:
        """Masked tokens for Eq. 12."""
        partners = self.sides if self.partnered else (side, side)
        return self._headed(side, side.is_masked, partners)

    def _headed(
        self, side: EncodedSide, chosen: Bool[Tensor, " tokens"], partners: tuple[EncodedSide, EncodedSide]
    ) -> Float[Tensor, "chosen dim"]:
        """Eqs. 10 and 11 for chosen tokens, through the head."""
        assert self.head is not None
        tokens = side.at(chosen)
        if self.encoder.word_fusion is not None:
            row = side.on_device(side.sentence_of_token[chosen])
            keys = [one.sentence.index_select(0, row) for one in partners]
            tokens = self.encoder.word_fusion(tokens, *keys)
        return self.head(tokens)

    @torch.no_grad()
    def in_batch_accuracy(self) -> Float[Tensor, ""]:
        """How often the translation is the nearest of the batch, both ways, by cosine."""
        source, target = (nn.functional.normalize(side.sentences.float(), dim=-1) for side in self.sides)
        similarity = source @ target.T
        right = torch.arange(len(source), device=source.device)
        hits = [(scores.argmax(1) == right).float().mean() for scores in (similarity, similarity.T)]
        return (hits[0] + hits[1]) / 2


@dataclass(frozen=True, eq=False)
class EncodedBatch:
    """A batch, encoded.

    Attributes:
        pairs: view -> both languages in this view.
        languages: of source and target.
        same: see ``ParallelBatch``.
        head: to the vocabulary; None where no objective needs it.
    """

    pairs: Mapping[str, EncodedPair]
    languages: tuple[str, str]
    same: Bool[Tensor, "all all"]
    head: VocabularyHead | None

    def pair(self, view: str) -> EncodedPair:
        """Both languages in a view; where nothing is masked, ``masked`` is ``clean``."""
        return self.pairs[view if view in self.pairs else "clean"]

    @property
    def first(self) -> EncodedPair:
        """The pair that is reported."""
        return next(iter(self.pairs.values()))

    @property
    def vocabulary(self) -> VocabularyHead:
        """The head, where an objective needs it."""
        assert self.head is not None
        return self.head


def encode(
    batch: ParallelBatch, encoder: Encoder, head: VocabularyHead | None, *, keys: str, partnered: bool
) -> EncodedBatch:
    """One pass of the encoder for each view, both languages together; see ``EncodedPair``."""

    def pair(view: Sides) -> EncodedPair:
        subwords = joined(view.source.subwords, view.target.subwords, encoder.padding)
        states = encoder(subwords, is_padded=_is_padded(view, encoder.padding))
        rows = len(view.source.subwords.input_ids)
        source = EncodedSide(view.source, states[:rows, : view.source.subwords.width])
        target = EncodedSide(view.target, states[rows:, : view.target.subwords.width])
        return EncodedPair(source, target, subwords, encoder, head, keys=keys, partnered=partnered)

    return EncodedBatch({name: pair(view) for name, view in batch.views.items()}, batch.languages, batch.same, head)


def _is_padded(view: Sides, padding: int) -> bool:
    """Known from the ids on the host."""
    if view.source.subwords.width != view.target.subwords.width:
        return True
    return any(bool((side.original == padding).any()) for side in view)
