"""What losses, tunings and encoders say of the settings that they are to work with."""

from mlalign.alignment.validation import check_losses
from mlalign.config.enums import LASER
from mlalign.config.schema import Train
from mlalign.errors import ConfigError
from mlalign.finetuning.validation import check_reading, check_tunings
from mlalign.metrics.tasks import task_metrics


def check_parts(config: Train) -> Train:
    """The configuration with typed and complete settings of all its losses and tunings.

    Raises:
        ConfigError: see ``PartGroup.checked`` and ``check_reading``; or the encoder has no vectors of words, and the
            task is about them.
    """
    if config.backbone.name == LASER and task_metrics()[config.task.metric].form != "label":
        found = f"task={config.task.name} is about words, and backbone=laser has vectors of whole sentences alone"
        raise ConfigError(f"{found}: choose a transformer, as backbone=xlmr, or a task of sentences")
    check_reading(config)
    return check_tunings(check_losses(config))
