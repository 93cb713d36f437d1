"""Each sentence's translation is to be found among all others."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader

from mlalign.data.languages import ENGLISH, canonical, is_code, spoken
from mlalign.data.overlap import seen_pairs
from mlalign.data.readers import Part, SentencePair
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.task_files import TaskFiles
from mlalign.distributed import all_gather_object, is_rank_zero
from mlalign.errors import DataError, TrainingError
from mlalign.metrics.retrieval import nearest, retrieval_accuracy
from mlalign.metrics.tasks import Prediction
from mlalign.metrics.tasks.retrieval import RetrievalAccuracy
from mlalign.models.task_encoder import TaskEncoder
from mlalign.tasks.base import Prepared, TaskBatch, TaskType
from mlalign.tasks.data import TaskText, scoring_loader
from mlalign.tasks.scoring import write_predictions
from mlalign.wording import plural

log = logging.getLogger(__name__)

NEIGHBOURS = 4  # of the margin, as in LASER
SEEN = 0.01  # of a language's test pairs; a short sentence can be in other text by chance


def refuse_seen(files: TaskFiles, texts: Mapping[str, Sequence[Path]], pivot: str = ENGLISH) -> None:
    """Refuse to align on what the test asks for.

    Args:
        files: of the test.
        texts: language -> the parallel files that are aligned on; one that is no code may be any language.
        pivot: the language of their other side.

    Raises:
        DataError: more than one in a hundred pairs of a language stand in its files.
    """
    for language in files.languages:
        asked = {ENGLISH, spoken(language)}
        alike = [one for one in texts if {spoken(one), spoken(pivot)} == asked or not is_code(one)]
        paths = [path for one in alike for path in texts[one]]
        part = files.read(language, "test")
        seen = seen_pairs(part, paths, files.release.on_bad_line)
        found = f"{seen} of its {plural(len(part.examples), 'pair')} stand in {', '.join(map(str, paths))}"
        if seen > SEEN * len(part.examples):
            raise DataError(
                f"{part.path}: {found}, which data.parallel names. A score on what was aligned on "
                "would mean nothing; leave the corpus out, or these pairs"
            )
        if seen:
            log.warning("%s: %s", part.path, found)


class SentenceVectors(L.LightningModule):
    """Makes vectors of English sentences, or of their translations.

    Args:
        encoder: aligned or not; nothing of it is trained.
        target: the language of the translations: both sides had its key in alignment.
    """

    def __init__(self, encoder: TaskEncoder, target: str) -> None:
        super().__init__()
        self.encoder, self.target = encoder, target

    def predict_step(self, batch: TaskBatch, batch_idx: int) -> tuple[list[int], Tensor]:
        """Places and vectors of the sentences of a batch."""
        return batch.examples, self.encoder.embed(batch.subwords, self.target, batch.language).float().cpu()


def sentence_vectors(
    trainer: L.Trainer, module: SentenceVectors, loader: DataLoader[TaskBatch]
) -> Float[Tensor, "sentences dim"]:
    """Vectors of all sentences, in their order."""
    predicted: Any = trainer.predict(module, loader)
    batches = [batch for part in all_gather_object(predicted) for batch in part]
    found = torch.empty(1 + max(max(places) for places, _ in batches), module.encoder.dim)
    for places, vectors in batches:
        found[places] = vectors
    return found


class Retrieval(TaskType[SentencePair]):
    """Nothing is learned: vectors of sentences as alignment compared them."""

    metric = RetrievalAccuracy()

    def encode(self, examples: Sequence[SentencePair], language: str, builder: SequenceBuilder) -> list[Prepared]:
        """One side of the pairs: English, or the other."""
        texts = [pair.english if language == ENGLISH else pair.other for pair in examples]
        return [Prepared(builder.single(words, language), 0, place) for place, words in enumerate(builder.words(texts))]

    def score(
        self,
        part: Part[SentencePair],
        language: str,
        encoder: TaskEncoder,
        layout: SequenceBuilder,
        trainer: L.Trainer,
        path: Path | None,
        *,
        tokens: int,
        workers: int = 0,
    ) -> dict[str, float]:
        """Score a language, and write what was found for each sentence.

        Where a sentence is in the part several times, each of its translations is right.

        Args:
            part: its test part.
            language: of the task, as its file is called.
            encoder: aligned or not.
            layout: places special and language tokens.
            trainer: for its device and precision.
            path: for one object a line, with the numbers of the right and of the found English
                sentence, and the same the other way under ``from_english``; None for no file.
            tokens: tokens at a time, padding included.
            workers: processes that make batches.

        Returns:
            ``scores``, per cent of its sentences whose nearest English sentence is the translation,
            as the Tatoeba test is scored; ``from_english``, the same the other way; ``margin``, as
            ``scores`` by the margin over four neighbours.

        Raises:
            TrainingError: a sentence vector is not finite.
        """
        target = canonical(language)
        module = SentenceVectors(encoder, target)
        english, other = (
            sentence_vectors(
                trainer,
                module,
                scoring_loader(
                    TaskText(self, self.encode(part.examples, code, layout), code, layout),
                    tokens=tokens,
                    workers=workers,
                ),
            )
            for code in (ENGLISH, target)
        )
        if not (english.isfinite().all() and other.isfinite().all()):
            raise TrainingError(
                f"non-finite sentence vectors in {language}, of {part.path}; the encoder's weights "
                "have diverged: align again with lower align.learning_rate"
            )
        english_key = first_places([pair.english for pair in part.examples])
        other_key = first_places([pair.other for pair in part.examples])
        if path is not None and is_rank_zero():
            to_english = english_key, english_key[nearest(other, english)]
            back = other_key, other_key[nearest(english, other)]
            write_predictions(path, predictions(part.examples, to_english, back))
        from_english, found = retrieval_accuracy(english, other, english_key, other_key)
        _, by_margin = retrieval_accuracy(english, other, english_key, other_key, neighbours=NEIGHBOURS)
        return {"scores": 100 * found, "from_english": 100 * from_english, "margin": 100 * by_margin}


def first_places(sentences: Sequence[str]) -> Tensor:
    """For each sentence the place where it stands first: equal for equal sentences."""
    first: dict[str, int] = {}
    return torch.tensor([first.setdefault(text, place) for place, text in enumerate(sentences)])


def predictions(
    examples: Sequence[SentencePair], to_english: tuple[Tensor, Tensor], from_english: tuple[Tensor, Tensor]
) -> list[Prediction]:
    """The ids of right and found sentences, given as places, in both directions."""
    ids = [pair.id for pair in examples]
    columns = [[ids[place] for place in side.tolist()] for side in (*to_english, *from_english)]
    return [
        Prediction(identifier, gold, found, {"from_english": {"gold": back, "predicted": found_back}})
        for identifier, gold, found, back, found_back in zip(ids, *columns, strict=True)
    ]
