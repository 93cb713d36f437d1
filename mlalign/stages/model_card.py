"""The model card of an encoder's folder: ``README.md`` with the hub's metadata, so that it can be uploaded as it is."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from yaml import YAMLError

from mlalign.alignment.objectives import notes_on
from mlalign.config.enums import BUILT
from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.data.languages import ENGLISH, canonical
from mlalign.data.manifest import Manifest
from mlalign.data.readers.parallel import other_side
from mlalign.files import JsonObject, locked, write_whole
from mlalign.metrics.tasks import task_metrics
from mlalign.models.encoder import Encoder
from mlalign.reporting.results import Results

log = logging.getLogger(__name__)

CARD = "README.md"
GENERATED, UNKNOWN = "generated text of mlalign's sample, free to use", "not stated beside the file"
TEXT = """# {title}

Made by mlalign: `method={method} ablation={ablation}` (stages: {stages}; losses: {losses}), seed {seed}, from {start}.
`alignment.yaml` has every setting and the hash of every file that was read.

```python
from mlalign.inference import AlignedEncoder

vectors = AlignedEncoder(FOLDER).encode(["A sentence."], "en")
```

Where transformers and sentence-transformers know its class they open the folder, too, and see the backbone alone,
before what the method adds to it.

## How it differs from what was published

{notes}

## Licences

Of the text that it has read{base}:

{licences}

## Scores

The metadata above has one for each language of every run that started from this encoder: learned labels of one
language, tested in each.
"""


def write_card(folder: Path, config: Train, kind: str, made: JsonObject) -> None:
    """Write the card of an encoder.

    Args:
        made: how, see ``EncoderStage.save``.
    """
    backbone, files = config.backbone, [Path(one) for one in made["files"]]
    base = backbone.name if made["backbone"] and backbone.path is None and backbone.name not in BUILT else None
    title = f"{backbone.name.rsplit('/', 1)[-1]}-{config.method.name}" if made["backbone"] else config.method.name
    data = ModelCardData(
        language=languages_of(files, config.data.pivot),
        license="other",
        base_model=base,
        library_name="transformers" if kind == Encoder.kind else "mlalign",
        pipeline_tag="feature-extraction",
        tags=["mlalign", "cross-lingual", config.method.name],
        model_name=title,
    )
    notes = {config.method.note, backbone.note, *notes_on(config), *made.get("notes", ())} - {None}
    text = TEXT.format(
        title=title,
        method=config.method.name,
        ablation=config.ablation.name,
        stages=", ".join(config.method.stages),
        losses=", ".join(present(config.losses)) or "none",
        seed=config.align.seed,
        start=f"`{backbone.name}`" if made["backbone"] else "nothing",
        notes=_listed(sorted(notes)) or "Nothing is known.",
        base=", beside that of the base model" if base else "",
        licences=_listed(licences(files, is_generated=config.data.source == "sample")),
    )
    write_whole(folder / CARD, f"---\n{data.to_yaml()}\n---\n\n{text}")


def add_scores(folder: Path, results: Results) -> None:
    """Add a run's scores to the card of the encoder that it started from; those of the same row and seed are replaced.

    Args:
        folder: of the encoder. One that was made before there were cards gets none; where the card cannot be read or
            written, in a shared folder or as somebody edited it, it stays as it is, with a warning.
    """
    path = folder / CARD
    if not path.is_file():
        return
    found = list(_evaluations(results))
    try:
        with locked(folder.with_name(f".{folder.name}.card.lock")):  # runs share an encoder
            card = ModelCard.load(path)
            before = card.data.eval_results or []
            kept = [one for one in before if not any(one.is_equal_except_value(new) for new in found)]
            card.data.eval_results = kept + found
            write_whole(path, str(card))
    except (OSError, ValueError, YAMLError) as error:
        reason = " ".join(str(error).split())
        log.warning("%s: the scores of this run are not added to the model card: %s", path, reason)


def languages_of(files: Iterable[Path], pivot: str) -> list[str]:
    """Those of parallel files, as the hub calls them, the pivot among them; English alone where there are none."""
    found = {other for path in files if (other := other_side(path.name, pivot))}
    return sorted(map(canonical, {pivot, *found} if found else {ENGLISH}))


def licences(files: Iterable[Path], *, is_generated: bool) -> Iterator[str]:
    """A line for each folder and licence that the preparation of its files noted."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in sorted(files):
        known = Manifest.of(path.parent).files.get(path.name, {}).get("licence")
        found[path.parent.name, str(known or (GENERATED if is_generated else UNKNOWN))].append(path.name)
    for (folder, licence), names in found.items():
        yield f"{folder} ({', '.join(names)}): {licence}"


def _evaluations(results: Results) -> Iterator[EvalResult]:
    metric = task_metrics()[results.metric]
    learned = f"labels in {results.source}" if metric.is_learned else "no labels"
    for language, score in results.scores.items():
        yield EvalResult(
            task_type=metric.hub_task,
            dataset_type=results.task,
            dataset_name=results.task,
            dataset_config=language,
            dataset_split=results.split,
            metric_type=results.metric,
            metric_name=f"{metric.title}, {results.name}, {learned}, seed {results.seed}",
            metric_value=round(score, 2),
        )


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)
