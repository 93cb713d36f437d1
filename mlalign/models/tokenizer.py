"""What a backbone's tokenizer must have, and how every stage and every later user shall see it."""

import json

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase

from mlalign.errors import DataError

NEEDED = ("cls", "sep", "pad", "mask", "unk")


def settle(tokenizer: PreTrainedTokenizerBase, called: str, *, positions: int, token_types: int) -> None:
    """Make a fast tokenizer frame sentences as ``Layout`` does: [CLS] words [SEP], padded behind.

    Gemma's, which mmBERT has, knows its first and last token by other names and may leave out the
    last; without a limit of its own a tokenizer would give more subwords than there are positions.

    Args:
        tokenizer: changed in place; what is changed is saved with it.
        called: what messages call the backbone.
        positions: how many subwords the model takes.
        token_types: how many kinds of segments the model tells apart.

    Raises:
        DataError: it is not fast, or lacks a special token or all ordinary pieces.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise DataError(f"{called}: it has no fast tokenizer (tokenizer.json)")
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise DataError(
            f"{called}: its tokenizer has no pieces but the special ones; expected the tokenizer's "
            "files (tokenizer.json or the like) beside config.json"
        )
    for kind, other in (("cls", "bos"), ("sep", "eos")):
        if getattr(tokenizer, f"{kind}_token") is None:
            setattr(tokenizer, f"{kind}_token", getattr(tokenizer, f"{other}_token"))
    for kind in NEEDED:
        if getattr(tokenizer, f"{kind}_token_id") is None:
            raise DataError(
                f"{called}: its tokenizer has no {kind}_token; expected that of an encoder, with {', '.join(NEEDED)}"
            )
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    tokenizer.model_max_length = min(tokenizer.model_max_length, positions)
    if token_types < 2:
        names = [name for name in tokenizer.model_input_names if name != "token_type_ids"]
        tokenizer.model_input_names = names
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    words = tokenizer("a", add_special_tokens=False)["input_ids"]
    if tokenizer("a")["input_ids"] != [first, *words, last]:
        one = f"{tokenizer.cls_token} $A {tokenizer.sep_token}"
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=one,
            pair=f"{one} $B:1 {tokenizer.sep_token}:1",
            special_tokens=[(tokenizer.cls_token, first), (tokenizer.sep_token, last)],
        )


def fill_gaps(tokenizer: PreTrainedTokenizerBase) -> None:
    """Name the ids below the highest one that no piece has.

    A new token gets the number of pieces as its id: with a gap, that is the id of another piece,
    or one that changes when the tokenizer is loaded again.
    """
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    gaps = set(range(max(vocabulary.values()))).difference(vocabulary.values())
    if not gaps:
        return
    backend = tokenizer.backend_tokenizer
    description = json.loads(backend.to_str())
    description["model"]["vocab"] |= {f"[no piece {place}]": place for place in gaps}
    backend.model = Tokenizer.from_str(json.dumps(description)).model
