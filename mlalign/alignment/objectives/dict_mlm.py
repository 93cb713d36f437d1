"""Word level: a masked token is predicted as itself or as one of its translations."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn

from mlalign.alignment.batch import EncodedBatch, EncodedSide
from mlalign.alignment.objectives.base import Needs, Parts
from mlalign.alignment.vocabulary import VocabularyObjective
from mlalign.config.schema import Train
from mlalign.data.reads import SIDES
from mlalign.data.sampling import stream
from mlalign.distributed import rank, world_size
from mlalign.losses import MaskedWords

Option = tuple[int, tuple[int, ...]]  # row of a language's vector, translations into it


class DictionaryPrediction(VocabularyObjective):
    """DICT-MLM (Chaudhary et al. 2020, arXiv:2010.12566), for both languages.

    Of a masked token with a dictionary entry a language is drawn, then a label among the token and
    its translations into it; the vector of that language is added in front of the head. Without an
    entry it is plain Eq. 12.
    """

    text = SIDES
    reads = frozenset({"dictionary"})
    faithful = (
        "reconstruction: the language's vector is added in front of the head; only words that are one "
        "token in both languages have translations, those of the other languages into English alone"
    )

    @dataclass
    class Settings(VocabularyObjective.Settings):
        """Those of every loss over the vocabulary."""

        def needs(self) -> Needs:
            """Something to predict, and a dictionary."""
            return Needs(masking=True, fused=True, vocabulary=True, lexicon=True)

    @classmethod
    def differences(cls, config: Train) -> str | None:
        """By which dictionary."""
        return f"{cls.faithful}; data.lexicon={config.data.lexicon}"

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.seed = parts.align.seed or 0
        self.length = parts.align.max_length
        known = {language: words for language, words in parts.lexicon.items() if words}
        pivot = parts.languages[0]
        self.options: dict[str, dict[int, list[Option]]] = {pivot: {}}
        for row, (language, words) in enumerate(known.items(), start=1):
            back = self.options.setdefault(language, {})
            for token, translations in words.items():
                self.options[pivot].setdefault(token, []).append((row, translations))
                for one in translations:
                    into = back.setdefault(one, [(0, ())])
                    into[0] = (0, (*into[0][1], token))
        self.languages = nn.Embedding(1 + len(known), parts.dim) if known else None
        if self.languages is not None:
            nn.init.zeros_(self.languages.weight)

    def terms(self, batch: EncodedBatch) -> Iterator[MaskedWords]:
        """One for each language."""
        pair = batch.pair("masked")
        for side, language in zip(pair.sides, batch.languages, strict=True):
            labels, rows = self.drawn(side, language, batch.place)
            added = None
            if self.languages is not None:
                drawn = side.on_device(rows)
                added = self.languages(drawn.clamp(min=0)) * (drawn >= 0)[:, None]
            yield MaskedWords(pair.masked_tokens(side, added), batch.vocabulary.columns(labels))

    def drawn(self, side: EncodedSide, language: str, place: int) -> tuple[Int[Tensor, " m"], Int[Tensor, " m"]]:
        """Of every masked token its label and the row of the drawn language's vector, -1 without an entry.

        A draw is one of the batch's place, the row in the batch of all ranks and the position.
        """
        labels = side.token_ids[side.is_masked].clone()
        rows = torch.full_like(labels, -1)
        options = self.options.get(language, {})
        width, count = side.given.original.shape[1], len(side.given.original)
        draws = stream(self.seed, "dict_mlm", place, language).random((count * world_size(), self.length, 2))
        for number, position in enumerate(side.position[side.is_masked].tolist()):
            token = int(labels[number])
            if token in options:
                first, second = draws[count * rank() + position // width, position % width]
                row, translations = options[token][int(first * len(options[token]))]
                choices = (token, *translations)
                labels[number], rows[number] = choices[int(second * len(choices))], row
        return labels, rows
