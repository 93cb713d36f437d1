"""Word level: a masked token is predicted from its sentence (Eq. 12)."""

from collections.abc import Iterator
from dataclasses import dataclass

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Needs
from mlalign.alignment.vocabulary import VocabularyObjective
from mlalign.data.reads import SIDES
from mlalign.losses import MaskedWords


class MaskedWordPrediction(VocabularyObjective):
    """Eq. 12 of the paper for both languages, see ``losses.masked_word_loss``."""

    text = SIDES

    @dataclass
    class Settings(VocabularyObjective.Settings):
        """Those of every loss over the vocabulary."""

        def needs(self) -> Needs:
            """Something to predict."""
            return Needs(masking=True, fused=True, vocabulary=True)

    def terms(self, batch: EncodedBatch) -> Iterator[MaskedWords]:
        """One for each language."""
        pair = batch.pair("masked")
        for side in pair.sides:
            labels = batch.vocabulary.columns(side.token_ids[side.is_masked])
            yield MaskedWords(pair.masked_tokens(side), labels)
