"""Real processes that share a run, gloo between them."""

import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed

# A clean process that has imported what is slow; ranks are forked from it.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["training.toy", "mlalign.pipeline"])


def in_ranks(world: int, folder: Path, job: Callable[..., Any], *given: Any) -> list[Any]:
    """What ``job(*given)`` returns in each of ``world`` ranks."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        SERVER.Process(target=_rank, args=(rank, world, port, folder, job, given), daemon=True) for rank in range(world)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(timeout=300)
    failures = [path.read_text() for path in sorted(folder.glob("failed-*.txt"))]
    hanging = [rank.name for rank in ranks if rank.is_alive()]
    for rank in ranks:
        rank.kill()
    assert not failures, "\n".join(failures)
    assert not hanging, f"{hanging} did not end"
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(world)]


def _rank(rank: int, world: int, port: int, folder: Path, job: Callable[..., Any], given: Any) -> None:
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world), "GROUP_RANK": "0", "GROUP_WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    torch.set_num_threads(1)
    try:
        distributed.init_process_group("gloo")
        torch.save(job(*given), folder / f"{rank}.pt")
        distributed.barrier()
        distributed.destroy_process_group()
    except BaseException:
        (folder / f"failed-{rank}.txt").write_text(traceback.format_exc())
        os._exit(1)
