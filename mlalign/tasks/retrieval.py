"""A task without learning: each sentence's translation is to be found among all others."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from mlalign.data.languages import ENGLISH
from mlalign.data.overlap import seen_pairs
from mlalign.data.readers import Part, SentencePair
from mlalign.data.readers.languages import spoken
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.task_files import TaskFiles
from mlalign.distributed import is_rank_zero
from mlalign.errors import DataError, TrainingError
from mlalign.files import write_whole
from mlalign.metrics import nearest, retrieval_accuracy
from mlalign.models.encoder import Encoder
from mlalign.reporting import strict_json
from mlalign.tasks.data import sentence_loader
from mlalign.tasks.retrieval_module import SentenceVectors, sentence_vectors

log = logging.getLogger(__name__)

SEEN = 0.01  # of a language's test pairs; a short sentence can be in other text by chance


def refuse_seen(files: TaskFiles, texts: Mapping[str, Sequence[Path]]) -> None:
    """Refuse to align on what the test asks for.

    Args:
        files: of the test.
        texts: language -> the parallel files that are aligned on.

    Raises:
        DataError: more than one in a hundred pairs of a language stand in its files.
    """
    for language in files.languages:
        paths = texts.get(spoken(language), [])
        part = files.read(language, "test")
        seen = seen_pairs(part, paths, files.on_bad_line)
        found = f"{seen} of its {len(part.examples)} pairs stand in {', '.join(map(str, paths))}"
        if seen > SEEN * len(part.examples):
            raise DataError(
                f"{part.path}: {found}, which data.parallel names. A score on what was aligned on "
                "would mean nothing; leave the corpus out, or these pairs"
            )
        if seen:
            log.warning("%s: %s", part.path, found)


def retrieve(
    files: TaskFiles,
    encoder: Encoder,
    layout: SequenceBuilder,
    trainer: L.Trainer,
    folder: Path,
    *,
    tokens: int,
    workers: int = 0,
    progress: Callable[[Iterable[Any]], Iterable[Any]],
    note: Callable[[Part[Any]], None],
) -> dict[str, dict[str, float]]:
    """Score every language, and write what was found for each sentence.

    Where a sentence stands there several times, each of its translations is right.

    Args:
        files: of the test.
        encoder: aligned or not.
        layout: places special and language tokens.
        trainer: for its device and precision.
        folder: for ``<language>.jsonl``: one object a line, with the numbers of the right and of
            the found English sentence, and the same the other way under ``from_english``.
        tokens: subwords at a time, padding included.
        workers: processes that make batches.
        progress: wraps the languages.
        note: is told of every file that was read.

    Returns:
        ``scores``, language -> per cent of its sentences whose nearest English sentence is the
        translation, as the Tatoeba test is scored; ``from_english``, the same the other way.

    Raises:
        TrainingError: a sentence vector is not finite.
    """
    results: dict[str, dict[str, float]] = {"scores": {}, "from_english": {}}
    for language in progress(files.languages):
        part = files.read(language, "test")
        note(part)
        target = spoken(language)
        sides = {
            ENGLISH: [pair.english for pair in part.examples],
            target: [pair.other for pair in part.examples],
        }
        module = SentenceVectors(encoder, target)
        english, other = (
            sentence_vectors(
                trainer,
                module,
                sentence_loader(side, code, layout, tokens=tokens, workers=workers),
            )
            for code, side in sides.items()
        )
        if not (english.isfinite().all() and other.isfinite().all()):
            raise TrainingError(
                f"non-finite sentence vectors in {language}, of {part.path}; the encoder's weights "
                "have diverged: align again with lower align.learning_rate"
            )
        english_key, other_key = map(first_places, sides.values())
        _write(
            folder / f"{language}.jsonl",
            part,
            (english_key, english_key[nearest(other, english)]),
            (other_key, other_key[nearest(english, other)]),
        )
        from_english, to_english = retrieval_accuracy(english, other, english_key, other_key)
        results["scores"][language] = 100 * to_english
        results["from_english"][language] = 100 * from_english
    return results


def first_places(sentences: Sequence[str]) -> Tensor:
    """For each sentence the place where it stands first: equal for equal sentences."""
    first: dict[str, int] = {}
    return torch.tensor([first.setdefault(text, place) for place, text in enumerate(sentences)])


def _write(
    path: Path,
    part: Part[SentencePair],
    to_english: tuple[Tensor, Tensor],
    from_english: tuple[Tensor, Tensor],
) -> None:
    ids = [pair.id for pair in part.examples]
    columns = [[ids[place] for place in side.tolist()] for side in (*to_english, *from_english)]
    lines = [
        strict_json.dumps(
            {
                "id": identifier,
                "gold": gold,
                "predicted": found,
                "from_english": {"gold": other_gold, "predicted": other_found},
            }
        )
        + "\n"
        for identifier, gold, found, other_gold, other_found in zip(ids, *columns, strict=True)
    ]
    if is_rank_zero():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, "".join(lines))
