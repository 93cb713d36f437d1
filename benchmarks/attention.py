"""Attention written out against torch's fused one on this CPU, forward and backward.

    python benchmarks/attention.py

Both take turns on batches of 2,048 subwords, as in training, with a padding mask, in heads of a
small encoder and of XLM-R base. ``benchmarks/results/attention.json`` has the best of five of each;
``backbone.attention=auto`` follows from it.
"""

import json
import os
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import torch
from machine import machine
from torch import Tensor
from torch.nn import functional as F

from mlalign.reporting.results import commit, versions

RESULTS = Path(__file__).parent / "results" / "attention.json"
SUBWORDS, TURNS = 2048, 5


def eager(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, dropout: float) -> Tensor:
    """As transformers writes it out."""
    weights = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + mask
    weights = F.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
    return F.dropout(weights, dropout) @ value


def sdpa(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, dropout: float) -> Tensor:
    """Torch's choice of its fused kernels."""
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


def milliseconds(attend: Callable[..., Tensor], *given: Any) -> float:
    """One forward and backward."""
    started = time.perf_counter()
    result = attend(*given)
    result.backward(torch.ones_like(result))
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Measure all settings and write the file."""
    measured = []
    settings = product((torch.float32, torch.bfloat16), ((4, 32), (12, 64)), (16, 32, 64, 128), (0.0, 0.1))
    for dtype, (heads, width), length, dropout in settings:
        shape = (SUBWORDS // length, heads, length, width)
        vectors = [torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(3)]
        mask = torch.zeros(shape[0], 1, length, length, dtype=dtype)
        mask[..., length - 3 :] = torch.finfo(dtype).min
        turns = [[milliseconds(attend, *vectors, mask, dropout) for attend in (eager, sdpa)] for _ in range(TURNS)]
        written, fused = map(min, zip(*turns, strict=True))
        measured.append(
            {
                "dtype": str(dtype).removeprefix("torch."),
                "heads": heads,
                "width": width,
                "length": length,
                "dropout": dropout,
                "eager_ms": round(written, 2),
                "sdpa_ms": round(fused, 2),
                "sdpa_over_eager": round(fused / written, 2),
            }
        )
        print(*measured[-1].values())
    result = {
        "command": "python benchmarks/attention.py",
        "subwords": SUBWORDS,
        "measured": measured,
        "machine": machine() | {"load_average": round(os.getloadavg()[0], 1)},
        "versions": versions(),
        "commit": commit(),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
