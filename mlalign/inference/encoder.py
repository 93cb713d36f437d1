"""Sentence vectors and word links from an aligned folder, fused as alignment left them."""

import logging
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Literal, overload

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from mlalign.config.enums import Representation
from mlalign.data.languages import ENGLISH, canonical
from mlalign.data.sequences import SequenceBuilder
from mlalign.errors import DataError
from mlalign.metrics.word_links import Link, mutual_argmax
from mlalign.models.backbone import known_languages, languages_of
from mlalign.models.encoder import Encoder
from mlalign.models.io import load_encoder
from mlalign.models.pruned_vocabulary import pruned_from
from mlalign.models.task_encoder import Represented, TaskEncoder

log = logging.getLogger(__name__)


class AlignedEncoder:
    """Encodes text of any language.

    Plain transformers and sentence-transformers read the same folder, but know the backbone only:
    what they give is ``representation="backbone"`` here.

    Args:
        folder: that an alignment wrote.
        device: where to run.
        max_length: of a text in subwords, special tokens included; None: what the model takes.

    Raises:
        DataError: the folder is none that an alignment wrote.
        ValueError: the model takes no text of this length.
    """

    def __init__(self, folder: str | Path, *, device: str = "cpu", max_length: int | None = None) -> None:
        encoder, tokenizer = load_encoder(Path(folder), attention="sdpa")
        warn_of_pruned(encoder, folder)
        self.encoder = encoder.to(device).eval()
        self.languages = languages_of(tokenizer)
        tokens, longest = known_languages(tokenizer, self.languages), tokenizer.model_max_length
        self.layout = SequenceBuilder(tokenizer, tokens, max_length=longest if max_length is None else max_length)
        if not self.layout.overhead < self.layout.max_length <= longest:
            raise ValueError(f"max_length={max_length}: expected {self.layout.overhead + 1} to {longest} subwords")

    @overload
    def encode(
        self,
        texts: str | Sequence[str],
        language: str,
        *,
        partner: str | None = None,
        representation: str = "prototype",
        batch_size: int = 64,
        convert_to_tensor: Literal[False] = False,
    ) -> Float[np.ndarray, "*texts dim"]: ...

    @overload
    def encode(
        self,
        texts: str | Sequence[str],
        language: str,
        *,
        partner: str | None = None,
        representation: str = "prototype",
        batch_size: int = 64,
        convert_to_tensor: Literal[True],
    ) -> Float[Tensor, "*texts dim"]: ...

    def encode(
        self,
        texts: str | Sequence[str],
        language: str,
        *,
        partner: str | None = None,
        representation: str = "prototype",
        batch_size: int = 64,
        convert_to_tensor: bool = False,
    ) -> Float[np.ndarray, "*texts dim"] | Float[Tensor, "*texts dim"]:
        """One vector per text, float32, not normalised; of a single text, which needs no list, ``[dim]``.

        Args:
            texts: in one language; a list, or one text.
            language: of the texts; one that alignment has not seen is treated as unknown.
            partner: with a fusion, the language of the texts that these are compared with, where
                one side is English: it is the second key of both sides. None: the texts' own, and
                for English the mean of all others.
            representation: see ``Encoder.represent``.
            batch_size: texts at a time; similar lengths meet, so that little is padded.
            convert_to_tensor: give a tensor on the CPU instead of an array.

        Raises:
            DataError: no texts.
            ValueError: there is no such representation.
        """
        many = [texts] if isinstance(texts, str) else texts  # a text is a sequence of letters, too
        if len(many) == 0:
            raise DataError("encode: no texts; expected at least one")
        words = self.layout.words(many)
        order = sorted(range(len(words)), key=lambda row: len(words[row]))
        vectors = np.empty((len(words), self.encoder.dim), np.float32)
        with torch.inference_mode():
            key = self._key(language if partner is None else partner)
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                found = self._represent([words[row] for row in rows], language, key, representation)
                vectors[rows] = found.sentence.float().cpu().numpy()
        given = vectors if many is texts else vectors[0]
        return torch.from_numpy(given) if convert_to_tensor else given

    @torch.inference_mode()
    def align_words(
        self,
        source: Sequence[Sequence[str]],
        target: Sequence[Sequence[str]],
        source_language: str,
        target_language: str,
        *,
        representation: str = "prototype",
        batch_size: int = 64,
    ) -> list[list[Link]]:
        """Links of words that are each other's nearest by cosine; a word is the mean of its subwords.

        Words that do not fit into ``max_length`` are not linked, and a warning says in how many sentences.

        Args:
            source: the words of each sentence.
            target: those of its translation.
            source_language: of all source sentences.
            target_language: of their translations; with a fusion both sides have the keys of the one
                that is not English.
            representation: see ``Encoder.represent``.
            batch_size: sentences at a time.

        Returns:
            For each pair ``(i, j)``: source word i and target word j, from 0 on.

        Raises:
            ValueError: there are not as many sentences as translations, or there is no such representation.
        """
        prototypes = self.encoder.prototypes
        pivot = ENGLISH if prototypes is None else canonical(prototypes.pivot)
        key = self._key(source_language if canonical(target_language) == pivot else target_language)
        sides = [
            self._words(sentences, language, key, representation, batch_size)
            for sentences, language in ((source, source_language), (target, target_language))
        ]
        return [
            [(i, j) for i, j in mutual_argmax(one @ other.T).nonzero().tolist()]
            for one, other in zip(*sides, strict=True)
        ]

    def _words(
        self,
        sentences: Sequence[Sequence[str]],
        language: str,
        key: Tensor | None,
        representation: str,
        batch_size: int,
    ) -> Iterator[Tensor]:
        """Unit vectors of the words of each sentence, ``[words, dim]``, as far as it is not cut."""
        pieces = self.layout.split_words(sentences, language)
        if cut := sum(sum(map(len, words)) > self.layout.budget for words in pieces):
            log.warning("%d of %d sentences of %s are cut: their last words are not linked", cut, len(pieces), language)
        for start in range(0, len(pieces), batch_size):
            rows = pieces[start : start + batch_size]
            found = self._represent([list(chain(*words)) for words in rows], language, key, representation).words
            first = self.layout.overhead - 1  # of the tokens that stand for words
            for words, states in zip(rows, found.float().cpu(), strict=True):
                ends = accumulate(map(len, words), initial=0)
                spans = [(one, min(end, self.layout.budget)) for one, end in pairwise(ends) if one < self.layout.budget]
                means = [states[first + one : first + end].mean(0) for one, end in spans]
                yield normalize(torch.stack(means), dim=-1) if means else states[:0]

    def _represent(
        self, pieces: Sequence[Sequence[int]], language: str, key: Tensor | None, representation: str
    ) -> Represented:
        batch = self.layout.batch([self.layout.single(one, language) for one in pieces])
        moved = batch.to(self.encoder.device)
        chosen = Representation(representation)
        return self.encoder.represent(moved, partner=key, representation=chosen, language=language)

    def _key(self, language: str) -> Tensor | None:
        prototypes = self.encoder.prototypes
        if prototypes is None:
            return None
        if canonical(language) == canonical(prototypes.pivot):
            return prototypes.mean(prototypes.languages[1:])
        return prototypes.of(language)


def warn_of_pruned(encoder: TaskEncoder, folder: str | Path) -> None:
    """Say where a vocabulary was cut to the text of a run."""
    if isinstance(encoder, Encoder) and (pieces := pruned_from(encoder.backbone)):
        log.warning(
            "%s: its vocabulary was cut from %s pieces to those of the text that its run read "
            "(backbone.prune_vocabulary=true); in other text words fall into more pieces, which it may know little of",
            folder, f"{pieces:,}",
        )  # fmt: skip
