"""The losses: pure functions of tensors, one file per level; and how they are weighted."""

from mlalign.losses.alignment import self_alignment_loss
from mlalign.losses.cbow import cbow_loss
from mlalign.losses.consistency import consistency_loss, model_consistency_loss
from mlalign.losses.distillation import distillation_loss
from mlalign.losses.language import confusion_loss, discriminator_loss
from mlalign.losses.links import link_contrast_loss, link_distance_loss
from mlalign.losses.momentum import momentum_contrast_loss
from mlalign.losses.pointer import mutual_links, pointer_loss, sinkhorn
from mlalign.losses.sentence import clamped_entries, false_negatives, inter_sentence_loss, intra_sentence_loss
from mlalign.losses.weighting import UncertaintyWeights
from mlalign.losses.word import masked_word_loss, mean, word_distribution_loss, word_divergences
from mlalign.losses.word_terms import MaskedWords, WordDistribution

__all__ = [
    "MaskedWords",
    "UncertaintyWeights",
    "WordDistribution",
    "cbow_loss",
    "clamped_entries",
    "confusion_loss",
    "consistency_loss",
    "discriminator_loss",
    "distillation_loss",
    "false_negatives",
    "inter_sentence_loss",
    "intra_sentence_loss",
    "link_contrast_loss",
    "link_distance_loss",
    "masked_word_loss",
    "mean",
    "model_consistency_loss",
    "momentum_contrast_loss",
    "mutual_links",
    "pointer_loss",
    "self_alignment_loss",
    "sinkhorn",
    "word_distribution_loss",
    "word_divergences",
]
