"""The encoder that is aligned: a backbone, its two fusions and the language prototypes."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from mlalign.data.languages import ENGLISH
from mlalign.models.backbone import first_position
from mlalign.models.fusion import AttentionFusion
from mlalign.models.language_maps import LanguageMaps
from mlalign.models.prototypes import LanguagePrototypes
from mlalign.models.subwords import Subwords, max_pool, mean_pool

ONE_MASK = ("bert", "roberta", "xlm-roberta")  # all layers attend alike


class Represented:
    """What a task's head sees: one vector per sentence, and one per position if it asks.

    Args:
        sentence: fused sentence vectors ``[batch, dim]``.
        make_words: makes the fused vectors of all positions ``[batch, length, dim]``.
        make_mean: makes the mean of each sentence's words before any fusion ``[batch, dim]``.
    """

    def __init__(
        self,
        sentence: Tensor,
        make_words: Callable[[], Tensor],
        make_mean: Callable[[], Tensor],
    ) -> None:
        self.sentence: Float[Tensor, "batch dim"] = sentence
        self._make_words, self._make_mean = make_words, make_mean

    @cached_property
    def words(self) -> Float[Tensor, "batch length dim"]:
        """Fused vectors of all positions."""
        return self._make_words()

    @cached_property
    def mean(self) -> Float[Tensor, "batch dim"]:
        """The mean of the words, before any fusion."""
        return self._make_mean()


class Encoder(nn.Module):
    """A backbone and what alignment adds to it.

    Args:
        backbone: a masked-language model; its head serves the word losses.
        pool: ``first`` takes the vector of [CLS], ``mean`` that of the words, ``max`` the largest of
            each number over all positions.
        sentence_fusion: Eqs. 2 and 3, or None.
        word_fusion: Eqs. 10 and 11, or None.
        prototypes: the fusions' keys where there is no translation; needed with a fusion.
        maps: what moves the vectors of each language where there is no fusion, or None.
    """

    def __init__(
        self,
        backbone: PreTrainedModel,
        *,
        pool: str,
        sentence_fusion: AttentionFusion | None = None,
        word_fusion: AttentionFusion | None = None,
        prototypes: LanguagePrototypes | None = None,
        maps: LanguageMaps | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = pool
        self.sentence_fusion = sentence_fusion
        self.word_fusion = word_fusion
        self.prototypes = prototypes
        self.maps = maps

    @property
    def dim(self) -> int:
        """The width of a vector."""
        return int(self.backbone.config.hidden_size)

    @property
    def padding(self) -> int:
        """The id that fills short sequences."""
        return int(self.backbone.config.pad_token_id)

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return next(self.parameters()).device

    def forward(self, subwords: Subwords, *, is_padded: bool = True) -> Float[Tensor, "batch length dim"]:
        """The last hidden states, before any fusion.

        Args:
            subwords: sequences.
            is_padded: false where the host knows that nothing is; then no mask is needed.
        """
        return self._outputs(subwords, is_padded).last_hidden_state

    def layers(self, subwords: Subwords, *, is_padded: bool = True) -> tuple[Float[Tensor, "batch length dim"], ...]:
        """The hidden states of all layers, the embeddings' first; arguments as of ``forward``."""
        outputs = self._outputs(subwords, is_padded, output_hidden_states=True)
        return (*outputs.hidden_states[:-1], outputs.last_hidden_state)

    def _outputs(self, subwords: Subwords, is_padded: bool, **options: Any) -> Any:
        if subwords.token_types is not None:
            options["token_type_ids"] = subwords.token_types
        if subwords.positions is not None:
            start = first_position(self.backbone)
            assert start is not None  # others are refused
            options["position_ids"] = subwords.positions + start
        return self.backbone.base_model(
            input_ids=subwords.input_ids,
            attention_mask=self._mask(subwords.attention_mask) if is_padded else None,
            **options,
        )

    def _mask(self, mask: Int[Tensor, "batch length"]) -> Tensor:
        """As transformers expands it; from the short form it first asks whether all are ones.

        Asking makes the host wait for the device.
        """
        config = self.backbone.config
        if config._attn_implementation != "sdpa" or config.model_type not in ONE_MASK:
            return mask
        rows, length = mask.shape
        return mask.bool()[:, None, None, :].expand(rows, 1, length, length)

    def pooled(self, states: Float[Tensor, "batch length dim"], subwords: Subwords) -> Float[Tensor, "batch dim"]:
        """The sentence vector before any fusion."""
        if self.pool == "first":
            return states[:, 0]
        if self.pool == "max":
            return max_pool(states, subwords.attention_mask)
        return mean_pool(states, subwords.is_content_token)

    def represent(
        self,
        subwords: Subwords,
        *,
        partner: Float[Tensor, "*batch dim"] | None,
        representation: str,
        language: str | None = None,
    ) -> Represented:
        """Vectors of sentences that have no translation at hand (docs/method.md, single sentences).

        Args:
            subwords: sentences of any one or several languages.
            partner: the second key of the sentence fusion, usually the prototype of the sentences'
                language; None where there is no fusion.
            representation: ``prototype`` (keys: English and ``partner``), ``mixed`` (English and
                the sentence's own language token), ``self`` (the own token twice) or ``backbone``
                (no fusion).
            language: of all the sentences, whose map is taken where there are maps; None: unknown.
        """
        states = self(subwords)
        sentence = self.pooled(states, subwords)

        def mean() -> Tensor:
            return mean_pool(states, subwords.is_content_token)

        maps = self.maps
        if maps is not None:
            return Represented(
                maps(sentence, language, "sentence"),
                lambda: maps(states, language, "word"),
                lambda: maps(mean(), language, "word"),
            )
        if self.sentence_fusion is None or representation == "backbone":
            return Represented(sentence, lambda: states, mean)
        assert self.prototypes is not None
        assert partner is not None
        own = states[:, 1]
        english = self.prototypes.of(ENGLISH)
        keys = {"prototype": (english, partner), "mixed": (english, own), "self": (own, own)}
        fused = self.sentence_fusion(sentence, *keys[representation])
        word_fusion, key = self.word_fusion, fused[:, None]
        if word_fusion is None:
            return Represented(fused, lambda: states, mean)
        return Represented(fused, lambda: word_fusion(states, key, key), mean)

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
        """Everything besides the backbone, as it goes into ``mlalign.safetensors``."""
        prefix = "backbone."
        return {
            name: value.detach().cpu().contiguous()
            for name, value in self.state_dict().items()
            if not name.startswith(prefix)
        }
