"""The losses: pure functions of tensors, one file per level; and how they are weighted."""

from mlalign.losses.consistency import consistency_loss
from mlalign.losses.language import confusion_loss, discriminator_loss
from mlalign.losses.momentum import momentum_contrast_loss
from mlalign.losses.sentence import clamped_entries, inter_sentence_loss, intra_sentence_loss
from mlalign.losses.weighting import UncertaintyWeights
from mlalign.losses.word import masked_word_loss, mean, word_distribution_loss, word_divergences
from mlalign.losses.word_terms import MaskedWords, WordDistribution

__all__ = [
    "MaskedWords",
    "UncertaintyWeights",
    "WordDistribution",
    "clamped_entries",
    "confusion_loss",
    "consistency_loss",
    "discriminator_loss",
    "inter_sentence_loss",
    "intra_sentence_loss",
    "masked_word_loss",
    "mean",
    "momentum_contrast_loss",
    "word_distribution_loss",
    "word_divergences",
]
