"""What a backbone's tokenizer must have, and how every stage and every later user shall see it."""

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from mlalign.errors import DataError

NEEDED = ("cls", "sep", "pad", "mask", "unk")
NEEDED_BEHIND = ("sep", "pad", "unk")  # where nothing stands in front
MOST_LOST = 0.01  # of a vocabulary: pieces with capitals that lower-cased text never reaches


def settle(
    tokenizer: PreTrainedTokenizerBase, called: str, *, positions: int, token_types: int, has_first: bool = True
) -> None:
    """Make a fast tokenizer frame sentences as ``Layout`` does: [CLS] words [SEP], padded behind.

    Gemma's, which mmBERT has, knows its first and last token by other names and may leave out the
    last; without a limit of its own a tokenizer would give more subwords than there are positions.

    Args:
        tokenizer: changed in place; what is changed is saved with it.
        called: what messages call the backbone.
        positions: how many subwords the model takes.
        token_types: how many kinds of segments the model tells apart.
        has_first: whether a sentence has [CLS]; without, it is the words and [SEP].

    Raises:
        DataError: it is not fast, lacks a special token or all ordinary pieces, or makes the text of a cased
            vocabulary lower-case.
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
    needed = NEEDED if has_first else NEEDED_BEHIND
    for kind in needed:
        if getattr(tokenizer, f"{kind}_token_id") is None:
            raise DataError(
                f"{called}: its tokenizer has no {kind}_token; expected that of an encoder, with {', '.join(needed)}"
            )
    if has_first:  # LASER's makes text small itself, whatever pieces there are
        _refuse_lost_capitals(tokenizer, called)
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    tokenizer.model_max_length = min(tokenizer.model_max_length, positions)
    if token_types < 2:
        names = [name for name in tokenizer.model_input_names if name != "token_type_ids"]
        tokenizer.model_input_names = names
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    words = tokenizer("a", add_special_tokens=False)["input_ids"]
    before = [first] if has_first else []
    if tokenizer("a")["input_ids"] != [*before, *words, last]:
        one = f"{tokenizer.cls_token} $A {tokenizer.sep_token}" if has_first else f"$A {tokenizer.sep_token}"
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=one,
            pair=f"{one} $B:1 {tokenizer.sep_token}:1",
            special_tokens=[*((tokenizer.cls_token, one) for one in before), (tokenizer.sep_token, last)],
        )


def _refuse_lost_capitals(tokenizer: PreTrainedTokenizerBase, called: str) -> None:
    """A vocabulary with capitals that text never reaches: a cased one whose tokenizer is taken for an uncased one.

    BERT's makes all text small unless a file says otherwise; the capitals of an uncased vocabulary are a handful.
    """
    normalizer = tokenizer.backend_tokenizer.normalizer
    pieces = tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False)
    if normalizer is None:
        return
    capital = sorted((one for one in pieces if one != one.lower()), key=pieces.__getitem__)
    lost = [
        one for one in capital if one not in tokenizer.all_special_tokens and normalizer.normalize_str(one).islower()
    ]
    if len(lost) > MOST_LOST * len(pieces):
        raise DataError(
            f"{called}: {len(lost):,} of the {len(pieces):,} pieces of its vocabulary have capital letters, such as "
            f"{lost[len(lost) // 2]!r}, but its tokenizer makes all text lower-case and never uses them. Is its "
            'tokenizer_config.json missing? Put that of the backbone there, or one with {"do_lower_case": false}'
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


def refuse_renumbered(tokenizer: PreTrainedTokenizerBase, folder: Path, called: str) -> None:
    """Refuse a tokenizer whose files give a piece another id than it has once it is loaded: that of another embedding.

    A token that is added behind a gap gets the next free id, whatever the file says.

    Raises:
        DataError: names the first such piece.
    """
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    for name, ids in _written_ids(folder, tokenizer.vocab_files_names.values()):
        moved = sorted((place, piece) for piece, place in ids.items() if vocabulary.get(piece, place) != place)
        if moved:
            place, piece = moved[0]
            raise DataError(
                f"{called}: {name} gives {piece!r} the id {place}, but it has {vocabulary[piece]} once it is loaded "
                f"({len(moved)} pieces differ), so that its embedding would be that of another; are ids in front of it "
                "missing? Give every id a piece in the vocabulary"
            )


def _written_ids(folder: Path, read: Collection[str]) -> Iterator[tuple[str, dict[str, int]]]:
    """Name and ids of each file that says them, without tokenizer.json of those that its kind of tokenizer reads."""
    whole = folder / "tokenizer.json"
    if whole.is_file():
        content = json.loads(whole.read_text(encoding="utf-8"))
        pieces = content["model"].get("vocab", {})
        known = pieces if isinstance(pieces, dict) else {piece: place for place, (piece, _) in enumerate(pieces)}
        yield whole.name, known | {one["content"]: one["id"] for one in content["added_tokens"]}
    elif "vocab.json" in read and (folder / "vocab.json").is_file():
        yield "vocab.json", json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    elif "vocab.txt" in read and (folder / "vocab.txt").is_file():
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
        yield "vocab.txt", {piece: place for place, piece in enumerate(lines) if piece}
    if (added := folder / "added_tokens.json").is_file():
        yield added.name, json.loads(added.read_text(encoding="utf-8"))


def refuse_moving_ids(
    tokenizer: PreTrainedTokenizerBase, tokens: Sequence[str], folder: str | Path, called: str
) -> None:
    """Refuse tokens whose embeddings would be looked up by other ids, or by those of another token.

    Args:
        tokenizer: in memory.
        tokens: that share their ids with none and are named first.
        folder: where it was saved with the model's configuration.
        called: what the message calls it.

    Raises:
        DataError: a token has another id when the tokenizer is loaded again, or one of ``tokens`` that of another.
    """
    before, after = tokenizer.get_vocab(), AutoTokenizer.from_pretrained(folder, trust_remote_code=False).get_vocab()
    moved = sorted(
        (one for one in {**before, **after} if before.get(one) != after.get(one)),
        key=lambda one: (one not in tokens, one),
    )
    advice = "save the backbone's tokenizer in the form of tokenizer.json and set backbone.tokenizer=FOLDER"
    if moved:
        raise DataError(
            f"{called}: {moved[0]!r} has the id {before.get(moved[0])}, but {after.get(moved[0])} "
            f"when the tokenizer is loaded again ({len(moved)} tokens differ); {advice}"
        )
    owners = {before[one]: one for one in tokens}
    for one, place in before.items():
        if owners.get(place, one) != one:
            raise DataError(f"{called}: {owners[place]!r} and {one!r} both have the id {place}; {advice}")
