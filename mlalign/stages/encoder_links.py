"""Links between words by the encoder that an alignment starts from, kept beside the tokenised text."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mlalign.config.identity import fingerprint
from mlalign.config.schema import Train
from mlalign.cost import Cost, forward_cost
from mlalign.data.encoder_links import THRESHOLD, encoder_links
from mlalign.data.links import linking_seconds, with_links
from mlalign.data.parallel import ParallelDataModule
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.token_cache import Tokenised
from mlalign.errors import ConfigError
from mlalign.files import JsonObject
from mlalign.models.encoder import Encoder
from mlalign.progress import bar
from mlalign.training.computing import takes_gpu
from mlalign.wording import plural

FORM = 1  # of the files in the cache; raise it when they change


def linked_by(
    config: Train,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tables: Mapping[str, Tokenised],
    identity: JsonObject,
) -> dict[str, Tokenised]:
    """The tables with a column of links.

    Args:
        model: as it comes, without language tokens of this run.
    """
    layer = config.data.link_layer
    if (layer or 0) > (most := model.config.num_hidden_layers):
        there = f"data.link_layer={layer}: the encoder has {plural(most, 'layer')}"
        raise ConfigError(f"{there}; name one of them, or null for the last")
    was_training, device = model.training, model.device
    encoder = Encoder(model, pool=config.backbone.pool.value).to("cuda" if takes_gpu(config) else device).eval()
    layout = SequenceBuilder(tokenizer, {}, max_length=config.align.max_length)
    shown = bar(config.trainer.progress, "linking words")
    find = partial(encoder_links, encoder=encoder, layout=layout, layer=layer, progress=shown)
    name = f"links-{fingerprint([FORM, identity, layer, THRESHOLD, config.align.max_length])}"
    found = {language: with_links(table, find, name) for language, table in tables.items()}
    model.to(device).train(was_training)
    return found


def linking_cost(encoder: Encoder, data: ParallelDataModule) -> Cost:
    """What it cost to read both sides of all pairs once."""
    sides = [side for table in data.tables.values() for side in (table.source_lengths, table.target_lengths)]
    frame = data.layout.overhead - bool(data.layout.language_tokens)
    seconds = sum(map(linking_seconds, data.tables.values()))
    return forward_cost(encoder.backbone.base_model, np.concatenate(sides) + frame, seconds=seconds)
