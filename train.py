"""Align on parallel text, fine-tune on English labels, test in every language.

python train.py                                       everything generated, one CPU, three minutes
python train.py backbone=xlmr data=files data.root=... task=panx ablation=no_afm
python train.py data=hub data.parallel=[ccmatrix,opus100]    corpora are named in a list
python train.py -m ablation=none,no_afm seed=1,2,3    a sweep
python train.py ... dry_run=true                      its price: hours, memory, disk; nothing is trained or written
python train.py ... --cfg job                         the whole configuration of a run
python train.py ... --help                            groups and keys

What a run does is in mlalign/pipeline.py.
"""

from pathlib import Path

from omegaconf import DictConfig

from mlalign.config.hydra import Command, resolve, words_of_sweep


def job(composed: DictConfig) -> None:
    """One run."""
    config = resolve(composed)  # refuses what is wrong before anything slow is imported

    from mlalign.stages.validation import check_parts

    config = check_parts(config)
    if config.dry_run:
        from mlalign.commands.dry_run import dry_run

        dry_run(config, words_of_sweep())
        return

    from mlalign.commands.devices import on_all_devices
    from mlalign.pipeline import run

    on_all_devices(run, config)


def total() -> None:
    """What the runs of a dry sweep cost together."""
    from mlalign.commands.dry_run import total

    total()


def folder(composed: DictConfig) -> Path:
    """The folder of a run."""
    config = resolve(composed)

    from mlalign.stages.run_folder import run_folder
    from mlalign.stages.validation import check_parts

    return run_folder(check_parts(config))


if __name__ == "__main__":
    Command("train", job, folder, total, about=__doc__).run()
