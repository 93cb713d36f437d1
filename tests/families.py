"""Tiny random encoders of families whose tokenizers and matrices differ from BERT's and XLM-R's."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    DebertaV2Tokenizer,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

SHAPE: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


def save_distinct(model: PreTrainedModel, folder: Path) -> None:
    """Give every parameter, biases included, values that show in the output."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)


def padded(size: int) -> int:
    """The next multiple of 64 that leaves rows to spare, as published matrices have."""
    return 64 * (size // 64 + 1)


def write_minilm(folder: Path, pieces: int) -> None:
    """As Multilingual-MiniLM: a BERT body alone, for XLM-R's pieces, which it has rows to spare of.

    Its folder names the tokenizer and has none of its files.
    """
    config = BertConfig(vocab_size=pieces + 35, intermediate_size=64, pad_token_id=0, **SHAPE)
    save_distinct(BertModel(config), folder)
    named = {"tokenizer_class": "XLMRobertaTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(named), encoding="utf-8")


def write_deberta(folder: Path, texts: Iterable[str]) -> None:
    """As mDeBERTa: unigram pieces, [MASK] behind them, relative positions, a padded matrix."""
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="[UNK]", show_progress=False)
    trained.train_from_iterator(texts, trainer)
    pieces = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["vocab"]]
    tokenizer = DebertaV2Tokenizer(vocab=pieces, unk_id=3)
    tokenizer.save_pretrained(folder)
    config = DebertaV2Config(
        vocab_size=padded(len(tokenizer)),
        intermediate_size=64,
        relative_attention=True,
        position_buckets=16,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type="p2c|c2p",
        position_biased_input=False,
        max_position_embeddings=512,
        **SHAPE,
    )
    save_distinct(DebertaV2ForMaskedLM(config), folder)


def write_mmbert(folder: Path, texts: Iterable[str]) -> None:
    """As mmBERT: Gemma's pieces with byte fallback and no space in front, a padded matrix."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback()])
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[*special, *(f"<0x{byte:02X}>" for byte in range(256))],
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    backend.add_special_tokens([AddedToken(one, special=True) for one in special])
    backend.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>",
        pair="<bos> $A <eos> $B <eos>",
        special_tokens=[("<bos>", 2), ("<eos>", 1)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        unk_token="<unk>",
        cls_token="<bos>",
        bos_token="<bos>",
        sep_token="<eos>",
        eos_token="<eos>",
        mask_token="<mask>",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)
    config = ModernBertConfig(
        vocab_size=padded(len(backend.get_vocab())),
        intermediate_size=64,
        max_position_embeddings=1024,
        pad_token_id=0,
        cls_token_id=2,
        bos_token_id=2,
        sep_token_id=1,
        eos_token_id=1,
        **SHAPE,
    )
    save_distinct(ModernBertForMaskedLM(config), folder)
