"""What losses and tunings say of their own settings."""

from mlalign.alignment.validation import check_losses
from mlalign.config.schema import Train
from mlalign.finetuning.validation import check_tunings


def check_parts(config: Train) -> Train:
    """The configuration with typed and complete settings of all its losses and tunings.

    Raises:
        ConfigError: see ``PartGroup.checked``.
    """
    return check_tunings(check_losses(config))
