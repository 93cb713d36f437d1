"""LASER's encoder as one of transformers' own, so that folders with it are read and written as all others."""

from pathlib import Path

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput

from mlalign.models.tiny import write_untrained


class BiLstmConfig(PreTrainedConfig):
    """The shape of a ``BiLstmModel``; the defaults are LASER's.

    Args:
        vocab_size: rows of the embeddings.
        embedding_size: of a word.
        hidden_size: of both directions together.
        num_hidden_layers: each with both directions.
        hidden_dropout_prob: in front of every layer.
        max_position_embeddings: the longest sequence; there is no embedding of positions.
        has_first_token: whether a token stands in front of a sentence; LASER's released weights have none.
    """

    model_type = "bilstm"

    def __init__(
        self,
        vocab_size: int = 73640,
        embedding_size: int = 320,
        hidden_size: int = 1024,
        num_hidden_layers: int = 5,
        hidden_dropout_prob: float = 0.1,
        max_position_embeddings: int = 512,
        initializer_range: float = 0.02,
        tie_word_embeddings: bool = True,
        has_first_token: bool = True,
        **kwargs: object,
    ) -> None:
        self.vocab_size, self.embedding_size, self.hidden_size = vocab_size, embedding_size, hidden_size
        self.num_hidden_layers, self.hidden_dropout_prob = num_hidden_layers, hidden_dropout_prob
        self.max_position_embeddings, self.initializer_range = max_position_embeddings, initializer_range
        self.has_first_token = has_first_token
        super().__init__(tie_word_embeddings=tie_word_embeddings, **kwargs)


class BiLstmPreTrained(PreTrainedModel):
    """What both classes have in common."""

    config_class = BiLstmConfig
    base_model_prefix = "encoder"


class BiLstmModel(BiLstmPreTrained):
    """Layers of LSTMs in both directions (Artetxe and Schwenk 2019, arXiv:1812.10464, section 3)."""

    def __init__(self, config: BiLstmConfig) -> None:
        super().__init__(config)
        widths = [config.embedding_size, *[config.hidden_size] * (config.num_hidden_layers - 1)]
        self.word_embeddings = nn.Embedding(config.vocab_size, config.embedding_size, config.pad_token_id)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.layers = nn.ModuleList(
            nn.LSTM(width, config.hidden_size // 2, batch_first=True, bidirectional=True) for width in widths
        )
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        """Of words."""
        return self.word_embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """As when language tokens are added."""
        self.word_embeddings = value

    def forward(
        self,
        input_ids: Int[Tensor, "batch length"],
        attention_mask: Int[Tensor, "batch length"] | None = None,
        output_hidden_states: bool = False,
        **_: object,
    ) -> BaseModelOutput:
        """States ``[batch, length, hidden_size]``, zero at padding, which changes nothing else.

        Args:
            input_ids: padded on the right.
            attention_mask: 0 at padding; None where there is none.
            output_hidden_states: give those of all layers, the embeddings first.
        """
        states = self.word_embeddings(input_ids)
        hidden = [states]
        for layer in self.layers:
            states = _over_real_positions(layer, self.dropout(states), attention_mask)
            hidden.append(states)
        return BaseModelOutput(last_hidden_state=states, hidden_states=tuple(hidden) if output_hidden_states else None)


def _over_real_positions(
    layer: nn.Module, states: Float[Tensor, "batch length width"], attention_mask: Int[Tensor, "batch length"] | None
) -> Float[Tensor, "batch length hidden"]:
    """A layer whose backward direction begins at each sentence's own end."""
    if attention_mask is None:
        found: Tensor = layer(states)[0]
        return found
    lengths = attention_mask.sum(1).cpu()
    packed = pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=states.shape[1])[0]


class BiLstmForMaskedLM(BiLstmPreTrained):
    """With a head to the vocabulary, whose matrix is that of the embeddings."""

    _tied_weights_keys = {"decoder.weight": "encoder.word_embeddings.weight"}  # noqa: RUF012

    def __init__(self, config: BiLstmConfig) -> None:
        super().__init__(config)
        self.encoder = BiLstmModel(config)
        width = config.embedding_size
        self.head = nn.Sequential(nn.Linear(config.hidden_size, width), nn.GELU(), nn.LayerNorm(width))
        self.decoder = nn.Linear(width, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        """To the vocabulary."""
        return self.decoder

    def set_output_embeddings(self, value: nn.Linear) -> None:
        """As when language tokens are added."""
        self.decoder = value

    def forward(
        self,
        input_ids: Int[Tensor, "batch length"],
        attention_mask: Int[Tensor, "batch length"] | None = None,
        **_: object,
    ) -> MaskedLMOutput:
        """Logits of every position."""
        states = self.encoder(input_ids, attention_mask).last_hidden_state
        return MaskedLMOutput(logits=self.decoder(self.head(states)))


AutoConfig.register(BiLstmConfig.model_type, BiLstmConfig, exist_ok=True)
AutoModel.register(BiLstmConfig, BiLstmModel, exist_ok=True)
AutoModelForMaskedLM.register(BiLstmConfig, BiLstmForMaskedLM, exist_ok=True)


def build_bilstm(folder: Path, tokenizer_folder: Path, *, layers: int, width: int, seed: int) -> None:
    """Write an untrained encoder, see ``write_untrained``."""
    shape = {"embedding_size": width, "hidden_size": width, "num_hidden_layers": layers}
    write_untrained(folder, tokenizer_folder, BiLstmForMaskedLM, seed, **shape)
