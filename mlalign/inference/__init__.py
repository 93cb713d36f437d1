"""Trained folders at work: vectors and word links of an aligned encoder, predictions of a finished run."""

from mlalign.inference.classifier import Classifier
from mlalign.inference.encoder import AlignedEncoder

__all__ = ["AlignedEncoder", "Classifier"]
