"""From text to the ids of a sequence: ``[CLS] [LANG_x] words [SEP]``, for every stage the same.

A tokenizer without [CLS], as LASER's, has nothing in its place.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BatchEncoding, PreTrainedTokenizerBase

from mlalign.data.languages import nearest, writes_spaces
from mlalign.models.backbone import UNKNOWN
from mlalign.models.subwords import Subwords, pad

SPACE = "▁"  # how sentencepiece writes it


class Sequenced(NamedTuple):
    """One sequence, not yet padded; ``is_cut`` where it had no room for all subwords."""

    ids: list[int]
    is_content_token: list[bool]
    token_types: list[int]
    is_cut: bool = False


class SequenceBuilder:
    """Places a backbone's special tokens and our language token around words.

    Args:
        tokenizer: a fast tokenizer.
        language_tokens: language -> id of its token, ``unk`` for all others; empty for none.
        max_length: of a sequence in subwords, special tokens included.
        multiple: batches are padded to a multiple of this many subwords, see ``device``.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        language_tokens: Mapping[str, int],
        *,
        max_length: int,
        multiple: int = 1,
    ) -> None:
        self.tokenizer = tokenizer
        self.language_tokens = dict(language_tokens)
        self._languages = [language for language in self.language_tokens if language != UNKNOWN]
        self.max_length, self.multiple = max_length, multiple
        self.padding = tokenizer.pad_token_id
        self.first = [] if tokenizer.cls_token_id is None else [tokenizer.cls_token_id]
        self.last = tokenizer.sep_token_id
        self._special = set(tokenizer.all_special_ids) | set(self.language_tokens.values())
        self._space = tokenizer.get_vocab().get(SPACE)
        self._has_types = "token_type_ids" in tokenizer.model_input_names
        framing = len(self.first) + 1
        self.separators = tokenizer.num_special_tokens_to_add(pair=True) - framing  # BERT 1, XLM-R 2
        self.overhead = framing + bool(self.language_tokens)

    @property
    def budget(self) -> int:
        """How many subwords of a single sentence fit."""
        return self.max_length - self.overhead

    @property
    def most_joined(self) -> int:
        """Positions of a row that holds two sequences, at most."""
        limit: int = self.tokenizer.model_max_length
        return min(2 * self.max_length, limit)

    @property
    def pair_budget(self) -> int:
        """How many subwords of two sentences together fit."""
        return self.budget - self.separators

    def words(self, texts: Sequence[str]) -> list[list[int]]:
        """Ordinary subwords of each text; what looks like a special token becomes unknown."""
        return [self._plain(ids) for ids in self._tokenised(list(texts))["input_ids"]]

    def words_and_characters(self, texts: Sequence[str]) -> tuple[list[list[int]], list[NDArray[np.int32]]]:
        """The same, and of every subword ``[subwords, 2]`` where it starts and ends in its text.

        White space at a subword's edges is no part of it; one that is nothing else has 0 and 0.
        """
        batch = self._tokenised(list(texts), return_offsets_mapping=True)
        characters = [
            np.array([_without_spaces(text, *span) for span in spans], dtype=np.int32).reshape(-1, 2)
            for text, spans in zip(texts, batch["offset_mapping"], strict=True)
        ]
        return [self._plain(ids) for ids in batch["input_ids"]], characters

    def split_words(self, sentences: Sequence[Sequence[str]], language: str) -> list[list[list[int]]]:
        """Subwords of every word of each sentence; a word without any becomes unknown.

        All words but the first are cut as behind a space, which some tokenizers keep in a piece.
        Where a language writes no spaces, a piece that holds only the space is left out: running
        text would not have it, and the tag would stand on it.
        """
        spaced = [
            [f" {word}" if place and word.strip() else word for place, word in enumerate(words)] for words in sentences
        ]
        encoded = self._tokenised(spaced, is_split_into_words=True)
        result = []
        for row, words in enumerate(sentences):
            pieces: list[list[int]] = [[] for _ in words]
            ids = self._plain(encoded["input_ids"][row])
            for piece, word in zip(ids, encoded.word_ids(row), strict=True):
                pieces[word].append(piece)
            if not writes_spaces(language):
                pieces = [piece[1:] if len(piece) > 1 and piece[0] == self._space else piece for piece in pieces]
            result.append([piece or [self.tokenizer.unk_token_id] for piece in pieces])
        return result

    def single(self, words: Sequence[int], language: str) -> Sequenced:
        """One sentence, cut to the budget."""
        head = self._head(language)
        body = list(words[: self.budget])
        return Sequenced(
            ids=[*head, *body, self.last],
            is_content_token=[False] * len(head) + [True] * len(body) + [False],
            token_types=[0] * (len(head) + len(body) + 1),
            is_cut=len(words) > len(body),
        )

    def pair(self, one: Sequence[int], two: Sequence[int], language: str) -> Sequenced:
        """Two sentences in one sequence; the longer one is cut first."""
        head = self._head(language)
        room = self.pair_budget
        kept = min(len(two), max(room // 2, room - len(one)))
        first, second = list(one[: room - kept]), list(two[:kept])
        between = [self.last] * self.separators
        before = len(head) + len(first) + len(between)
        return Sequenced(
            ids=[*head, *first, *between, *second, self.last],
            is_content_token=[False] * len(head)
            + [True] * len(first)
            + [False] * len(between)
            + [True] * len(second)
            + [False],
            token_types=[0] * before + [1] * (len(second) + 1),
            is_cut=len(one) + len(two) > len(first) + len(second),
        )

    def batch(self, rows: Sequence[Sequenced]) -> Subwords:
        """Pad to the longest."""
        return pad(
            [row.ids for row in rows],
            [row.is_content_token for row in rows],
            [row.token_types for row in rows] if self._has_types else None,
            self.padding,
            self.width(max(len(row.ids) for row in rows)),
        )

    def sentences(self, words: NDArray[np.int32], lengths: NDArray[np.int32], language: str) -> Subwords:
        """What ``batch`` makes of ``single`` sentences of one language, without a loop over them.

        Args:
            words: ordinary subwords of all sentences, one behind the other.
            lengths: how many of them each sentence has.
            language: of them all.
        """
        head = self._head(language)
        kept = np.minimum(lengths, self.budget)
        if (kept < lengths).any():
            starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
            words = words[np.arange(len(words)) - starts < self.budget]
        place = np.arange(self.width(int(kept.max()) + self.overhead))
        end = (len(head) + kept)[:, None]  # [batch, 1], where the last token stands
        is_content_token = (place >= len(head)) & (place < end)
        ids = np.where(place == end, self.last, np.full(is_content_token.shape, self.padding))
        ids[:, : len(head)] = head
        ids[is_content_token] = words
        return Subwords(
            input_ids=torch.from_numpy(ids),
            attention_mask=torch.from_numpy((place <= end).astype(np.int64)),
            is_content_token=torch.from_numpy(is_content_token),
            token_types=torch.zeros(ids.shape, dtype=torch.long) if self._has_types else None,
        )

    def width(self, longest: int, sentences: int = 1) -> int:
        """How wide a batch is whose longest sequence has so many subwords, in one or several sentences."""
        return min(-(-longest // self.multiple) * self.multiple, max(sentences * self.max_length, longest))

    def token_language(self, language: str) -> str:
        """Whose token stands in front of a text, where there are such: that of its language, or ``unk``."""
        return nearest(language, self._languages) or UNKNOWN

    def _tokenised(self, texts: Sequence[str] | Sequence[Sequence[str]], **settings: bool) -> BatchEncoding:
        """Without special tokens; what looks like one is text."""
        return self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False, **settings)

    def _head(self, language: str) -> list[int]:
        if not self.language_tokens:
            return self.first
        return [*self.first, self.language_tokens[self.token_language(language)]]

    def _plain(self, ids: Sequence[int]) -> list[int]:
        unknown = self.tokenizer.unk_token_id
        return [unknown if piece in self._special else piece for piece in ids]


def _without_spaces(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else (0, 0)
