"""One process per device: this command starts them, or torchrun or SLURM did."""

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from omegaconf import OmegaConf
from torch import distributed

from mlalign import errors
from mlalign.config.plain import typed
from mlalign.config.schema import Train
from mlalign.config.settings import freeze
from mlalign.config.sweep import sweep_of
from mlalign.device import choose_device
from mlalign.distributed import is_rank_zero, local_world_size
from mlalign.errors import ConfigError, TrainingError, UserError
from mlalign.pipeline import run

PATIENCE = timedelta(days=1)  # the first rank may tokenise for hours while the others wait
GRACE = 3.0  # seconds between asking a process to end and ending it
FAILURE = "MLALIGN_FAILURE"  # where the first process that fails says why


def train_on_all_devices(config: Train) -> None:
    """One run on as many devices as it is to have.

    Raises:
        ConfigError: there are not as many, or others were started.
        UserError: what stopped the first of the processes that failed.
    """
    cluster = started_by()
    if cluster is not None:
        run(join(cluster, config))
        return
    devices = wanted(config)
    if devices == 1:
        run(config)
    else:
        refuse_unshared(config, devices)
        launch(config, devices)


def started_by() -> ClusterEnvironment | None:
    """What started this process as one of several, if anything did."""
    for kind in (TorchElasticEnvironment, SLURMEnvironment):
        if kind.detect() and (cluster := kind()).world_size() > 1:
            return cluster
    return None


def wanted(config: Train) -> int:
    """How many processes are to be started here.

    Raises:
        ConfigError: there are not as many GPUs, or nothing says how many.
    """
    devices, gpu = config.trainer.devices, choose_device(config.trainer.accelerator.value)
    there = torch.cuda.device_count() if gpu else None
    if devices == "auto":
        if there is None:
            raise ConfigError(
                "trainer.devices=auto counts GPUs, and there is none here; say how many processes "
                "are to share the processor, as trainer.devices=2"
            )
        return there
    if there is not None and devices > there:
        raise ConfigError(f"trainer.devices={devices}: there are {there} GPUs here")
    return int(devices)


