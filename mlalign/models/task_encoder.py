"""What a task needs of an encoder, whatever it is made of."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mlalign.models.prototypes import LanguagePrototypes
from mlalign.models.subwords import Subwords


class Represented:
    """What a task's head sees: one vector per sentence, and one per position if it asks.

    Args:
        sentence: fused sentence vectors ``[batch, dim]``.
        make_words: makes the fused vectors of all positions ``[batch, length, dim]``.
        make_mean: makes the mean of each sentence's words before any fusion ``[batch, dim]``.
        is_content_token: which positions are words ``[batch, length]``.
    """

    def __init__(
        self,
        sentence: Tensor,
        make_words: Callable[[], Tensor],
        make_mean: Callable[[], Tensor],
        is_content_token: Tensor,
    ) -> None:
        self.sentence: Float[Tensor, "batch dim"] = sentence
        self.is_content_token: Bool[Tensor, "batch length"] = is_content_token
        self._make_words, self._make_mean = make_words, make_mean

    @cached_property
    def words(self) -> Float[Tensor, "batch length dim"]:
        """Fused vectors of all positions."""
        return self._make_words()

    @cached_property
    def mean(self) -> Float[Tensor, "batch dim"]:
        """The mean of the words, before any fusion."""
        return self._make_mean()

    def averaged(self, windows: Sequence[int]) -> "Represented":
        """One row for each text, of as many successive rows as it has windows: the mean of their vectors.

        The vectors of words stay those of the windows.
        """

        def mean(vectors: Tensor) -> Tensor:
            return torch.stack([rows.mean(0) for rows in vectors.split(list(windows))])

        return Represented(mean(self.sentence), lambda: self.words, lambda: mean(self.mean), self.is_content_token)


class TaskEncoder(nn.Module, ABC):
    """Makes vectors of sentences and words, in a folder that ``load_encoder`` opens again.

    Attributes:
        kind: as ``alignment.yaml`` calls it.
        prototypes: keys of a fusion; None where there is none.
    """

    kind: ClassVar[str]
    prototypes: LanguagePrototypes | None

    @property
    @abstractmethod
    def dim(self) -> int:
        """The width of a vector."""

    @property
    @abstractmethod
    def shape(self) -> dict[str, Any]:
        """What an encoder of this kind is built from again before its weights are loaded."""

    @property
    @abstractmethod
    def embeddings(self) -> nn.Module:
        """What looks up the first vectors of tokens."""

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return next(self.parameters()).device

    @abstractmethod
    def represent(
        self,
        subwords: Subwords,
        *,
        partner: Float[Tensor, "*batch dim"] | None,
        representation: str,
        language: str | None = None,
    ) -> Represented:
        """Vectors of sentences that have no translation at hand; see ``Encoder.represent``."""

    @abstractmethod
    def frozen_part(self, rule: str, *, representation: str, on_tokens: bool) -> list[nn.Parameter]:
        """What fine-tuning leaves as it is, and what has no part in the task and would wait for a gradient.

        Args:
            rule: ``nothing``, the word ``embeddings`` or the whole ``encoder``.
            representation: what the head sees of a sentence.
            on_tokens: whether it sees every token.
        """

    def embed(self, subwords: Subwords, target: str, language: str | None = None) -> Float[Tensor, "batch dim"]:
        """Sentence vectors as at inference, for retrieval and probes; see ``embedded``."""
        return self.embedded(subwords, target, language).sentence

    def embedded(self, subwords: Subwords, target: str, language: str | None = None) -> Represented:
        """Sentences and words as at inference.

        Args:
            subwords: sentences of one language.
            target: the target language of the pair, for English sentences too: these are the keys
                that both sides had in alignment.
            language: of the sentences; only maps need it.
        """
        partner = None if self.prototypes is None else self.prototypes.of(target)
        return self.represent(subwords, partner=partner, representation="prototype", language=language)

    def fitted_additions(self) -> dict[str, Tensor]:
        """Everything besides a backbone, as it goes into ``mlalign.safetensors``."""
        return {
            name: value.detach().cpu().contiguous()
            for name, value in self.state_dict().items()
            if not name.startswith("backbone.")
        }
