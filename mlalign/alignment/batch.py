"""What the losses see of a batch: one pass of both languages through the encoder, fused."""

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mlalign.data.parallel import ParallelBatch, Side
from mlalign.models.encoder import Encoder
from mlalign.models.subwords import joined, mean_pool
from mlalign.training.gathering import all_gather


class VocabularyHead(nn.Module):
    """From a word's vector to what is multiplied with the vocabulary matrix.

    Args:
        transform: applied to the vectors of words.
        embeddings: the tied embedding matrix; rows behind ``size`` (language tokens) are no words.
        bias: of the vocabulary, or None.
        size: of the vocabulary before language tokens were added.
        untrained: parameters of the backbone that belong to the head and start at random.
        pieces: ascending ids of the words that are normalised over; None for all.
    """

    pieces: Int[Tensor, " pieces"] | None
    places: Int[Tensor, " vocabulary"] | None  # on the host, as the ids of a batch

    def __init__(
        self,
        transform: Callable[[Tensor], Tensor],
        embeddings: nn.Parameter,
        bias: nn.Parameter | None,
        size: int,
        untrained: Sequence[nn.Parameter] = (),
        pieces: Int[Tensor, " pieces"] | None = None,
    ) -> None:
        super().__init__()
        self.transform, self.untrained = transform, list(untrained)
        self._embeddings, self._bias, self.size = [embeddings], [bias], size
        places = None
        if pieces is not None:
            places = torch.full((size,), -1).index_copy_(0, pieces, torch.arange(len(pieces)))
        self.register_buffer("pieces", pieces, persistent=False)
        self.places = places

    def __len__(self) -> int:
        """How many words are normalised over."""
        return self.size if self.pieces is None else len(self.pieces)

    @property
    def weight(self) -> Float[Tensor, "rows dim"]:
        """A row for each word that is normalised over, the first ``len`` rows; gathered anew."""
        rows = self._embeddings[0]
        return rows if self.pieces is None else rows.index_select(0, self.pieces)

    @property
    def bias(self) -> Float[Tensor, " rows"] | None:
        """One number for each row of ``weight``."""
        bias = self._bias[0]
        return bias if bias is None or self.pieces is None else bias.index_select(0, self.pieces)

    def columns(self, ids: Int[Tensor, " words"]) -> Int[Tensor, " words"]:
        """Where ``weight`` has these words; -1, which the losses refuse, if they are left out."""
        return ids if self.places is None else self.places[ids]

    def forward(self, words: Float[Tensor, "words dim"]) -> Float[Tensor, "words dim"]:
        """Rows for ``word_divergences``."""
        return self.transform(words)


class Encoded:
    """One language of a batch, encoded. What is known of its words is on the host.

    Attributes:
        states: ``[batch, length, dim]``.
        sentence: fused sentence vectors h_s' ``[batch, dim]``; set by ``Pair``.
    """

    sentence: Float[Tensor, "batch dim"]

    def __init__(self, side: Side, states: Float[Tensor, "batch length dim"]) -> None:
        self.side, self.states = side, states

    @cached_property
    def flat(self) -> Float[Tensor, "positions dim"]:
        """The states of all positions, one sentence behind the other."""
        return self.states.flatten(0, 1)

    @cached_property
    def position(self) -> Int[Tensor, " words"]:
        """Where ``flat`` has each word."""
        return self.side.is_content_token.flatten().nonzero()[:, 0]

    def at(self, chosen: Bool[Tensor, " words"]) -> Float[Tensor, "chosen dim"]:
        """Vectors h_w of the chosen words."""
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
        """The mean of the words u."""
        return mean_pool(self.states, self.side.subwords.is_content_token)

    @cached_property
    def words(self) -> Float[Tensor, "words dim"]:
        """Vectors of all words h_w, one sentence behind the other."""
        return self.flat.index_select(0, self.on_device(self.position))

    @cached_property
    def sentence_of_word(self) -> Int[Tensor, " words"]:
        """The row of the batch that each word belongs to."""
        return self.position // self.side.is_content_token.shape[1]

    @cached_property
    def is_hidden(self) -> Bool[Tensor, " words"]:
        """Which words were masked."""
        return self.side.hidden[self.side.is_content_token]

    @cached_property
    def word_ids(self) -> Int[Tensor, " words"]:
        """What the words were before any was masked."""
        return self.side.original[self.side.is_content_token]


