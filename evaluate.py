"""Compare finished runs, or score one of them again.

python evaluate.py runs='outputs/**'                      mean and spread over seeds, tests
python evaluate.py runs='multirun/**' baseline=mlm paper=true
python evaluate.py runs='multirun/**' table=ablation format=[text,latex,csv] output=tables/main
python evaluate.py runs='outputs/**' figure=confusion     the paper's figures: conf/show.yaml
python evaluate.py run=DIR task.languages=[zh] split=dev selection=last data.root=ELSEWHERE
"""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from mlalign.command_line import Command, given, refuse_missing, refuse_typed
from mlalign.conf import CONF
from mlalign.config import Evaluate
from mlalign.rescore_config import Rescore
from mlalign.show_config import Show


def compare(composed: DictConfig) -> None:
    """One table per task, shown, and written where that was asked for."""
    refuse_missing(composed)
    settings = OmegaConf.to_object(composed)
    assert isinstance(settings, Evaluate)

    from mlalign.reporting.compare import compare_runs

    compare_runs(
        settings.runs,
        kind=settings.table.value,
        baseline=settings.baseline,
        paper=settings.paper,
        resamples=settings.resamples,
        formats=settings.format,
        output=settings.output,
    )


def score_again(composed: DictConfig) -> None:
    """One run, scored again."""
    refuse_typed("finetune", "a run that is scored again learns nothing")
    typed = given(composed, Rescore)

    from mlalign.rescore import rescore

    changes = {group: typed[group] for group in ("data", "task", "trainer")}
    rescore(Path(typed["run"]), changes, split=typed["split"], selection=typed["selection"])


def picture(composed: DictConfig) -> None:
    """A figure of runs, or their measures."""
    from mlalign.show import show

    settings = OmegaConf.to_object(composed)
    assert isinstance(settings, Show)
    show(settings)


if __name__ == "__main__":
    typed = {word.split("=")[0] for word in sys.argv[1:]}
    name = "show" if typed & {"figure", "measures"} else "rescore" if "run" in typed else "evaluate"
    command = Command({"show": picture, "rescore": score_again, "evaluate": compare}[name])
    command.run(hydra.main(version_base="1.3", config_path=CONF, config_name=name)(command.one))
