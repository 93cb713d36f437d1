"""Word level: a masked token is predicted from its sentence and the translation beside it."""

from collections.abc import Iterator
from dataclasses import dataclass

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Needs
from mlalign.alignment.vocabulary import VocabularyObjective
from mlalign.cost import BatchSize, VocabularyRows, hidden_words
from mlalign.losses import MaskedWords


class TranslationMaskedWords(VocabularyObjective):
    """Translation language modelling of Conneau and Lample 2019 (arXiv:1901.07291).

    ``align.tlm`` says how a pair becomes one row; see ``losses.masked_word_loss``.
    """

    faithful = "without language embeddings; its rows share a step with the other losses instead of having their own"

    @dataclass
    class Settings(VocabularyObjective.Settings):
        """Those of every loss over the vocabulary."""

        def needs(self) -> Needs:
            """Pairs in one row."""
            return Needs(frozenset({"tlm"}), vocabulary=True)

    def terms(self, batch: EncodedBatch) -> Iterator[MaskedWords]:
        """One for both halves."""
        rows = batch.joined("tlm")
        labels = batch.vocabulary.columns(rows.token_ids[rows.is_masked])
        yield MaskedWords(batch.vocabulary(rows.at(rows.is_masked)), labels)

    def rows(self, size: BatchSize) -> VocabularyRows:
        """The share of a row's words that is hidden, rounded for both sentences together."""
        masked = hidden_words(size.joined - 2 * size.overhead + 1, size.mask_rate)
        return VocabularyRows(words=masked, singles=masked)
