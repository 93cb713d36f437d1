"""A finished run, opened again: everything that is needed to predict."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlalign.config.frozen import freeze
from mlalign.config.plain import typed
from mlalign.config.schema import Train
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.task_files import TaskFiles
from mlalign.device import padding_multiple
from mlalign.errors import ConfigError, DataError
from mlalign.files import RESULTS, Json
from mlalign.finetuning.building import task_files
from mlalign.finetuning.checkpoints import WEIGHTS, load_head, restore_weights
from mlalign.finetuning.module import FinetuningModule
from mlalign.metrics.tasks import task_metrics
from mlalign.models.backbone import known_languages
from mlalign.models.io import RECIPE, load_encoder
from mlalign.models.task_encoder import TaskEncoder
from mlalign.reporting.results import Results, read_results
from mlalign.tasks.registry import learned_task
from mlalign.training.computing import attention, takes_gpu


@dataclass
class OpenedRun:
    """A trained run."""

    folder: Path
    results: Results  # what it found, see ``results.json``
    config: Train  # as it was run
    module: FinetuningModule  # with trained weights, in evaluation mode, on the CPU
    layout: SequenceBuilder  # makes sequences of text; holds the tokenizer
    step: int  # whose weights the module has

    @property
    def encoder(self) -> TaskEncoder:
        """The fine-tuned encoder."""
        return self.module.encoder

    @property
    def files(self) -> TaskFiles:
        """Test files of the run's own task, which must be where they were when it was run."""
        return task_files(self.config, learned=False)

    def restore(self, step: int) -> None:
        """Give the module the weights that it had at a step."""
        if step != self.step:
            restore_weights(self.module, weights_folder(self.folder, step))
            self.step = step


def load_run(folder: Path, *, selection: str | None = None) -> OpenedRun:
    """Open the folder of a finished run; nothing but the folder is needed.

    Args:
        folder: of a run, as ``train.py`` names it when it ends.
        selection: whose weights: ``english_dev`` or ``last``; None for those that were tested.

    Raises:
        ConfigError: these weights were not kept.
        DataError: it is no such folder, the run is not finished, or its weights are gone.
    """
    results = read_results(folder)
    config = config_of(results, folder)
    if not task_metrics()[results.metric].is_learned:
        reason = f"nothing was learned in this run, task={results.task} compares vectors as they are"
        raise ConfigError(f"{folder}: {reason}; score other languages with train.py, which finds the encoder again")
    step = step_of(results, selection or config.finetune.selection.value, folder)
    place = weights_folder(folder, step)
    encoder, tokenizer = load_encoder(place, attention=attention(config))
    recipe: Json = OmegaConf.load(place / RECIPE)
    tokens = known_languages(tokenizer, recipe.language_tokens) if recipe.language_tokens else {}
    task = learned_task(results.metric, config.task.labels, windows=config.finetune.windows)
    module = FinetuningModule(encoder, task, config.finetune).eval()
    load_head(module, place)
    multiple = padding_multiple(gpu=takes_gpu(config))
    layout = SequenceBuilder(tokenizer, tokens, max_length=config.finetune.max_length, multiple=multiple)
    return OpenedRun(folder, results, config, module, layout, step)


def step_of(results: Results, selection: str, folder: Path) -> int:
    """The step that ``english_dev`` or ``last`` chose, whose weights must have been kept."""
    weights = results.weights
    if not weights:
        reason = f"its task={results.task} is not learned, or it was made before weights were kept"
        raise ConfigError(f"{folder}: this run has no fine-tuned weights; {reason} (resume=false recomputes it)")
    if selection not in weights or weights[selection] not in weights["kept"]:
        kept = ", ".join(map(str, weights["kept"])) or "none"
        raise ConfigError(
            f"{folder}: the weights that selection={selection} chose were not kept (steps kept: {kept}); choose "
            "another selection, or train again with keep_checkpoints=best_and_last resume=false"
        )
    return int(weights[selection])


def config_of(results: Results, folder: Path) -> Train:
    """The configuration of a run, typed again.

    Raises:
        DataError: it was written by another version of mlalign.
    """
    try:
        return freeze(typed(results.config))
    except OmegaConfBaseException as error:
        reason = f"the configuration does not fit this version of mlalign ({str(error).splitlines()[0]})"
        raise DataError(f"{folder / RESULTS}: {reason}; train again with resume=false") from error


def weights_folder(run: Path, step: int) -> Path:
    """The folder of a step's weights, which must be there."""
    folder = run / WEIGHTS / str(step)
    if not folder.is_dir():
        missing = "no such folder, though the run kept these weights"
        raise DataError(f"{folder}: {missing}; put it back, or train again with resume=false")
    return folder
