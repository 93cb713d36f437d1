"""Compare finished runs: mean and standard deviation over seeds, and a paired test.

python evaluate.py runs='outputs/**'
python evaluate.py runs='multirun/**' baseline=mlm
"""

from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from mlalign.command_line import Command, refuse_missing
from mlalign.conf import CONF
from mlalign.config import Evaluate


def job(composed: DictConfig) -> None:
    """One comparison."""
    refuse_missing(composed)
    settings = OmegaConf.to_object(composed)
    assert isinstance(settings, Evaluate)

    from mlalign.reporting.comparison import comparison, find_runs
    from mlalign.reporting.results import write_whole

    table = comparison(find_runs(settings.runs), settings.baseline)
    print(f"\n{table}")
    if settings.output is not None:
        write_whole(Path(settings.output), table + "\n")


if __name__ == "__main__":
    command = Command(job)
    main = hydra.main(version_base="1.3", config_path=CONF, config_name="evaluate")
    command.run(main(command.one))
