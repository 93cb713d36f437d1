"""What an ablation takes away from a method: losses, or the fusion."""

from mlalign.config.enums import FusionForm
from mlalign.config.schema import Ablation, Train
from mlalign.config.validation import present
from mlalign.errors import ConfigError, guess

FUSION = "fusion"  # what can be taken away besides losses
IF_PRESENT = "?"  # ends the name of a loss that only some methods have


def apply_ablation(config: Train) -> None:
    """Take away what the chosen ablations name, and name them jointly, in alphabetical order.

    Raises:
        ConfigError: the method does not have it, two of them take away the same, or nothing is left.
    """
    ablation = config.ablation
    if ablation != Ablation(parts=ablation.parts):
        raise ConfigError(
            "ablation.name, ablation.without and ablation.fusion follow from ablation.parts; "
            "give what is to be taken away as +ablation.parts.NAME=[LOSS], with a name of your own"
        )
    ablation.name = "+".join(sorted(ablation.parts)) or "none"
    had = present(config.losses)
    taken: dict[str, str] = {}  # -> the chosen ablation that names it
    for choice, asked in ((choice, name) for choice, names in sorted(ablation.parts.items()) for name in names):
        name = asked.removesuffix(IF_PRESENT)
        if name != asked and name not in had:
            continue
        if name in taken:
            both = f"{taken[name]} and {choice} both take away {name}"
            raise ConfigError(f"ablation={ablation.name}: {both}; leave out one of them")
        taken[name] = choice
    for name in taken:
        if name not in (*had, FUSION):
            raise ConfigError(
                f"ablation={ablation.name} takes away {name}, which method={config.method.name} does not have (it has: "
                f"{', '.join(had) or 'none'}). {guess(name, (*had, FUSION))}Choose ablation=none or another method"
            )
    if FUSION in taken:
        if config.fusion.form == FusionForm.off:
            raise ConfigError(
                f"ablation={ablation.name} takes away the fusion, which "
                f"method={config.method.name} does not have; choose ablation=none"
            )
        config.fusion.form = FusionForm.off
    ablation.without = sorted(name for name in taken if name != FUSION)
    ablation.fusion = FUSION not in taken
    config.losses = {name: config.losses[name] for name in had if name not in taken}
    if had and not config.losses:
        raise ConfigError(
            f"ablation={ablation.name} takes away all that method={config.method.name} has; "
            "the run without alignment is method=none"
        )
