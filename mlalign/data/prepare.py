"""Fetch a task and its parallel corpora ahead of a run, or on a machine that has a network.

python -m mlalign.data.prepare data=hub task=pawsx data.parallel=[ccmatrix] data.languages=[de,fr]
python -m mlalign.data.prepare --help                 groups and keys, the same as of train.py
"""

from omegaconf import DictConfig

from mlalign.config.hydra import Command, resolve


def job(composed: DictConfig) -> None:
    """One preparation."""
    config = resolve(composed)

    from mlalign.stages.preparation import prepare

    prepare(config)
    print(f"prepared  {config.data.root}")


if __name__ == "__main__":
    Command("train", job, about=__doc__).run()
