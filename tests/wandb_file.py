"""Reads back what a run left in wandb's own file: records in the frames of a LevelDB log."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK, FRAME, HEADER = 32768, 7, 7  # bytes; the file itself begins with a header of its own
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class Recorded:
    """One wandb run as its file tells it."""

    id: str = ""
    group: str = ""
    job: str = ""
    project: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, str] = field(default_factory=dict)  # key or glob -> the key of its x-axis
    alerts: list[str] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)
    exit_code: int | None = None

    @property
    def keys(self) -> set[str]:
        """Everything that was logged."""
        return {key for row in self.history for key in row if not key.startswith("_")}


def read_wandb_file(path: Path) -> Recorded:
    run = Recorded()
    for payload in _payloads(path.read_bytes()):
        record = Record.FromString(payload)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.id, run.group = record.run.run_id, record.run.run_group
            run.job, run.project = record.run.job_type, record.run.project
            run.config |= _items(record.run.config.update)
        elif kind == "config":
            run.config |= _items(record.config.update)
        elif kind == "history":
            run.history.append(_items(record.history.item))
            run.summary |= run.history[-1]
        elif kind == "summary":
            run.summary |= _items(record.summary.update)
        elif kind == "metric" and record.metric.step_metric:
            name = record.metric.name or record.metric.glob_name
            run.axes[name] = record.metric.step_metric
        elif kind == "alert":
            run.alerts.append(record.alert.text)
        elif kind == "artifact":
            run.artifacts.append(record.artifact.name)
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def runs_under(folder: Path) -> dict[str, Recorded]:
    """Every run in wandb's folders there, by what it did; the last attempt counts."""
    found = [read_wandb_file(path) for path in sorted(folder.rglob("*.wandb"))]
    return {run.job: run for run in found}


def _items(items: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        name, *inner = [item.key] if item.key else item.nested_key
        value = json.loads(item.value_json)
        if inner:
            found.setdefault(name, {})[".".join(inner)] = value
        else:
            found[name] = value
    return found


def _payloads(data: bytes) -> Iterator[bytes]:
    assert data[:4] == b":W&B"
    place, begun = HEADER, b""
    while place + FRAME <= len(data):
        room = BLOCK - place % BLOCK
        if room < FRAME:  # the rest of a block that no frame fits into
            place += room
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + FRAME])
        begun += data[place + FRAME : place + FRAME + length]
        place += FRAME + length
        if kind in (FULL, LAST):
            yield begun
            begun = b""
