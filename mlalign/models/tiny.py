"""An XLM-R-type encoder from a fresh initialisation, with a tokenizer trained on given text."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, trainers
from transformers import AutoTokenizer, PreTrainedModel, XLMRobertaForMaskedLM, XLMRobertaTokenizer

FORM = 3  # raise it when what is built below changes
IDEOGRAPH = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0-3, as in XLM-R


def train_tokenizer(texts: Sequence[str], vocabulary_size: int) -> XLMRobertaTokenizer:
    """A unigram tokenizer in XLM-R's form; ``vocabulary_size`` is an upper bound.

    Half of the vocabulary at most goes to single characters, the most frequent ones.

    Text is cut before training as it will be cut in use; the same texts give the same tokenizer.
    Chinese and Japanese are cut into characters, as their entities are tagged.
    """
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = XLMRobertaTokenizer().backend_tokenizer.pre_tokenizer
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary_size - 1,
        special_tokens=list(SPECIAL),
        unk_token="<unk>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(_without_rare(texts, vocabulary_size // 2), trainer)
    scores = dict(json.loads(tokenizer.to_str())["model"]["vocab"])
    specials = [(piece, scores.pop(piece)) for piece in SPECIAL]
    single = {piece: score for piece, score in scores.items() if len(IDEOGRAPH.findall(piece)) < 2}
    return XLMRobertaTokenizer(vocab=[*specials, *_settled(single), ("<mask>", 0.0)])


def _without_rare(texts: Sequence[str], most: int) -> Iterator[str]:
    """The texts with only their most frequent characters."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    rare = dict.fromkeys(map(ord, ranked[most:]))
    return (text.translate(rare) for text in texts)


def _settled(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    """Pieces by name, without what the trainer leaves to the order of its hash tables.

    These are the last digits of a score, and which of the characters that were kept although they
    are rare gets which score: the lowest, plus 0.0001 for each such character before it.
    """
    lowest = min(scores.values())
    rare = lowest + 0.0001 * sum(len(piece) == 1 for piece in scores)
    return [
        (piece, round(lowest if len(piece) == 1 and score < rare else score, 6))
        for piece, score in sorted(scores.items())
    ]


def build_tiny(folder: Path, tokenizer_folder: Path, *, layers: int, width: int, heads: int, seed: int) -> None:
    """Write an untrained encoder of XLM-R's type, see ``write_untrained``."""
    write_untrained(
        folder,
        tokenizer_folder,
        XLMRobertaForMaskedLM,
        seed,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )


def write_untrained(
    folder: Path, tokenizer_folder: Path, kind: type[PreTrainedModel], seed: int, **shape: float
) -> None:
    """Write an untrained encoder beside the tokenizer it is for, as ``save_pretrained`` would.

    Args:
        folder: is filled.
        tokenizer_folder: of the tokenizer.
        kind: of the encoder, with a head.
        seed: of the weights.
        **shape: what the configuration holds besides the tokenizer's ids.
    """
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, trust_remote_code=False)
    ids = {f"{one}_token_id": getattr(tokenizer, f"{one}_token_id") for one in ("pad", "bos", "eos")}
    config = kind.config_class(vocab_size=len(tokenizer), **ids, **shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
