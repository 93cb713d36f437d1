"""A fine-tuned encoder as the classifier of transformers' own, for programs that know nothing of this package."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from mlalign.models.adapters import has_bottlenecks
from mlalign.models.encoder import Encoder
from mlalign.models.task_encoder import TaskEncoder

SHRUNK = 2.0**-14  # tanh is the identity here to float32's rounding, and a power of two costs no digit
ENTRIES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


def obstacles(encoder: TaskEncoder, head: nn.Module, *, representation: str, on_tokens: bool) -> list[str]:
    """Why transformers has no class that computes the same; nothing where it has one.

    Args:
        encoder: fine-tuned.
        head: of the task.
        representation: what the head sees, as ``finetune.representation``.
        on_tokens: whether it sees every token, or the sentence.
    """
    if not isinstance(encoder, Encoder):
        return ["an encoder of word vectors is no transformer"]
    fusion = encoder.word_fusion if on_tokens else encoder.sentence_fusion
    family, is_changed = encoder.backbone.config.model_type, representation != "backbone"
    found = {
        f"a backbone of type {family} has another head there, or none": family not in MODEL_TYPES,
        "its head sees fused vectors (finetune.representation=backbone takes those before the fusion)": (
            fusion is not None and is_changed
        ),
        "its vectors are moved by a map of their language": encoder.maps is not None and is_changed,
        "its languages have embeddings of their own": encoder.rows is not None,
        "its layers have bottlenecks (backbone.adapter=lora is merged into the weights)": has_bottlenecks(encoder),
        "its head has hidden layers (finetune.head.form=linear has none)": not isinstance(head, nn.Linear),
        f"its sentence vector is pooled by {encoder.pool}, and classifiers there read the first token "
        "(backbone.pool=first)": not on_tokens and encoder.pool != "first",
    }
    return [reason for reason, holds in found.items() if holds]


def build_classifier(encoder: Encoder, head: nn.Linear, labels: Sequence[str], *, on_tokens: bool) -> PreTrainedModel:
    """The same as one model of transformers, to rounding.

    Its classifiers of texts put a dense layer and a tanh between the first token and the linear layer. The dense layer
    becomes a small multiple of the identity, for which tanh is one too, and the linear layer is as much larger: where
    a number x of the vector has size 30, that is an error of 1e-6 of its share in a logit.

    Args:
        encoder: whose backbone is copied.
        head: from a vector to one logit for each label.
        labels: in their order.
        on_tokens: whether every token has a label, or the text.
    """
    config = deepcopy(encoder.backbone.config)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: place for place, label in enumerate(labels)}
    config.tie_word_embeddings = False
    config.pooler_hidden_act = "tanh"  # DeBERTa's, which is GELU otherwise
    kind: Any = AutoModelForTokenClassification if on_tokens else AutoModelForSequenceClassification
    model: Any = kind.from_config(config).eval()
    model.base_model.load_state_dict(encoder.backbone.base_model.state_dict(), strict=False)  # it may have no pooler
    if on_tokens:
        model.classifier.load_state_dict(head.state_dict())
        return model
    dense, linear = MODEL_TYPES[config.model_type](model)
    with torch.no_grad():
        dense.weight.copy_(SHRUNK * torch.eye(len(dense.weight)))
        dense.bias.zero_()
        linear.weight.copy_(head.weight / SHRUNK)
        linear.bias.copy_(head.bias)
    return model


def _roberta(model: Any) -> tuple[nn.Linear, nn.Linear]:
    return model.classifier.dense, model.classifier.out_proj


MODEL_TYPES = {  # those whose classifiers are known -> dense layer before the tanh and linear layer behind it
    "bert": lambda model: (model.base_model.pooler.dense, model.classifier),
    "deberta-v2": lambda model: (model.pooler.dense, model.classifier),
    "roberta": _roberta,
    "xlm-roberta": _roberta,
}


def build_tokenizer(
    tokenizer: PreTrainedTokenizerBase, *, language_token: str | None, max_length: int, separators: int
) -> PreTrainedTokenizerBase:
    """A tokenizer that frames every text as fine-tuning did, the language's token in front, and reads text as text.

    Args:
        tokenizer: fast; stays as it is.
        language_token: that stands behind the first token; None for none.
        max_length: of a sequence, where it is asked to truncate.
        separators: between the texts of a pair.
    """
    first, last = tokenizer.cls_token, tokenizer.sep_token
    before = [first] if language_token is None else [first, language_token]
    backend = deepcopy(tokenizer.backend_tokenizer)
    backend.post_processor = TemplateProcessing(
        single=[*before, "$A", last],
        pair=[*before, "$A", *[last] * separators, "$B:1", f"{last}:1"],
        special_tokens=[(token, tokenizer.convert_tokens_to_ids(token)) for token in {*before, last}],
    )
    entries = {f"{one}_token": getattr(tokenizer, f"{one}_token", None) for one in ENTRIES}
    return PreTrainedTokenizerFast(  # the kind of every family; a family's own would build its frame anew
        tokenizer_object=backend,
        **{name: token for name, token in entries.items() if token is not None},
        model_max_length=max_length,
        model_input_names=list(tokenizer.model_input_names),
        split_special_tokens=True,  # what looks like a special token in a text is none
        clean_up_tokenization_spaces=False,
    )
