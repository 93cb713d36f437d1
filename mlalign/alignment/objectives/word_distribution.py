"""Word level: a sentence predicts which tokens its translation holds (Eq. 13)."""

from collections.abc import Iterator
from dataclasses import dataclass

from omegaconf import MISSING

from mlalign.alignment.batch import EncodedBatch, EncodedSide
from mlalign.alignment.objectives.base import Needs, Parts
from mlalign.alignment.vocabulary import VocabularyObjective
from mlalign.config.enums import Prediction
from mlalign.config.schema import Align
from mlalign.config.settings import SHARE, setting
from mlalign.cost import BatchSize, VocabularyRows
from mlalign.distributed import rank
from mlalign.losses import WordDistribution


class WordDistributionPrediction(VocabularyObjective):
    """Eq. 13 of the paper in both directions, see ``losses.word_distribution_loss``.

    ``align.word_distribution_every`` chooses every so many-th pair of the whole batch.
    """

    @dataclass
    class Settings(VocabularyObjective.Settings):
        """See ``losses.word_distribution_loss``."""

        smoothing_mass: float = setting(MISSING, SHARE)
        prediction: Prediction = MISSING

        def needs(self) -> Needs:
            """Every token of both sentences."""
            return Needs(fused=True, vocabulary=True)

        def check_share(self, align: Align, devices: int, pairs: int) -> Iterator[str]:
            """One of them at least is chosen."""
            if pairs < (every := align.word_distribution_every):
                yield (
                    f"align.word_distribution_every={every}: each of {devices} devices has only {pairs} of "
                    f"align.batch_size={align.batch_size}; lower it, or raise align.batch_size"
                )

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings, self.every = settings, parts.align.word_distribution_every

    def terms(self, batch: EncodedBatch) -> Iterator[WordDistribution]:
        """One for each direction."""
        pair = batch.pair("masked")
        rows = len(pair.source.states)
        first = -rank() * rows % self.every  # the first chosen one of this rank's rows
        sentences = len(range(first, rows, self.every))

        def one(side: EncodedSide, partner: EncodedSide) -> WordDistribution:
            own, theirs = (of.sentence_of_token - first for of in (side, partner))
            chosen, known = (of % self.every == 0 for of in (own, theirs))
            return WordDistribution(
                pair.distribution_tokens(side, chosen),
                own[chosen] // self.every,
                batch.vocabulary.columns(partner.token_ids[known]),
                theirs[known] // self.every,
                sentences,
                smoothing_mass=self.settings.smoothing_mass,
                prediction=self.settings.prediction.value,
            )

        yield one(pair.source, pair.target)
        yield one(pair.target, pair.source)

    def rows(self, size: BatchSize) -> VocabularyRows:
        """All words of the chosen pairs, or one row for each of their sentences."""
        chosen = [side[:: self.every] for side in (size.source, size.target)]
        words = int(sum(side.sum() for side in chosen))
        if self.settings.prediction == Prediction.pooled:
            return VocabularyRows(words, singles=sum(map(len, chosen)))
        return VocabularyRows(words, singles=0, mixed=words)
