"""The texts that a run was scored on, read again from the files that its results name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mlalign.config.schema import Train
from mlalign.data.languages import ENGLISH
from mlalign.errors import UserError
from mlalign.files import sha256_of
from mlalign.finetuning.building import task_files
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.report.cases import Texts
from mlalign.reporting.runs import Run
from mlalign.stages.preparation import prepare_sample
from mlalign.stages.reopen import config_of


def texts_of(run: Run, ids: Mapping[str, Sequence[str]]) -> dict[str, Texts]:
    """The test texts of each language, or the reason why they are not known any more.

    Args:
        run: finished; the paths of its files are still valid from the working directory.
        ids: language -> those of the examples that were scored, in order.
    """
    try:
        config = config_of(run.results, run.folder)
        prepare_sample(config)
    except (UserError, OSError) as error:
        return dict.fromkeys(ids, Texts(reason=str(error)))
    return {language: _texts(run, config, language, found) for language, found in ids.items()}


def _texts(run: Run, config: Train, language: str, ids: Sequence[str]) -> Texts:
    part_name = run.results.split
    alone = replace(config, task=replace(config.task, languages=[language]))
    try:
        part = task_files(alone, learned=False, scored=part_name).read(language, part_name)
    except (UserError, OSError) as error:
        return Texts(reason=str(error))
    for path in (part.path, part.beside):
        known = run.results.data.get(str(path))
        if path is not None and (known is None or sha256_of(path) != known["sha256"]):
            return Texts(reason=f"{path} is not the file that was scored")
    if [one.id for one in part.examples] != list(ids):
        return Texts(reason=f"{part.path} is read as other examples than those that were scored")
    sides = (ENGLISH, language) if task_metrics()[config.task.metric].is_bilingual else None
    return Texts([one.parts for one in part.examples], sides)
