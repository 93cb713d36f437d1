"""The small files by which sentence-transformers reads an aligned folder.

They are in its older form, which versions 5 and 6 read alike; the library itself is not needed
here.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from mlalign.files import Json
from mlalign.models.backbone import UNKNOWN, known_languages, language_token, languages_of

MODULES = "modules.json"
CLASSES = "sentence_transformers.models"


def write_sentence_transformers(folder: Path, tokenizer: PreTrainedTokenizerBase, *, pool: str, dim: int) -> None:
    """Make ``SentenceTransformer(folder)`` give the backbone's sentence vectors.

    With language tokens a prompt per language puts its token in front of the text; without a
    prompt's name the text gets ``[LANG_unk]``, as a language does that alignment has not seen.

    Args:
        folder: holds the backbone and the tokenizer.
        tokenizer: with the language tokens.
        pool: ``first``, ``mean`` over the words alone, or ``max``.
        dim: width of a vector.
    """
    tokens = known_languages(tokenizer, languages_of(tokenizer))
    modules = [("", "Transformer")]
    if pool == "mean":  # its mean would take in the special tokens
        modules.append(("1_WordWeights", "WordWeights"))
        _write_word_weights(folder / "1_WordWeights", tokenizer, list(tokens.values()))
    pooling = f"{len(modules)}_Pooling"
    modules.append((pooling, "Pooling"))
    _write(
        folder / pooling / "config.json",
        {
            "word_embedding_dimension": dim,
            "pooling_mode_cls_token": pool == "first",
            "pooling_mode_mean_tokens": pool == "mean",
            "pooling_mode_max_tokens": pool == "max",
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
    )
    prompts = {language: f"{language_token(language)} " for language in tokens}
    if tokens:  # which encode_query and encode_document look for; an empty prompt would leave the token out
        prompts |= dict.fromkeys(("query", "document"), prompts[UNKNOWN])
    limit = {"max_seq_length": tokenizer.model_max_length, "do_lower_case": False}
    _write(folder / "sentence_bert_config.json", limit)
    _write(
        folder / "config_sentence_transformers.json",
        {
            "prompts": prompts,
            "default_prompt_name": UNKNOWN if tokens else None,
            "similarity_fn_name": "cosine",
        },
    )
    _write(
        folder / MODULES,
        [
            {"idx": place, "name": str(place), "path": path, "type": f"{CLASSES}.{name}"}
            for place, (path, name) in enumerate(modules)
        ],
    )


def _write_word_weights(folder: Path, tokenizer: PreTrainedTokenizerBase, language_tokens: Sequence[int]) -> None:
    """Weight 0 for what frames a sentence, 1 for every other piece."""
    by_id = {place: piece for piece, place in tokenizer.get_vocab().items()}
    vocabulary = [by_id.get(place, "") for place in range(max(by_id) + 1)]
    frame = {tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id}
    weights = {vocabulary[place]: 0.0 for place in sorted(frame.union(language_tokens))}
    # A piece without an entry would get that of its lower case: `<S>` is a word, `<s>` is none.
    alike = [one for one in vocabulary if one not in weights and one.lower() in weights]
    content = {
        "vocab": vocabulary,
        "word_weights": weights | dict.fromkeys(alike, 1.0),
        "unknown_word_weight": 1.0,
    }
    _write(folder / "config.json", content)


def _write(path: Path, content: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
