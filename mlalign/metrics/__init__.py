"""What is measured on held-out data."""

from mlalign.metrics.retrieval import nearest, retrieval_accuracy
from mlalign.metrics.spans import SpanF1, spans

__all__ = ["SpanF1", "nearest", "retrieval_accuracy", "spans"]