def join(cluster: ClusterEnvironment, config: Train) -> Train:
    """Become one of the processes that share a run; the configuration of this one.

    Raises:
        ConfigError: other devices were asked for than processes were started.
    """
    gpu = choose_device(config.trainer.accelerator.value)
    if gpu:
        torch.cuda.set_device(cluster.local_rank())
    if not distributed.is_initialized():
        os.environ["MASTER_ADDR"] = cluster.main_address
        os.environ["MASTER_PORT"] = str(cluster.main_port)
        distributed.init_process_group(
            "nccl" if gpu else "gloo",
            rank=cluster.global_rank(),
            world_size=cluster.world_size(),
            timeout=PATIENCE,
        )
    devices = config.trainer.devices
    if devices not in ("auto", local_world_size()):
        raise ConfigError(
            f"trainer.devices={devices}, but {local_world_size()} processes were started on this machine; "
            "set trainer=ddp, whose trainer.devices=auto takes what was started"
        )
    refuse_unshared(config, cluster.world_size())
    if isinstance(cluster, TorchElasticEnvironment) and sweep_of(sys.argv[1:]):
        raise ConfigError(
            "torchrun and a sweep (-m): if one run failed, the others would wait for each other; "
            "give the sweep to python instead, which starts the processes of every run"
        )
    if not gpu and config.trainer.threads is None:
        torch.set_num_threads(max(1, torch.get_num_threads() // local_world_size()))
    if is_rank_zero():
        return config
    logging.disable(logging.WARNING)
    return freeze(replace(config, trainer=replace(config.trainer, progress=False)))


def refuse_unshared(config: Train, devices: int) -> None:
    """A batch is that of all devices together, whatever their number.

    Raises:
        ConfigError: it cannot be shared out.
    """
    pairs, every = config.align.batch_size, config.align.word_distribution_every
    if pairs % devices:
        raise ConfigError(
            f"align.batch_size={pairs} is the batch of all {devices} devices together and no multiple "
            f"of {devices}; take {pairs // devices * devices or devices} or "
            f"{(pairs // devices + 1) * devices}"
        )
    if pairs // devices < every:
        raise ConfigError(
            f"align.word_distribution_every={every}: each of {devices} devices has only "
            f"{pairs // devices} of align.batch_size={pairs}; lower it, or raise align.batch_size"
        )


def launch(config: Train, devices: int) -> None:
    """Start the processes of a run and wait for them; if one fails, all end.

    Each gets the resolved configuration and not what was typed, so that a sweep's runs can be
    started like any other.

    Raises:
        UserError: what the first that failed said.
        RuntimeError: the same, where no setting mends it.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings, failure = Path(folder) / "config.yaml", Path(folder) / "failure.json"
        OmegaConf.save(OmegaConf.structured(config), settings)
        command = [sys.executable, "-m", __name__, str(settings)]
        shared = os.environ | {
            "PYTHONPATH": os.pathsep.join([package_folder(), os.environ.get("PYTHONPATH", "")]),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
            "TORCHELASTIC_RUN_ID": "mlalign",  # the rest is torchrun's way to number processes
            "WORLD_SIZE": str(devices),
            "LOCAL_WORLD_SIZE": str(devices),
            "GROUP_WORLD_SIZE": "1",
            "GROUP_RANK": "0",
            FAILURE: str(failure),
        }
        numbered = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(devices)]
        code = run_together(command, [shared | of_rank for of_rank in numbered])
        if code:
            raise read_failure(failure, code)


def run_together(command: Sequence[str], environments: Sequence[dict[str, str]]) -> int:
    """Run a command in each environment; the first status that is not 0 ends all."""
    children = [subprocess.Popen(command, env=environment, start_new_session=True) for environment in environments]
    try:
        while True:
            codes = [child.poll() for child in children]
            failed = [code for code in codes if code]
            if failed or all(code == 0 for code in codes):
                return failed[0] if failed else 0
            time.sleep(0.1)
    finally:
        for child in children:
            child.terminate()
        end = time.monotonic() + GRACE
        for child in children:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, end - time.monotonic()))
            child.kill()
            child.wait()


def read_failure(failure: Path, code: int) -> Exception:
    """The error that ended a run's processes."""
    if failure.is_file():
        told = json.loads(failure.read_text(encoding="utf-8"))
        kind = getattr(errors, told["kind"], None)
        return kind(told["message"]) if kind else RuntimeError(told["message"])
    if code < 0:
        return TrainingError(
            f"one of the run's processes was ended by signal {-code}, as a system does that runs "
            "out of memory (9); lower align.batch_size, finetune.batch_size or trainer.devices"
        )
    return RuntimeError(f"one of the run's processes ended with status {code}")


def write_failure(error: Exception) -> None:
    """Say why this process ends, if none has before; the others fail for want of it."""
    import traceback

    kind = type(error).__name__ if isinstance(error, UserError) else ""
    message = str(error) if kind else "".join(traceback.format_exception(error))
    with suppress(FileExistsError), Path(os.environ[FAILURE]).open("x", encoding="utf-8") as file:
        json.dump({"kind": kind, "message": message}, file)


def package_folder() -> str:
    """Where Python finds this package."""
    return str(Path(__file__).parents[2])


def free_port() -> int:
    """On which nothing listens on this machine."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def main(path: str) -> None:
    """One process of a run that ``launch`` started."""
    from mlalign.config.hydra import quiet_libraries

    quiet_libraries()
    try:
        settings: Any = OmegaConf.to_container(OmegaConf.load(path))
        train_on_all_devices(freeze(typed(settings)))
    except Exception as error:
        write_failure(error)
        os._exit(2)  # no waiting for the others, who will wait for this one
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
