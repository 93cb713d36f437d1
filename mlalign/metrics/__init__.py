"""What is measured on held-out data; what needs torch is imported when it is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlalign.metrics.spans import spans

if TYPE_CHECKING:
    from mlalign.metrics.retrieval import nearest, retrieval_accuracy

__all__ = ["nearest", "retrieval_accuracy", "spans"]

_WITH_TORCH = {"nearest": "retrieval", "retrieval_accuracy": "retrieval"}


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WITH_TORCH[name]}"), name)
