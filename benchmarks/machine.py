"""What a measurement was made on, and how it is written down."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mlalign.files import write_whole
from mlalign.reporting.results import commit, versions

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, str | int]:
    """Processor, cores, threads in use and memory."""
    info = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (info.read_text(encoding="utf-8").splitlines() if info.is_file() else [])
        if line.startswith("model name")
    ]
    found: dict[str, str | int] = {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
    }
    if hasattr(os, "sysconf"):
        found["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def measured_with() -> dict[str, Any]:
    """What belongs beside every measurement: the command, machine, load, versions and commit."""
    command = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    load = {"load_average": round(os.getloadavg()[0], 1)} if hasattr(os, "getloadavg") else {}
    return {
        "command": command,
        "machine": machine() | load,
        "versions": versions(),
        "commit": commit(),
    }


def write_json(path: Path, outcome: dict[str, Any]) -> None:
    """Write a measurement whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(outcome, indent=1) + "\n")


def median_and_spread(values: Sequence[float]) -> dict[str, float]:
    """The middle, the least and the most of repeated measurements."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}
