"""What the machine computes natively, and habits that make a CPU several times faster."""

import ctypes
import ctypes.util
import os
import resource
import sys
from dataclasses import dataclass

import torch

from mlalign.errors import ConfigError
from mlalign.wording import plural

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


@dataclass(frozen=True)
class Computing:
    """How a run computes, as chosen for this machine.

    Attributes:
        device: ``cpu``, or what the GPU is called.
        precision: Lightning's name of it.
        attention: transformers' name of its implementation.
        threads: of the CPU.
        keeps_freed_memory: whether malloc was told to, see ``keep_freed_memory``.
        spin: GOMP_SPINCOUNT, how long an OpenMP thread spins before it sleeps; None: its default.
    """

    device: str
    precision: str
    attention: str
    threads: int
    keeps_freed_memory: bool
    spin: str | None

    @classmethod
    def of_this_process(cls, *, gpu: bool, precision: str, attention: str, keeps_freed_memory: bool) -> "Computing":
        """What was chosen, with the device's name and the threads of this process."""
        return cls(
            device=torch.cuda.get_device_name() if gpu else "cpu",
            precision=precision,
            attention=attention,
            threads=torch.get_num_threads(),
            keeps_freed_memory=keeps_freed_memory,
            spin=os.environ.get("GOMP_SPINCOUNT"),
        )

    @property
    def gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.device != "cpu"

    @property
    def accelerator(self) -> str:
        """Lightning's name of the kind of device."""
        return "gpu" if self.gpu else "cpu"

    def __str__(self) -> str:
        memory = "kept" if self.keeps_freed_memory else "given back"
        return (
            f"Computing on {self.device}: {self.precision}, {self.attention} attention, "
            f"{plural(self.threads, 'thread')}, freed memory {memory}, GOMP_SPINCOUNT={self.spin}"
        )


def choose_device(accelerator: str) -> bool:
    """Whether ``auto``, ``cpu`` or ``gpu`` means a GPU here.

    Raises:
        ConfigError: a GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if accelerator == "gpu" and not has_gpu:
        raise ConfigError("trainer.accelerator=gpu: no GPU found on this machine; choose trainer=cpu or trainer=auto")
    return has_gpu and accelerator != "cpu"


def choose_precision(precision: str, *, gpu: bool) -> str:
    """Lightning's name for ``auto``, ``float32`` or ``bfloat16``.

    ``auto`` takes bfloat16 where the device multiplies it natively. Parameters and losses stay in
    float32 in either.
    """
    if precision == "auto":
        native = torch.cuda.is_bf16_supported(including_emulation=False) if gpu else cpu_has_bfloat16()
        precision = "bfloat16" if native else "float32"
    return {"float32": "32-true", "bfloat16": "bf16-mixed"}[precision]


def choose_attention(attention: str, *, gpu: bool) -> str:
    """Transformers' name for ``auto``: ``sdpa`` on a GPU, ``eager`` on a CPU.

    On a CPU the fused attention's backward is up to several times slower than attention written
    out, most of all in bfloat16 and for short sentences: benchmarks/results/attention.json.
    """
    if attention != "auto":
        return attention
    return "sdpa" if gpu else "eager"


def choose_tokens(tokens: int | None, *, gpu: bool) -> int:
    """How many subwords go through the encoder at a time where only speed depends on it.

    A GPU wants many at once; a CPU is quicker with few, whose states stay in its cache.
    """
    if tokens is not None:
        return tokens
    return 8192 if gpu else 1024


def padding_multiple(*, gpu: bool) -> int:
    """What batches are padded to a multiple of: tensor cores take matrices in steps of eight."""
    return 8 if gpu else 1


def cpu_has_bfloat16() -> bool:
    """Whether the processor has instructions for products of bfloat16 matrices."""
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def keep_freed_memory() -> bool:
    """Let malloc keep large blocks: otherwise every step's temporaries are faulted in anew.

    Only glibc understands it; elsewhere nothing happens. Returns whether it was told.
    """
    name = ctypes.util.find_library("c")
    if sys.platform != "linux" or not name:
        return False
    library = ctypes.CDLL(name)
    if not hasattr(library, "mallopt"):
        return False
    accepted = (
        library.mallopt(M_MMAP_THRESHOLD, 1 << 30),
        library.mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1),
    )
    return all(accepted)


def peak_memory_bytes() -> int:
    """The most this process has held, on the GPU where one was used."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
