"""The stages that ``method.stages`` names, each starting from what the one before leaves."""

from collections.abc import Callable
from pathlib import Path

import lightning as L

from mlalign.config.enums import Stage
from mlalign.config.identity import fingerprint
from mlalign.config.schema import Train
from mlalign.stages.align import AlignmentStage
from mlalign.stages.backbone import Backbone, EarlierEncoder, Start
from mlalign.stages.chain import EncoderStage
from mlalign.stages.maps import CentredStage, LinearMapStage, MapStage
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.parse import ParsingStage, require_trees
from mlalign.stages.swap import SwapStage, require_steps
from mlalign.stages.word_vectors import VectorStage, require_dictionary

STAGES: dict[
    Stage, type[AlignmentStage] | type[MapStage] | type[ParsingStage] | type[SwapStage] | type[VectorStage]
] = {
    Stage.align: AlignmentStage,
    Stage.parse: ParsingStage,
    Stage.centred: CentredStage,
    Stage.linear_map: LinearMapStage,
    Stage.vectors: VectorStage,
    Stage.swap: SwapStage,
}


def require_stage_resources(config: Train, text: ParallelText) -> None:
    """Look for what the stages of a configuration read besides parallel text.

    Raises:
        UserError: it is not there.
    """
    require_trees(config)
    require_steps(config, text)
    if Stage.vectors in config.method.stages:
        require_dictionary(config, text)


def build_stages(
    config: Train,
    text: ParallelText,
    backbone: Backbone,
    trainer: Callable[[str], Callable[..., L.Trainer]],
    *,
    precision: str,
) -> list[EncoderStage]:
    """The stages of a configuration.

    Args:
        config: checked.
        text: parallel.
        backbone: that the first starts from.
        trainer: gives, for the name of a stage, what makes its trainer.
        precision: Lightning's name of it.
    """
    stages: list[EncoderStage] = []
    start: Start = backbone
    for name in config.method.stages:
        stage = STAGES[name](config, text, start, trainer(name.value), precision=precision)
        stages.append(stage)
        start = EarlierEncoder(Path(config.aligned) / fingerprint(stage.recipe), dropout=config.backbone.dropout)
    return stages