class EncodedBatch:
    """Both languages of a batch, fused as the method says.

    Args:
        batch: translations; row i of one side translates row i of the other.
        encoder: runs once, on both languages together.
        head: to the vocabulary; None where no loss needs words.
        keys: what the fusions attend to: ``prototype`` (the batch's mean language vectors) or
            ``pair`` (the paper: the vectors of this very pair, which leak who belongs to whom).
        partnered: whether masked words may attend to the translation's sentence vector.
    """

    def __init__(
        self,
        batch: ParallelBatch,
        encoder: Encoder,
        head: VocabularyHead | None,
        *,
        keys: str,
        partnered: bool,
    ) -> None:
        self.encoder, self.head = encoder, head
        self.keys, self.partnered = keys, partnered
        self.languages, self.same = batch.languages, batch.same
        rows = len(batch.source.subwords.input_ids)
        self.subwords = joined(batch.source.subwords, batch.target.subwords, encoder.padding)
        states = encoder(self.subwords, is_padded=self._is_padded(batch))
        self.source = Encoded(batch.source, states[:rows, : batch.source.subwords.width])
        self.target = Encoded(batch.target, states[rows:, : batch.target.subwords.width])
        for side in self.sides:
            side.sentence = self._fused_sentence(side)

    def _is_padded(self, batch: ParallelBatch) -> bool:
        """Known from the ids on the host."""
        widths = {side.subwords.width for side in (batch.source, batch.target)}
        filled = (side.original == self.encoder.padding for side in (batch.source, batch.target))
        return len(widths) > 1 or any(bool(one.any()) for one in filled)

    @property
    def sides(self) -> tuple[Encoded, Encoded]:
        """Source and target."""
        return self.source, self.target

    def _fused_sentence(self, side: Encoded) -> Float[Tensor, "batch dim"]:
        """Eqs. 2 and 3."""
        sentence = self.encoder.pooled(side.states, side.side.subwords)
        if self.encoder.sentence_fusion is None:
            return sentence
        is_pair = self.keys == "pair"
        keys = [one.language if is_pair else one.prototype for one in self.sides]
        return self.encoder.sentence_fusion(sentence, *keys)

    @property
    def vocabulary(self) -> VocabularyHead:
        """The head, where a loss needs words."""
        assert self.head is not None
        return self.head

    def distribution_words(self, side: Encoded, chosen: Bool[Tensor, " words"]) -> Float[Tensor, "chosen dim"]:
        """Words for Eq. 13. Only the paper's keys let them see what they are to predict."""
        partners = self.sides if self.keys == "pair" else (side, side)
        return self._headed(side, chosen, partners)

    def hidden_words(self, side: Encoded) -> Float[Tensor, "hidden dim"]:
        """Masked words for Eq. 12."""
        partners = self.sides if self.partnered else (side, side)
        return self._headed(side, side.is_hidden, partners)

    def _headed(
        self, side: Encoded, chosen: Bool[Tensor, " words"], partners: tuple[Encoded, Encoded]
    ) -> Float[Tensor, "words dim"]:
        """Eqs. 10 and 11 for chosen words, through the head."""
        words = side.at(chosen)
        if self.encoder.word_fusion is not None:
            row = side.on_device(side.sentence_of_word[chosen])
            keys = [one.sentence.index_select(0, row) for one in partners]
            words = self.encoder.word_fusion(words, *keys)
        return self.vocabulary(words)

    @torch.no_grad()
    def in_batch_accuracy(self) -> Float[Tensor, ""]:
        """How often the translation is the nearest of the batch, both ways, by cosine."""
        source, target = (nn.functional.normalize(side.sentences.float(), dim=-1) for side in self.sides)
        similarity = source @ target.T
        right = torch.arange(len(source), device=source.device)
        hits = [(scores.argmax(1) == right).float().mean() for scores in (similarity, similarity.T)]
        return (hits[0] + hits[1]) / 2
