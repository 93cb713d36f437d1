"""The layer of a backbone that vectors are taken from: those above it are not loaded."""

from typing import Any

from mlalign.errors import ConfigError


def cut_layers(config: Any, layer: int, called: str) -> None:
    """Let a model end after a layer; before it is built from the configuration.

    A family that normalises at its end, as ModernBERT, then does it after this layer.

    Args:
        config: of transformers.
        layer: 1 is the first above the embeddings.
        called: what messages call the backbone.

    Raises:
        ConfigError: the backbone has not so many layers.
    """
    if layer > config.num_hidden_layers:
        raise ConfigError(
            f"backbone.layer={layer}: {called} has {config.num_hidden_layers} layers; set "
            f"backbone.layer={config.num_hidden_layers} or less, or null for the last"
        )
    config.num_hidden_layers = layer
    if getattr(config, "layer_types", None) is not None:
        config.layer_types = config.layer_types[:layer]
