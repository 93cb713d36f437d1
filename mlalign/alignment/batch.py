"""What the objectives see of a batch: each of its views encoded and fused."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from itertools import accumulate

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mlalign.alignment.companions import Companion
from mlalign.data.parallel import ParallelBatch, Side
from mlalign.metrics.retrieval import nearest
from mlalign.models.encoder import Encoder
from mlalign.models.subwords import Subwords, joined, mean_pool
from mlalign.models.vocabulary_head import VocabularyHead
from mlalign.training.gathering import all_gather


class EncodedSide:
    """One side of a view, encoded. What is known of its tokens is on the host.

    Args:
        side: what was encoded.
        layers: number -> hidden states; the last is the encoder's output.
        encoder: has encoded it.
        vectors: of the sentences, where no hidden states are kept.

    Attributes:
        sentence: sentence vectors ``[batch, dim]``, in a pair fused (h_s'); set by what holds the side.
    """

    sentence: Float[Tensor, "batch dim"]

    def __init__(
        self,
        side: Side,
        layers: Mapping[int, Tensor],
        encoder: Encoder,
        vectors: Float[Tensor, "batch dim"] | None = None,
    ) -> None:
        self.given, self.layers, self.encoder, self.vectors = side, layers, encoder, vectors

    @property
    def states(self) -> Float[Tensor, "batch length dim"]:
        """The last hidden states."""
        return self.layers[max(self.layers)]

    def layer(self, number: int) -> Float[Tensor, "batch length dim"]:
        """The hidden states after a layer that some objective needs; 0 are the embeddings."""
        return self.layers[number]

    def vector(self, layer: int | None = None) -> Float[Tensor, "batch dim"]:
        """Sentence vectors before any fusion, of the last or of another layer."""
        if self.vectors is not None:
            return self.vectors
        states = self.states if layer is None else self.layer(layer)
        return self.encoder.pooled(states, self.given.subwords)

    @torch.no_grad()
    def unmasked_layers(self) -> tuple[Float[Tensor, "batch length dim"], ...]:
        """Hidden states of all layers, without masks, dropout or gradient; a pass of its own."""
        encoder, was_training = self.encoder, self.encoder.training
        encoder.eval()
        try:
            return encoder.layers(self.given.subwords._replace(input_ids=self.on_device(self.given.original)))
        finally:
            encoder.train(was_training)

    @cached_property
    def flat(self) -> Float[Tensor, "positions dim"]:
        """The states of all positions, sentence by sentence."""
        return self.states.flatten(0, 1)

    @cached_property
    def position(self) -> Int[Tensor, " tokens"]:
        """Where ``flat`` has each content token."""
        return self.given.is_content_token.flatten().nonzero()[:, 0]

    def tokens_at(self, row: Int[Tensor, " some"], place: Int[Tensor, " some"]) -> Float[Tensor, "some dim"]:
        """Vectors of content tokens, by their row and their place among its content tokens."""
        counts = self.given.is_content_token.sum(1)
        position = self.position[(counts.cumsum(0) - counts)[row] + place]
        return self.flat.index_select(0, self.on_device(position))

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
        """The sentence vectors of all ranks."""
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
        encoder: Encoder,
        head: VocabularyHead | None,
        *,
        keys: str,
        partnered: bool,
    ) -> None:
        self.source, self.target = source, target
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
        sentence = side.vector()
        if self.encoder.sentence_fusion is None:
            return sentence
        is_pair = self.keys == "pair"
        keys = [one.language if is_pair else one.prototype for one in self.sides]
        return self.encoder.sentence_fusion(sentence, *keys)

    def distribution_tokens(self, side: EncodedSide, chosen: Bool[Tensor, " tokens"]) -> Float[Tensor, "chosen dim"]:
        """Tokens for Eq. 13. Only the paper's keys let them see what they are to predict."""
        partners = self.sides if self.keys == "pair" else (side, side)
        return self._headed(side, chosen, partners)

    def masked_tokens(
        self, side: EncodedSide, added: Float[Tensor, "masked dim"] | None = None
    ) -> Float[Tensor, "masked dim"]:
        """Masked tokens for Eq. 12; ``added`` is added to their vectors in front of the head."""
        partners = self.sides if self.partnered else (side, side)
        return self._headed(side, side.is_masked, partners, added)

    def _headed(
        self,
        side: EncodedSide,
        chosen: Bool[Tensor, " tokens"],
        partners: tuple[EncodedSide, EncodedSide],
        added: Float[Tensor, "chosen dim"] | None = None,
    ) -> Float[Tensor, "chosen dim"]:
        """Eqs. 10 and 11 for chosen tokens, through the head."""
        assert self.head is not None
        tokens = side.at(chosen)
        if self.encoder.word_fusion is not None:
            row = side.on_device(side.sentence_of_token[chosen])
            keys = [one.sentence.index_select(0, row) for one in partners]
            tokens = self.encoder.word_fusion(tokens, *keys)
        return self.head(tokens if added is None else tokens + added)

    @torch.no_grad()
    def in_batch_accuracy(self) -> Float[Tensor, ""]:
        """How often the translation is the nearest of the batch, both ways, by cosine."""
        source, target = (side.sentences for side in self.sides)
        found = torch.stack([nearest(source, target), nearest(target, source)])
        return (found == torch.arange(len(source), device=source.device)).float().mean()


@dataclass(frozen=True, eq=False)
class EncodedBatch:
    """A batch, encoded.

    Attributes:
        pairs: view -> both languages in this view, where it has them apart.
        joined_views: view -> its only side.
        languages: of source and target.
        same: see ``ParallelBatch``.
        head: to the vocabulary; None where no objective needs it.
        companions: name -> another encoder, those that an objective needs.
        read: what the encoder has read, pass by pass.
        links: see ``ParallelBatch``; None without ``data.links``.
        place: of the batch in the run.
        teacher: see ``ParallelBatch``; None without ``data.teacher``.
    """

    pairs: Mapping[str, EncodedPair]
    joined_views: Mapping[str, EncodedSide]
    languages: tuple[str, str]
    same: Bool[Tensor, "all all"]
    head: VocabularyHead | None
    companions: Mapping[str, Companion]
    read: Sequence[Subwords]
    links: Int[Tensor, "links 3"] | None
    place: int
    teacher: Float[Tensor, "batch dim"] | None

    def pair(self, view: str) -> EncodedPair:
        """Both languages in a view; where nothing is masked, ``masked`` is ``clean``."""
        return self.pairs[view if view in self.pairs else view.replace("masked", "clean")]

    def joined(self, view: str) -> EncodedSide:
        """The only side of a view: the pairs of ``tlm``, each in one row, or English alone."""
        return self.joined_views[view]

    def key(self, view: str) -> EncodedSide:
        """The target side of a pair view from the slow encoder; no gradient reaches it."""
        companion, side = self.companions["momentum"], self.pair(view).target.given
        return EncodedSide(side, dict(enumerate(companion(side.subwords))), companion.encoder)

    @torch.no_grad()
    def taught(self, view: str) -> Float[Tensor, "batch dim"]:
        """Vectors of the English sentences, without masks, by the teacher or, without one, the encoder as it began."""
        if self.teacher is not None:
            return self.teacher
        return self._as_it_began(self.pair(view).source.given)

    @torch.no_grad()
    def start_vectors(self, view: str) -> tuple[Float[Tensor, "all dim"], Float[Tensor, "all dim"]]:
        """Sentence vectors of both sides and all ranks by the encoder as it began, which sees no masks."""
        pair = self.pair(view)
        return all_gather(self._as_it_began(pair.source.given)), all_gather(self._as_it_began(pair.target.given))

    def _as_it_began(self, side: Side) -> Float[Tensor, "batch dim"]:
        """Sentence vectors by the encoder as it began, without masks."""
        start, ids = self.companions["start"], side.original.to(side.subwords.input_ids.device, non_blocking=True)
        shown = side.subwords._replace(input_ids=ids)
        return start.encoder.pooled(start(shown)[-1], shown)

    @property
    def first(self) -> EncodedPair | None:
        """The pair that is reported, the first of those with most rows; None where every view has a single side."""
        return max(self.pairs.values(), key=lambda pair: len(pair.source.given.original), default=None)

    def linked(self, view: str) -> list[Float[Tensor, "links dim"]]:
        """Vectors of linked tokens, source and target: row i of one side is linked with row i of the other."""
        assert self.links is not None  # an objective needs them
        row, *places = self.links.unbind(1)
        return [side.tokens_at(row, place) for side, place in zip(self.pair(view).sides, places, strict=True)]

    @property
    def languages_apart(self) -> EncodedPair | None:
        """A pair whose sides hold one language each; None where there is none."""
        apart = (pair for view, pair in self.pairs.items() if view not in ("mixed", "either"))
        return max(apart, key=lambda pair: len(pair.source.given.original), default=None)

    @property
    def vocabulary(self) -> VocabularyHead:
        """The head, where an objective needs it."""
        assert self.head is not None
        return self.head


class BatchEncoder:
    """Encodes the views of batches as the method says.

    Args:
        encoder: with its fusions.
        head: to the vocabulary; None where no objective needs it.
        companions: name -> another encoder.
        keys: see ``EncodedPair``.
        layers: whose hidden states are kept besides the last.
        cached: sentences that are encoded at a time, twice: only their vectors are kept, and the
            rest is computed again when the gradient of the vectors is known (Gao et al. 2021,
            arXiv:2101.06983). None: all at once.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: VocabularyHead | None,
        companions: Mapping[str, Companion],
        *,
        keys: str,
        layers: Collection[int] = (),
        cached: int | None = None,
    ) -> None:
        self.encoder, self.head, self.companions = encoder, head, companions
        self.keys, self.layers, self.cached = keys, frozenset(layers), cached

    def __call__(self, batch: ParallelBatch, *, partnered: bool) -> EncodedBatch:
        """One pass for each view in their order, both languages together.

        Args:
            batch: on the encoder's device.
            partnered: whether masked tokens may attend to the translation's sentence vector.
        """
        pairs: dict[str, EncodedPair] = {}
        joined_views: dict[str, EncodedSide] = {}
        read: list[Subwords] = []
        for view, sides in batch.views.items():
            subwords = reduce(partial(joined, padding=self.encoder.padding), (side.subwords for side in sides))
            read.append(subwords)
            found = self._sides(sides, subwords)
            if len(found) == 2:
                source, target = found
                pairs[view] = EncodedPair(source, target, self.encoder, self.head, keys=self.keys, partnered=partnered)
            else:
                (joined_views[view],) = found
                found[0].sentence = found[0].vector()
        return EncodedBatch(
            pairs,
            joined_views,
            batch.languages,
            batch.same,
            self.head,
            self.companions,
            read,
            batch.links,
            batch.place,
            batch.teacher,
        )

    def _sides(self, sides: Sequence[Side], subwords: Subwords) -> list[EncodedSide]:
        """Encode the sides, which ``subwords`` has one behind the other."""
        is_padded = _is_padded(sides, self.encoder.padding)
        sizes = [len(side.original) for side in sides]
        if self.cached is not None:
            found = self._vectors(subwords, is_padded, self.cached).split(sizes)
            return [EncodedSide(side, {}, self.encoder, part) for side, part in zip(sides, found, strict=True)]
        if self.layers:
            every = self.encoder.layers(subwords, is_padded=is_padded)
            kept = {number: every[number] for number in (*self.layers, len(every) - 1)}
        else:
            kept = {0: self.encoder(subwords, is_padded=is_padded)}
        return [
            EncodedSide(
                side,
                {
                    number: states[end - len(side.original) : end, : side.subwords.width]
                    for number, states in kept.items()
                },
                self.encoder,
            )
            for side, end in zip(sides, accumulate(sizes), strict=True)
        ]

    def _vectors(self, subwords: Subwords, is_padded: bool, size: int) -> Float[Tensor, "rows dim"]:
        """Sentence vectors, so many at a time; dropout is the same when they are computed again."""

        def pooled(part: Subwords) -> Tensor:
            return self.encoder.pooled(self.encoder(part, is_padded=is_padded), part)

        starts = range(0, len(subwords.input_ids), size)
        parts = (subwords.rows(slice(start, start + size)) for start in starts)
        return torch.cat([checkpoint(pooled, part, use_reentrant=False) for part in parts])


def _is_padded(sides: Sequence[Side], padding: int) -> bool:
    """Known from the ids on the host."""
    if len({side.subwords.width for side in sides}) > 1:
        return True
    return any(bool((side.original == padding).any()) for side in sides)
