"""What is measured on held-out data."""

from mlalign.metrics.retrieval import retrieval_accuracy
from mlalign.metrics.spans import SpanF1, spans

__all__ = ["SpanF1", "retrieval_accuracy", "spans"]
