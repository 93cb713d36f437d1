"""The model card of an aligned folder: ``README.md`` with the hub's metadata, so that it can be uploaded as it is."""

from collections import defaultdict
from pathlib import Path

from filelock import FileLock
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.data.languages import ENGLISH
from mlalign.data.manifest import Manifest
from mlalign.files import write_whole
from mlalign.metrics.tasks import METRICS
from mlalign.reporting.results import Results

CARD = "README.md"
UNKNOWN_LICENCE = "licence not stated beside the files"
TEXT = """# {title}

`{backbone}`, aligned on parallel text of English and {languages} with mlalign:
`method={method} ablation={ablation}` (losses: {losses}), {steps} steps of {pairs} pairs, seed {seed}. How it was made,
to the last setting and the hash of every file, is in `alignment.yaml`.

    from transformers import AutoModel, AutoTokenizer             # the backbone's vectors, before any fusion
    from sentence_transformers import SentenceTransformer         # its sentence vectors
    from mlalign.inference import AlignedEncoder                  # with the method's own additions

The languages' text and its licences:

{corpora}

Scores of classifiers that start from this encoder, learn on English labels and are tested in each language stand in the
metadata above, one for each language and run.
"""


def write_card(folder: Path, config: Train, languages: dict[str, list[str]]) -> None:
    """Write the card of an encoder that has just been aligned.

    Args:
        folder: of the encoder, under whatever name it is made.
        config: checked.
        languages: language -> the corpora that held it.
    """
    backbone, align = config.backbone, config.align
    is_on_hub = backbone.path is None and "/" in backbone.name
    title = f"{backbone.name.rsplit('/', 1)[-1]}-{config.method.name}"
    data = ModelCardData(
        language=sorted({ENGLISH, *languages}),
        base_model=backbone.name if is_on_hub else None,
        library_name="transformers",
        pipeline_tag="feature-extraction",
        tags=["mlalign", "cross-lingual", "sentence-transformers"],
        model_name=title,
    )
    text = TEXT.format(
        title=title,
        backbone=backbone.name,
        languages=", ".join(sorted(languages)),
        method=config.method.name,
        ablation=config.ablation.name,
        losses=", ".join(present(config.losses)),
        steps=align.steps,
        pairs=align.batch_size,
        seed=align.seed,
        corpora="\n".join(_corpora(Path(config.data.root), languages)),
    )
    write_whole(folder / CARD, f"---\n{data.to_yaml()}\n---\n\n{text}")


def add_scores(folder: Path, results: Results) -> None:
    """Add a run's scores to the card of the encoder that it started from; those of the same run are replaced.

    Args:
        folder: of the encoder. Older ones have no card and get none.
        results: of the run.
    """
    path = folder / CARD
    if not path.is_file():
        return
    with FileLock(folder.with_name(f".{folder.name}.card.lock")):  # runs share an encoder
        card = ModelCard.load(path)
        found = _evaluations(results)
        before = [
            one for one in card.data.eval_results or [] if not any(one.is_equal_except_value(new) for new in found)
        ]
        card.data.eval_results = before + found
        write_whole(path, str(card))


def _evaluations(results: Results) -> list[EvalResult]:
    metric = METRICS[results.metric]
    learned = "fine-tuned on English" if metric.is_learned else "as it is"
    return [
        EvalResult(
            task_type=metric.hub_task,
            dataset_type=results.task,
            dataset_name=results.task,
            dataset_config=language,
            dataset_split=results.split,
            metric_type=results.metric,
            metric_name=f"{metric.title}, {learned}, seed {results.seed}",
            metric_value=round(score, 2),
        )
        for language, score in results.scores.items()
    ]


def _corpora(root: Path, languages: dict[str, list[str]]) -> list[str]:
    """A line for each corpus: its licence, as its preparation noted it, and its languages."""
    held: dict[tuple[str, str], list[str]] = defaultdict(list)
    for language, names in sorted(languages.items()):
        for name in names:
            files = Manifest.of(root / "parallel" / name).files
            known = {str(entry["licence"]) for file, entry in files.items() if file.startswith(f"en-{language}.")}
            held[name, ", ".join(sorted(known)) or UNKNOWN_LICENCE].append(language)
    return [f"* {name}: {licence} ({', '.join(ours)})" for (name, licence), ours in held.items()]
