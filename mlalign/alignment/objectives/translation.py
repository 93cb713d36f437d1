"""Sentence level: from a sentence's vector alone its translation is written."""

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Needs, Parts
from mlalign.alignment.vocabulary import VocabularyObjective
from mlalign.config.enums import BILSTM
from mlalign.config.schema import Train
from mlalign.config.settings import at_least, setting
from mlalign.cost import BatchSize, VocabularyRows, linear_operations, matrix_entries
from mlalign.losses import MaskedWords, link_distance_loss
from mlalign.metrics.tasks import task_metrics
from mlalign.models.decoder import TranslationDecoder
from mlalign.training.gathering import weighted


class Translation(VocabularyObjective):
    """The objective of LASER (Artetxe and Schwenk 2019, arXiv:1812.10464).

    Each word of the translation is predicted from the words before it, its language and the
    sentence's vector, in both directions; a loss that is lower than that of a model of the target
    language alone is what the vector carries. The end of a sentence is not predicted. With
    ``distance`` the squared distance of the two vectors is added, ``w |u - v|^2`` (cT-LASER, Li and
    Mak 2020, whose abstract alone was read: its form is not verified).
    """

    level = "sentence"
    faithful = "both sides of a pair are decoded (published: into English and Spanish), by the encoder's own embeddings"

    @dataclass
    class Settings(VocabularyObjective.Settings):
        """``layers``: of the decoder; ``distance``: weight of the distance of a pair's vectors."""

        layers: int = setting(1, at_least(1))
        distance: float = setting(0.0, at_least(0))

        def needs(self) -> Needs:
            """The text as it is, and the vocabulary."""
            return Needs(views=frozenset({"clean"}), vocabulary=True)

        def check(self, config: Train) -> Iterator[str]:
            """LASER learns vectors of whole sentences alone."""
            yield from super().check(config)
            if config.backbone.name == BILSTM and task_metrics()[config.task.metric].form != "label":
                yield (
                    f"task={config.task.name} is about words, and LASER has vectors of whole sentences alone: choose "
                    "a transformer, as method=t_laser backbone=tiny, or a task of sentences"
                )

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.distance = settings.distance
        self.decoder = TranslationDecoder(parts.dim, parts.word_dim, parts.languages, layers=settings.layers)

    def rows(self, size: BatchSize) -> VocabularyRows:
        """All words of both languages."""
        return VocabularyRows(words=size.words, singles=size.words)

    def operations(self, size: BatchSize) -> int:
        """Of the decoder, which reads all positions but the last of every sentence."""
        sentences, start = 2 * size.pairs, self.decoder.start.weight.numel()
        reading = linear_operations(size.positions - sentences, matrix_entries(self.decoder.lstm))
        return reading + linear_operations(sentences, start)

    def beside(self, batch: EncodedBatch) -> Float[Tensor, ""] | None:
        """The weighted distance of the vectors of a pair, a mean over pairs."""
        if not self.distance:
            return None
        source, target = (side.vector() for side in batch.pair("clean").sides)
        return self.distance * weighted(link_distance_loss(source, target), len(source))

    def terms(self, batch: EncodedBatch) -> Iterator[MaskedWords]:
        """One for each direction, with a row for each word of the translations."""
        pair = batch.pair("clean")
        embeddings = pair.encoder.backbone.get_input_embeddings()
        for side, translation, language in zip(pair.sides, pair.sides[::-1], batch.languages[::-1], strict=True):
            text = translation.given
            states = self.decoder(side.vector(), embeddings(text.subwords.input_ids[:, :-1]), language)
            is_predicted = text.is_content_token[:, 1:]
            rows = translation.on_device(is_predicted.flatten().nonzero()[:, 0])
            labels = batch.vocabulary.columns(text.original[:, 1:][is_predicted])
            yield MaskedWords(batch.vocabulary(states.flatten(0, 1).index_select(0, rows)), labels)
