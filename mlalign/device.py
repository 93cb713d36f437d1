"""What the machine computes natively, and habits that make a CPU several times faster."""

import ctypes
import ctypes.util
import resource
import sys

import torch

from mlalign.errors import ConfigError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


def choose_device(accelerator: str) -> bool:
    """Whether ``auto``, ``cpu`` or ``gpu`` means a GPU here.

    Raises:
        ConfigError: a GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if accelerator == "gpu" and not has_gpu:
        raise ConfigError(
            "trainer.accelerator=gpu: no GPU found on this machine; choose trainer=cpu or "
            "trainer=auto"
        )
    return has_gpu and accelerator != "cpu"


def choose_precision(precision: str, *, gpu: bool) -> str:
    """Lightning's name for ``auto``, ``float32`` or ``bfloat16``.

    ``auto`` takes bfloat16 where the device multiplies it natively. Parameters and losses stay in
    float32 in either.
    """
    if precision == "auto":
        native = torch.cuda.is_bf16_supported() if gpu else cpu_has_bfloat16()
        precision = "bfloat16" if native else "float32"
    return {"float32": "32-true", "bfloat16": "bf16-mixed"}[precision]


def cpu_has_bfloat16() -> bool:
    """Whether the processor has instructions for products of bfloat16 matrices."""
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def keep_freed_memory() -> None:
    """Let malloc keep large blocks: otherwise every step's temporaries are faulted in anew.

    Only glibc understands it; elsewhere nothing happens.
    """
    name = ctypes.util.find_library("c")
    if sys.platform == "linux" and name:
        library = ctypes.CDLL(name)
        if hasattr(library, "mallopt"):
            library.mallopt(M_MMAP_THRESHOLD, 1 << 30)
            library.mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


def peak_memory_bytes() -> int:
    """The most this process has held, on the GPU where one was used."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
