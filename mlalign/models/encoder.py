"""The encoder that is aligned: a backbone, its two fusions and the language prototypes."""

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from mlalign.models.backbone import first_position
from mlalign.models.fusion import AttentionFusion
from mlalign.models.language_maps import LanguageMaps
from mlalign.models.language_rows import LanguageRows
from mlalign.models.prototypes import LanguagePrototypes
from mlalign.models.subwords import Subwords, max_pool, mean_pool
from mlalign.models.task_encoder import Represented, TaskEncoder
from mlalign.models.vocabulary_head import head_parameters

ONE_MASK = ("bert", "roberta", "xlm-roberta")  # all layers attend alike


class Encoder(TaskEncoder):
    """A backbone and what alignment adds to it.

    Args:
        backbone: a masked-language model; its head serves the word losses.
        pool: ``first`` takes the vector of [CLS], ``mean`` that of the words, ``max`` the largest of
            each number over all positions.
        sentence_fusion: Eqs. 2 and 3, or None.
        word_fusion: Eqs. 10 and 11, or None.
        prototypes: the fusions' keys where there is no translation; needed with a fusion.
        maps: what moves the vectors of each language where there is no fusion, or None.
        rows: of the embeddings that each language has of its own, or None.
    """

    kind = "transformer"

    def __init__(
        self,
        backbone: PreTrainedModel,
        *,
        pool: str,
        sentence_fusion: AttentionFusion | None = None,
        word_fusion: AttentionFusion | None = None,
        prototypes: LanguagePrototypes | None = None,
        maps: LanguageMaps | None = None,
        rows: LanguageRows | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = pool
        self.sentence_fusion = sentence_fusion
        self.word_fusion = word_fusion
        self.prototypes = prototypes
        self.maps = maps
        self.rows = rows

    @property
    def dim(self) -> int:
        """The width of a vector."""
        return int(self.backbone.config.hidden_size)

    @property
    def embeddings(self) -> nn.Module:
        """Of the backbone."""
        embeddings: nn.Module = self.backbone.get_input_embeddings()
        return embeddings

    @property
    def padding(self) -> int:
        """The id that fills short sequences."""
        return int(self.backbone.config.pad_token_id)

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

    def _outputs(self, subwords: Subwords, is_padded: bool, **options: Tensor | bool) -> BaseModelOutput:
        if subwords.token_types is not None:
            options["token_type_ids"] = subwords.token_types
        if subwords.positions is not None:
            start = first_position(self.backbone)
            assert start is not None  # others are refused
            options["position_ids"] = subwords.positions + start
        return self.backbone.base_model(
            input_ids=subwords.input_ids if self.rows is None else self.rows(subwords.input_ids),
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
            representation: ``prototype`` (keys: the pivot, usually English, and ``partner``), ``mixed`` (the pivot and
                the sentence's own language token), ``self`` (the own token twice) or ``backbone``
                (no fusion, no map).
            language: of all the sentences, whose map is taken where there are maps; None: unknown.
        """
        states = self(subwords)
        sentence = self.pooled(states, subwords)
        content = subwords.is_content_token

        def mean() -> Tensor:
            return mean_pool(states, content)

        maps, unchanged = self.maps, Represented(sentence, lambda: states, mean, content)
        if representation == "backbone":
            return unchanged
        if maps is not None:
            return Represented(
                maps(sentence, language, "sentence"),
                lambda: maps(states, language, "word"),
                lambda: maps(mean(), language, "word"),
                content,
            )
        if self.sentence_fusion is None:
            return unchanged
        assert self.prototypes is not None
        assert partner is not None
        own = states[:, 1]
        pivot = self.prototypes.of(self.prototypes.pivot)
        keys = {"prototype": (pivot, partner), "mixed": (pivot, own), "self": (own, own)}
        fused = self.sentence_fusion(sentence, *keys[representation])
        word_fusion, key = self.word_fusion, fused[:, None]
        if word_fusion is None:
            return Represented(fused, lambda: states, mean, content)
        return Represented(fused, lambda: word_fusion(states, key, key), mean, content)

    @property
    def shape(self) -> dict[str, Any]:
        """How sentences are embedded, pooled, fused and mapped, and the languages with prototypes."""
        fusion, maps = self.sentence_fusion, self.maps
        found: dict[str, Any] = {
            "pool": self.pool,
            "languages": list(self.prototypes.languages) if self.prototypes else [],
            "fusion": fusion.form if fusion is not None else "off",
            "temperature": fusion.temperature if fusion is not None else None,
            "word_fusion": self.word_fusion is not None,
        }
        if maps is not None:
            found["maps"] = {
                "languages": list(maps.languages[1:]),
                "linear": maps.matrices is not None,
                "pivot": maps.languages[0],
            }
        if self.rows is not None:
            found["rows"] = len(self.rows.offsets)
        return found

    def frozen_part(self, rule: str, *, representation: str, on_tokens: bool) -> list[nn.Parameter]:
        """The masked-word head always, and fusions that the task does not see; see ``TaskEncoder.frozen_part``."""
        if rule == "encoder":
            return list(self.parameters())
        frozen = head_parameters(self.backbone)
        if rule == "embeddings":
            frozen += self.embeddings.parameters()
        fused = representation != "backbone"
        for fusion, is_used in (
            (self.sentence_fusion, not on_tokens or self.word_fusion is not None),
            (self.word_fusion, on_tokens),
        ):
            if fusion is not None and not (fused and is_used):
                frozen += fusion.parameters()
        return frozen
