"""In what order tests are run, and by which process."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports huggingface_hub
os.environ["OMP_NUM_THREADS"] = "1"  # before torch: two test processes share two cores

import gc
from typing import Any

import pytest

RANKS = (  # whose processes are forked from one that has imported everything: one process of pytest needs one of these
    "test_devices.py", "test_killed.py", "test_divergence.py", "test_stopping.py", "test_alignment_ranks.py",
    "test_finetuning_ranks.py", "test_teacher.py",
)  # fmt: skip
LONGEST = (  # files of most of a minute, begun first so that none of them is left to one process at the end
    *RANKS, "test_end_to_end.py", "test_configs.py", "test_dry_run.py", "test_ablations.py", "test_every_objective.py",
    "test_rescore.py", "test_wandb_end_to_end.py", "test_families.py", "test_readme.py", "test_resume.py",
    "test_gpu_path.py", "test_predict.py", "test_tuned.py", "test_every_tuning.py", "test_tunings_end_to_end.py",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """The process that only hands tests to others starts them at once, without importing what the fixtures need."""
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        config.pluginmanager.import_plugin("shared_fixtures")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file is run by one process, and so are all files of ranks."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = super()._split_scope(nodeid)
            return "ranks" if path.endswith(RANKS) else path

    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others in their order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_collection_finish() -> None:
    """What the imports left is not searched for garbage again and again: a third of the time of a configuration."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
