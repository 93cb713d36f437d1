"""One process per device: this command starts them, or torchrun or SLURM did."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from types import FrameType

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import distributed

from mlalign import stopping
from mlalign.alignment.assembly import Assembly
from mlalign.alignment.views import views_read
from mlalign.config.frozen import freeze
from mlalign.config.hydra import quiet_libraries
from mlalign.config.schema import Train
from mlalign.config.settings import refuse, told
from mlalign.config.sweep import sweep_of
from mlalign.device import choose_device
from mlalign.distributed import is_rank_zero, local_world_size
from mlalign.errors import ConfigError, TrainingError, UserError
from mlalign.wording import plural

TIMEOUT = timedelta(days=1)  # the first rank may tokenise for hours while the others wait
GRACE = 3.0  # seconds between asking a process to end and killing it
HOST = "127.0.0.1"
Job = Callable[[Train], object]


def on_all_devices(job: Job, config: Train) -> None:
    """Call ``job(config)`` in one process for each device.

    Args:
        job: a function of a module, which other processes can import.

    Raises:
        ConfigError: there are not as many devices, or other processes were started.
        UserError: the error of the process that failed first.
    """
    cluster = started_by()
    if cluster is not None:
        if isinstance(cluster, TorchElasticEnvironment) and sweep_of(sys.argv[1:]):
            reason = "torchrun and a sweep (-m): if one run failed, the others would wait for each other"
            raise ConfigError(f"{reason}; give the sweep to python instead, which starts the processes of every run")
        job(join(cluster, config))
        return
    devices = requested(config)
    if devices == 1:
        job(config)
    else:
        refuse_unshared(config, devices)
        launch(job, config, devices)


def started_by() -> ClusterEnvironment | None:
    """What started this process as one of several, if anything did.

    Raises:
        ConfigError: SLURM gave a job several tasks, and the job started one of them: it would wait for the others;
            or the job asks for tasks in a way that Lightning does not know.
    """
    for kind in (TorchElasticEnvironment, SLURMEnvironment):
        if not kind.detect():
            continue
        try:
            cluster = kind()
        except RuntimeError as error:
            raise ConfigError(str(error)) from error
        if cluster.world_size() > 1:
            if kind is SLURMEnvironment and "SLURM_STEP_ID" not in os.environ:
                raise ConfigError(
                    f"SLURM allotted {cluster.world_size()} tasks to this job and one process runs: start it with "
                    "`srun python train.py ...`, or allot one task (--ntasks=1) and set trainer.devices"
                )
            return cluster
    return None


def requested(config: Train) -> int:
    """The number of processes to start on this machine."""
    devices, gpu = config.trainer.devices, choose_device(config.trainer.accelerator.value)
    available = torch.cuda.device_count() if gpu else None
    if devices == "auto":
        if available is None:
            reason = "trainer.devices=auto counts GPUs, and this machine has none"
            raise ConfigError(f"{reason}; set the number of CPU processes, as trainer.devices=2")
        return available
    if available is not None and devices > available:
        raise ConfigError(
            f"trainer.devices={devices}: this machine has {plural(available, 'GPU')}; set {available} or less"
        )
    return int(devices)


def join(cluster: ClusterEnvironment, config: Train) -> Train:
    """Make this process one of the ranks of a run.

    Returns:
        The configuration of this rank; only the first shows progress.
    """
    gpu = choose_device(config.trainer.accelerator.value)
    if gpu:
        torch.cuda.set_device(cluster.local_rank())
    if not distributed.is_initialized():
        os.environ["MASTER_ADDR"] = cluster.main_address
        os.environ["MASTER_PORT"] = str(cluster.main_port)
        distributed.init_process_group(
            "nccl" if gpu else "gloo", rank=cluster.global_rank(), world_size=cluster.world_size(), timeout=TIMEOUT
        )
    devices = config.trainer.devices
    if devices not in ("auto", local_world_size()):
        found = f"trainer.devices={devices}, but {local_world_size()} processes were started on this machine"
        raise ConfigError(f"{found}; set trainer=ddp, whose trainer.devices=auto takes what was started")
    refuse_unshared(config, cluster.world_size())
    if not gpu and config.trainer.threads is None:
        torch.set_num_threads(max(1, torch.get_num_threads() // local_world_size()))
    if is_rank_zero():
        return config
    logging.disable(logging.WARNING)
    return freeze(replace(config, trainer=replace(config.trainer, progress=False)))


def refuse_unshared(config: Train, devices: int) -> None:
    """A batch is that of all devices together, whatever their number."""
    pairs, thin, assembly = config.align.batch_size, config.align.masked_every, Assembly(config)
    views = views_read(assembly.needs)
    rows, masked, less = pairs // 2, -(-pairs // thin) if "masked" in views else pairs, pairs // devices * devices
    is_mixed = rows % devices > 0 and "mixed" in views  # which has two pairs in a row
    faults = {
        f"align.batch_size={pairs} is the batch of all {devices} devices together and no multiple of {devices}; take "
        f"{less or devices} or {less + devices}": pairs % devices > 0,
        f"align.batch_size={pairs}: a loss reads the view mixed, which has two pairs in a row, and {rows} rows are no "
        f"multiple of {devices} devices; take a multiple of {2 * devices}, or one device": is_mixed,
        f"align.masked_every={thin} leaves {masked} of align.batch_size={pairs} pairs, no multiple of {devices} "
        "devices; change one of them": masked % devices > 0,
    }
    refuse(told(faults))
    for settings in assembly.settings.values():
        refuse(settings.check_share(config.align, devices, masked // devices))


def launch(job: Job, config: Train, devices: int) -> None:
    """Start the processes of a run on this machine and wait for them; if one fails, all are ended.

    Raises:
        UserError: the error of the process that failed first.
        RuntimeError: the traceback of the first error that no setting mends.
    """
    store = distributed.TCPStore(HOST, 0, is_master=True, wait_for_workers=False)  # type: ignore[attr-defined]
    environment = {
        "MASTER_ADDR": HOST,
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # the rest is how torchrun numbers processes
        "TORCHELASTIC_RUN_ID": "mlalign",
        "WORLD_SIZE": str(devices),
        "GROUP_WORLD_SIZE": "1",
        "GROUP_RANK": "0",
    }
    spawn = multiprocessing.get_context("spawn")
    failures: SimpleQueue[Exception] = spawn.SimpleQueue()
    numbered = [environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(devices)]
    status = run_together([spawn.Process(target=run_rank, args=(job, config, one, failures)) for one in numbered])
    if status in stopping.STATUSES:
        sys.exit(status)
    if status:
        raise failures.get() if not failures.empty() else error_of(status)


def run_together(processes: Sequence[BaseProcess]) -> int:
    """Run all processes; the first exit status other than 0 ends the others and is returned.

    A signal to stop is passed on, and how they take it is waited for.
    """
    started: list[BaseProcess] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        for process in started:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, number)

    listening = {number: signal.signal(number, pass_on) for number in stopping.SIGNALS}
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: Ctrl-C interrupts this process alone
    try:
        for process in processes:
            process.start()
            started.append(process)
        signal.signal(signal.SIGINT, interrupt)
        running = list(started)
        while running:
            ended = connection.wait([process.sentinel for process in running])
            for process in [one for one in running if one.sentinel in ended]:
                process.join()
                if process.exitcode:
                    return process.exitcode
                running.remove(process)
        return 0
    finally:
        for number, handler in [(signal.SIGINT, interrupt), *listening.items()]:
            signal.signal(number, handler)
        for process in started:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for process in started:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.join()


def error_of(status: int) -> Exception:
    """What to report of a process that ended without an error of its own."""
    if status < 0:
        return TrainingError(
            f"one of the run's processes was ended by signal {-status}, as a system does that runs "
            "out of memory (9); lower align.batch_size, finetune.batch_size or trainer.devices"
        )
    return RuntimeError(f"one of the run's processes ended with status {status}")


def run_rank(job: Job, config: Train, environment: dict[str, str], failures: "SimpleQueue[Exception]") -> None:
    """One process of a run that ``launch`` started; it reports its error, and ends with the one that started it."""
    os.environ |= environment
    stopping.install()
    threading.Thread(target=stopping.end_with_parent, daemon=True).start()
    quiet_libraries()
    try:
        job(join(TorchElasticEnvironment(), config))
    except Exception as error:
        known = isinstance(error, UserError)
        failures.put(error if known else RuntimeError("".join(traceback.format_exception(error))))
        os._exit(2)  # no waiting for the other processes, which may wait for this one
    distributed.destroy_process_group()
