"""A tokenizer whose tokens are words, and pieces of those that it does not know."""

from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from mlalign.models.backbone import UNKNOWN, language_token
from mlalign.models.tiny import IDEOGRAPH
from mlalign.models.tokenizer import settle

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # ids 0-4
INSIDE = "##"  # in front of a piece that does not begin a word
POSITIONS = 1 << 20  # of a sequence: words have none


def word_tokenizer(texts: Iterable[str], *, least: int, most: int) -> PreTrainedTokenizerFast:
    """Lower-cased words without spaces and punctuation inside; Chinese and Japanese are cut into characters.

    Args:
        texts: whose words it knows.
        least: occurrences of a word that it knows.
        most: words that it knows, the most frequent ones.
    """
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    character = pre_tokenizers.Split(Regex(IDEOGRAPH.pattern), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), character])
    trainer = trainers.WordLevelTrainer(
        vocab_size=most + len(SPECIAL), min_frequency=least, special_tokens=list(SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _settled(tokenizer)


def with_pieces(tokenizer: PreTrainedTokenizerFast, pieces: Sequence[str]) -> PreTrainedTokenizerFast:
    """The same tokens with the same ids, and pieces behind them for words that it does not know.

    Such a word becomes the longest piece that it begins with, then the longest that follows, and so on.
    """
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    for piece in dict.fromkeys(pieces):
        vocabulary.setdefault(piece, len(vocabulary))
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.model = models.WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix=INSIDE)
    return _settled(backend)


def _settled(backend: Tokenizer) -> PreTrainedTokenizerFast:
    kinds = ("pad", "unk", "cls", "sep", "mask")
    named = {f"{kind}_token": token for kind, token in zip(kinds, SPECIAL, strict=True)}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=POSITIONS, **named)
    settle(tokenizer, "words", positions=POSITIONS, token_types=1)
    return tokenizer


def add_languages(tokenizer: PreTrainedTokenizerFast, languages: Sequence[str]) -> None:
    """Append a token for every language, and for one that is not known."""
    tokens = [language_token(one) for one in (*languages, UNKNOWN)]
    tokenizer.add_special_tokens({"additional_special_tokens": tokens}, replace_extra_special_tokens=False)


def grams(word: str, *, shortest: int = 3, longest: int = 6) -> list[str]:
    """The n-grams of a word, other than itself, as the pieces are written: ``##`` in front of one inside it."""
    spans = [
        (start, start + size)
        for size in range(shortest, min(longest, len(word) - 1) + 1)
        for start in range(len(word) - size + 1)
    ]
    return list(dict.fromkeys(f"{INSIDE if start else ''}{word[start:end]}" for start, end in spans))
