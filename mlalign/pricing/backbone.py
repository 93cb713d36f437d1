"""A backbone for a price: the one that is here, or one of the same shape without its weights."""

from contextlib import nullcontext
from functools import cache

import torch
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel, PreTrainedTokenizerBase, XLMRobertaTokenizer

from mlalign.config.schema import Backbone, Train
from mlalign.data.hub.pretrained import cached
from mlalign.errors import DataError
from mlalign.files import JsonObject
from mlalign.models.tiny import SPECIAL

BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
BERT = ("bert", {"max_position_embeddings": 512})
XLMR = ("xlm-roberta", {"max_position_embeddings": 514, "type_vocab_size": 1})
FORMS = {  # name on the hub -> family, words, layers, as its config.json says
    "google-bert/bert-base-multilingual-cased": (BERT, 119_547, BASE),
    "sentence-transformers/LaBSE": (BERT, 501_153, BASE),
    "FacebookAI/xlm-roberta-base": (XLMR, 250_002, BASE),
    "FacebookAI/xlm-roberta-large": (XLMR, 250_002, LARGE),
    "microsoft/infoxlm-base": (XLMR, 250_002, BASE),
    "microsoft/xlm-align-base": (XLMR, 250_002, BASE),
    "facebook/xlm-v-base": (XLMR, 901_629, BASE),
}


def is_here(settings: Backbone, *, built: bool) -> bool:
    """Whether nothing of a backbone must be fetched; a folder that is named is, whatever is in it."""
    return built or settings.path is not None or cached(settings.name, settings.revision or "main") is not None


class StandIn:
    """An encoder of a known shape, and a tokenizer that can only be counted with.

    Args:
        computes: whether it has weights, random ones; otherwise only their shapes.
    """

    is_built = False

    def __init__(self, config: Train, *, computes: bool) -> None:
        self.settings, self.computes = config.backbone, computes

    @property
    def identity(self) -> JsonObject:
        """None: it is not what its name says."""
        return {}

    def load(self, attention: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """The model and its tokenizer.

        Raises:
            DataError: its shape is not known here.
        """
        name = self.settings.name
        if name not in FORMS:
            raise DataError(
                f"backbone {name}: it is not in the hub's cache, and its shape is not known here. "
                f"Get it where there is a network:  hf download {name}  or name its folder with backbone.path"
            )
        (family, rest), words, layers = FORMS[name]
        shape = AutoConfig.for_model(family, vocab_size=words, **layers, **rest)
        with nullcontext() if self.computes else torch.device("meta"):
            model: PreTrainedModel = AutoModelForMaskedLM.from_config(shape, attn_implementation=attention)
        return model, _tokenizer(words)


@cache
def _tokenizer(words: int) -> XLMRobertaTokenizer:
    """With as many ids."""
    ordinary = (f"▁{place}" for place in range(words - len(SPECIAL) - 1))
    return XLMRobertaTokenizer(vocab=[(piece, 0.0) for piece in (*SPECIAL, *ordinary, "<mask>")])
