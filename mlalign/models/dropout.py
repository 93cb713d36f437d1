"""The dropout inside a backbone, whatever its family calls it."""

from transformers import PreTrainedConfig


def dropouts(config: PreTrainedConfig) -> dict[str, float]:
    """Name -> rate of every dropout of the encoder; those of classifiers on top are left out.

    Args:
        config: of transformers, as ``hidden_dropout_prob`` and ``attention_probs_dropout_prob``
            of BERT, or ``embedding_dropout``, ``mlp_dropout`` and ``attention_dropout`` of
            ModernBERT.
    """
    return {
        name: float(rate)
        for name, rate in vars(config).items()
        if "dropout" in name and "classif" not in name and type(rate) in (int, float)
    }


def set_dropout(config: PreTrainedConfig, rate: float) -> None:
    """Give hidden states and attention the same rate; before the model is built from it."""
    for name in dropouts(config):
        setattr(config, name, rate)
