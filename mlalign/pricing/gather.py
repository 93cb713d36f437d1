"""What a price is made from: everything that a run would read, checked where it is here, made up where it is not."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mlalign.config.corpora import read_catalogue
from mlalign.config.enums import THIS, DataSource
from mlalign.config.frozen import freeze
from mlalign.config.schema import Train
from mlalign.data.sample.generated import ensure_sample, is_written
from mlalign.errors import UserError
from mlalign.pipeline import Corpus, find_data
from mlalign.pricing.backbone import StandIn, is_here
from mlalign.pricing.text import TYPICAL, MadeUpText, SampledText
from mlalign.progress import bar
from mlalign.stages.backbone import Backbone
from mlalign.stages.preparation import by_name, require_obtained
from mlalign.stages.stage import Start
from mlalign.tasks.data import check_files
from mlalign.tasks.retrieval import refuse_seen


class Here(NamedTuple):
    """What a price is made from."""

    config: Train  # with the sample in a scratch folder where it is not written yet, and all caches there
    corpus: Corpus | None  # the task's files; None where they are not here
    text: SampledText | MadeUpText | None  # parallel, sampled or made up; None where it is not read
    longer: MadeUpText | None  # the same with the longest sentences there may be, of text that is made up
    backbone: Start  # or one of the same shape
    missing: list[str]  # what is not here


def gather(config: Train, scratch: Path) -> Here:
    """Look for everything, and read every file that is here.

    Raises:
        UserError: what the run would be refused for.
    """
    missing: list[str] = []
    inside, names = _inside(config, scratch), config.method.stages
    fetches = config.data.source == DataSource.hub
    corpus: Corpus | None = None
    text: SampledText | MadeUpText | None = None
    longer: MadeUpText | None = None
    try:
        if fetches:
            require_obtained(config)
        corpus = find_data(inside)
    except UserError as error:
        if not fetches:
            raise
        missing.append(f"task {config.task.name}: {error}")
    built = Backbone(inside, SampledText(inside, scratch))
    if names or built.is_built:
        if fetches:
            by_name(config, Path(config.data.root))
        text = SampledText(inside, scratch)
        try:
            text.files  # noqa: B018  looked for now
        except UserError as error:
            if not fetches:
                raise
            missing.append(f"parallel text: {error}{_costs(config)}")
            text, longer = MadeUpText(inside, TYPICAL), MadeUpText(inside, config.align.max_length)
    if corpus is not None:
        if names and not corpus.task.learned and isinstance(text, SampledText):
            refuse_seen(corpus.task, text.files, text.pivot)
        check_files(corpus.scored)
        corpus.resources.check()
    if is_here(config.backbone, built=built.is_built):
        backbone: Start = Backbone(inside, text or built.text)
    else:
        missing.append(
            f"backbone {config.backbone.name}: its files are not in the hub's cache; its known shape is taken"
            + (", with its whole vocabulary" if config.backbone.prune_vocabulary else "")
        )
        backbone = StandIn(config, computes=config.card.name == THIS)
        if isinstance(text, SampledText):
            text.lines  # noqa: B018  every line is read
            text, longer = MadeUpText(inside, TYPICAL), MadeUpText(inside, config.align.max_length)
    return Here(inside, corpus, text, longer, backbone, missing)


def _inside(config: Train, scratch: Path) -> Train:
    """Writes nothing but into a scratch folder."""
    data = replace(config.data, cache=str(scratch / "cache"))
    root = Path(data.root)
    if data.source == DataSource.sample and not is_written(root, seed=config.prepare.seed):
        sample = scratch / f"sample-{config.prepare.seed}"
        ensure_sample(sample, seed=config.prepare.seed, progress=bar(config.trainer.progress, "sample"))
        trees = data.trees and data.trees.replace(str(root), str(sample))
        data = replace(data, root=str(sample), trees=trees)
    return freeze(replace(config, data=data))


def _costs(config: Train) -> str:
    """What fetching the corpora means."""
    catalogue = read_catalogue()
    known = [f"{name}: {catalogue[name].cost}" for name in config.data.parallel if name in catalogue]
    return f" (fetched by the run: {'; '.join(known)})" if known else ""
