"""Word vectors as an encoder: every language has its own vector of a form."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mlalign.models.subwords import Subwords
from mlalign.models.task_encoder import Represented, TaskEncoder


class WordEncoder(TaskEncoder):
    """Looks the vector of a word up by the language token of its sentence and the word's form.

    A word that the tokenizer cuts into pieces gets the mean of the vectors that its pieces have. Row 0
    is zero: what is not known. The vector of a sentence is the mean of those of its known words.

    Args:
        rows: of vectors.
        dim: their width.
        languages: that have vectors.
        vocabulary: ids of the tokenizer, language tokens included.
    """

    kind = "words"
    prototypes = None
    language_ids: Int[Tensor, " languages"]
    words: Int[Tensor, "languages_and_none vocabulary"]
    pieces: Int[Tensor, "languages_and_none vocabulary"]
    continues: Bool[Tensor, " vocabulary"]

    def __init__(self, *, rows: int, dim: int, languages: Sequence[str], vocabulary: int) -> None:
        super().__init__()
        self.languages = list(languages)
        self.vectors = nn.Embedding(rows, dim, padding_idx=0)
        table = torch.zeros(len(languages) + 1, vocabulary, dtype=torch.int32)  # last that of no known language
        self.register_buffer("language_ids", torch.zeros(len(languages), dtype=torch.long))
        self.register_buffer("words", table)
        self.register_buffer("pieces", table.clone())
        self.register_buffer("continues", torch.zeros(vocabulary, dtype=torch.bool))

    @property
    def dim(self) -> int:
        """The width of a vector."""
        return self.vectors.embedding_dim

    @property
    def embeddings(self) -> nn.Module:
        """All vectors."""
        return self.vectors

    @property
    def shape(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            "rows": self.vectors.num_embeddings,
            "dim": self.dim,
            "languages": self.languages,
            "vocabulary": len(self.continues),
        }

    def forward(self, subwords: Subwords) -> Float[Tensor, "batch length dim"]:
        """The vector of the word at each position."""
        return self._words(subwords)[0]

    def _words(self, subwords: Subwords) -> tuple[Float[Tensor, "batch length dim"], Bool[Tensor, "batch length"]]:
        """The vector of the word at each position, and where a known word begins."""
        content = subwords.is_content_token
        continues = self.continues[subwords.input_ids] & content
        rows = self._rows(subwords, continues)
        word = (content & ~continues).long().cumsum(1) * content  # its number in the sentence, from 1
        known = (rows > 0).to(self.vectors.weight.dtype)
        pieces = self.vectors(rows)
        sums = torch.zeros_like(pieces[:, :1]).expand(-1, word.shape[1] + 1, -1)
        sums = sums.scatter_add(1, word[..., None].expand_as(pieces), pieces)
        counts = torch.zeros_like(sums[..., 0]).scatter_add(1, word, known)
        means = sums / counts.clamp(min=1)[..., None]
        states = means.gather(1, word[..., None].expand_as(pieces)) * content[..., None]
        return states, content & ~continues & (counts.gather(1, word) > 0)

    def _rows(self, subwords: Subwords, continues: Bool[Tensor, "batch length"]) -> Int[Tensor, "batch length"]:
        """The row of each position: that of a whole word, or of one piece of several."""
        ids, content = subwords.input_ids, subwords.is_content_token
        is_of = ids[:, 1:2] == self.language_ids
        language = torch.where(is_of.any(1), is_of.int().argmax(1), len(self.languages))[:, None]
        is_whole = ~continues & ~functional.pad(continues[:, 1:], (0, 1))
        rows = torch.where(is_whole, self.words[language, ids], self.pieces[language, ids])
        return rows.where(content, 0).long()

    def represent(
        self,
        subwords: Subwords,
        *,
        partner: Float[Tensor, "*batch dim"] | None,
        representation: str,
        language: str | None = None,
    ) -> Represented:
        """The vectors of words and their mean; there is no fusion for the other arguments to choose."""
        states, known = self._words(subwords)
        share = known.to(states.dtype)
        mean = torch.einsum("bld,bl->bd", states, share) / share.sum(1, keepdim=True).clamp(min=1)
        return Represented(mean, lambda: states, lambda: mean, subwords.is_content_token)

    def frozen_part(self, rule: str, *, representation: str, on_tokens: bool) -> list[nn.Parameter]:
        """All of it, unless nothing is to be frozen: embeddings are all that there is."""
        return [] if rule == "nothing" else list(self.parameters())
