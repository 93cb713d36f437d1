"""Compare finished runs: mean and standard deviation over seeds, and a paired test.

python evaluate.py runs='outputs/**'
python evaluate.py runs='multirun/**' baseline=mlm paper=true
python evaluate.py runs='multirun/**' table=ablation format=[text,latex,csv] output=tables/ablation
"""

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

    compare(settings)


def compare(settings: Evaluate) -> None:
    """One table per task, shown, and written where that was asked for."""
    from mlalign.reporting.comparison import comparison
    from mlalign.reporting.formats import FORMATS, chosen_formats, write_tables
    from mlalign.reporting.runs import find_runs, find_unfinished

    formats = chosen_formats(settings.format, settings.output)
    tables = comparison(
        find_runs(settings.runs),
        kind=settings.table.value,
        baseline=settings.baseline,
        paper=settings.paper,
        resamples=settings.resamples,
        unfinished=find_unfinished(settings.runs),
    )
    print(f"\n{FORMATS[formats[0]].write(tables)}")
    if settings.output is not None:
        for path in write_tables(tables, formats, settings.output):
            print(f"\ntables   {path}")


if __name__ == "__main__":
    command = Command(job)
    main = hydra.main(version_base="1.3", config_path=CONF, config_name="evaluate")
    command.run(main(command.one))
