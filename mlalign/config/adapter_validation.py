"""What must not be said of an adapter."""

from collections.abc import Iterator

from mlalign.config.enums import BILSTM, LASER, AdapterForm, AdapterStage, Freeze, Stage
from mlalign.config.schema import Adapter, Train

ALL_LEARN = (Stage.parse, Stage.swap)  # stages that train every weight


def adapter_faults(config: Train) -> Iterator[str]:
    """What is wrong with ``backbone.adapter``, and with other settings beside it."""
    adapter, stages = config.backbone.adapter, config.method.stages
    chosen, said = f"backbone.adapter.form={adapter.form}", list(map(str, adapter.stages))
    if adapter.form is None:
        if adapter != Adapter():
            yield "backbone.adapter has settings and no form; add backbone.adapter=lora or backbone.adapter=bottleneck"
        return
    if config.backbone.name in (BILSTM, LASER) or Stage.vectors in stages:
        yield (
            f"{chosen} with backbone={config.backbone.name} method.stages={list(map(str, stages))}: adapters are parts "
            "of a transformer's layers; choose a transformer, as backbone=xlmr, or backbone.adapter=null"
        )
    if not adapter.stages or len(set(said)) < len(said):
        yield f"backbone.adapter.stages={said}: expected align, finetune or both; for none set backbone.adapter=null"
    if adapter.layers is not None and len(set(adapter.layers)) < len(adapter.layers):
        yield f"backbone.adapter.layers={adapter.layers}: a layer is named twice"
    if adapter.learns_in(AdapterStage.align) and set(stages) & set(ALL_LEARN):
        yield (
            f"{chosen} backbone.adapter.stages={said} with method.stages={list(map(str, stages))}: "
            f"{' and '.join(map(str, ALL_LEARN))} train all weights; set backbone.adapter.stages=[finetune]"
        )
    if adapter.learns_in(AdapterStage.finetune) and config.finetune.freeze != Freeze.nothing:
        yield (
            f"{chosen} backbone.adapter.stages={said} with finetune.freeze={config.finetune.freeze}: under an adapter "
            "all weights are frozen, and it learns; set finetune.freeze=nothing or backbone.adapter.stages=[align]"
        )
    if adapter.form == AdapterForm.bottleneck and (adapter.alpha is not None or adapter.dropout > 0):
        yield (
            f"backbone.adapter.alpha={adapter.alpha} backbone.adapter.dropout={adapter.dropout} with {chosen}: these "
            "are lora's; set backbone.adapter.alpha=null backbone.adapter.dropout=0"
        )
