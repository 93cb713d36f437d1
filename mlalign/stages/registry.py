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
from mlalign.stages.parse import ParsingStage

STAGES: dict[Stage, type[AlignmentStage] | type[MapStage] | type[ParsingStage]] = {
    Stage.align: AlignmentStage,
    Stage.parse: ParsingStage,
    Stage.centred: CentredStage,
    Stage.linear_map: LinearMapStage,
}


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
