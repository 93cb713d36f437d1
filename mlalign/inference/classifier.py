"""A finished run's predictions for texts without labels."""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch
from lightning.fabric.utilities import move_data_to_device

from mlalign.config.enums import Accelerator
from mlalign.data.readers import RawText
from mlalign.device import choose_tokens
from mlalign.errors import DataError
from mlalign.files import JsonObject
from mlalign.inference.encoder import warn_of_pruned
from mlalign.inference.languages import chosen_language
from mlalign.models.backbone import quiet_transformers
from mlalign.stages.reopen import OpenedRun, load_run
from mlalign.tasks.base import AnyTask
from mlalign.tasks.data import TaskText, scoring_loader
from mlalign.training.computing import set_up

log = logging.getLogger(__name__)

WINDOW = 2048  # texts that are held and sorted by length at a time
CHARACTERS = 1 << 22  # of the texts of a window; a longer text is a window of its own
HALF = re.compile("[\ud800-\udfff]")  # of a character, which is no Unicode
Text = str | list[str] | tuple[str, ...]


class Classifier:
    """Predicts as the run's own test does: same weights, same batches, same precision.

    >>> classifier = Classifier.from_run("outputs/NAME")  # doctest: +SKIP
    >>> classifier(["Der Kurs fällt."], language="de")  # doctest: +SKIP
    [{'predicted': 'MCAT', 'probabilities': {'CCAT': 0.02, 'ECAT': 0.05, 'GCAT': 0.01, 'MCAT': 0.92}}]

    Args:
        run: opened.
        accelerator: ``auto``, ``cpu`` or ``gpu``.

    Raises:
        ConfigError: a GPU is asked for and there is none.
    """

    def __init__(self, run: OpenedRun, *, accelerator: str = "auto") -> None:
        trainer = replace(run.config.trainer, accelerator=Accelerator(accelerator))
        computing = set_up(replace(run.config, trainer=trainer))
        self.run, self.precision = run, computing.precision
        self.tokens = choose_tokens(trainer.tokens, gpu=computing.gpu)
        self.module = run.module.to("cuda" if computing.gpu else "cpu").eval()

    @classmethod
    def from_run(cls, folder: str | Path, *, selection: str | None = None, accelerator: str = "auto") -> "Classifier":
        """Open the folder of a finished run; nothing else is needed.

        Args:
            folder: as ``train.py`` names it when it ends.
            selection: whose weights: ``english_dev`` or ``last``; None for those that were tested.
            accelerator: ``auto``, ``cpu`` or ``gpu``.

        Raises:
            ConfigError: these weights were not kept, nothing was learned, or there is no GPU.
            DataError: it is no such folder, or the run is not finished.
        """
        quiet_transformers()
        run = load_run(Path(folder), selection=selection)
        warn_of_pruned(run.encoder, folder)
        return cls(run, accelerator=accelerator)

    @property
    def task(self) -> AnyTask:
        """The type of the run's task, with its labels."""
        return self.module.task

    @property
    def reads(self) -> tuple[str, ...]:
        """What the texts of one example are called."""
        return ("text_a", "text_b") if self.run.config.task.reads_pairs else self.task.reads

    def __call__(self, texts: Sequence[Text], *, language: str | None = None) -> list[JsonObject]:
        """What ``evaluate.py predict=FILE`` writes, without ids; see docs/predict.md.

        Args:
            texts: one each; of pairs and questions two each; of a sentence to be tagged its text, or its words.
            language: of all of them, by its code; None: unknown.

        Returns:
            One for each text; ``{"predicted": None}`` where it is empty.

        Raises:
            ConfigError: the language is none.
            DataError: a text is of another form.
        """
        if isinstance(texts, str):
            raise DataError("expected a list of texts, found a str; for a single text give [text]")
        return list(self.stream((self._raw(number, text) for number, text in zip(count(1), texts)), language=language))

    def stream(self, texts: Iterable[RawText], *, language: str | None = None) -> Iterator[JsonObject]:
        """The same, in order, while the texts come; what is held does not grow with their number.

        Raises:
            ConfigError: the language is none.
        """
        code = chosen_language(self.run, language)
        counts = Counter[str]()
        for window in windows(texts):
            yield from self._predicted(window, code, counts)
        self._say(counts)

    def _raw(self, number: int, text: Text) -> RawText:
        names = self.reads
        parts: tuple[object, ...] = tuple(text) if isinstance(text, list | tuple) else (text,)
        strings = tuple(part for part in parts if isinstance(part, str) and not HALF.search(part))
        if len(strings) == len(parts):
            if self.task.takes_words and not isinstance(text, str):
                return RawText(str(number), (" ".join(strings),), strings)
            if len(strings) == len(names):
                return RawText(str(number), strings)
        kind = "a list of words or a text" if self.task.takes_words else " and ".join(names)
        raise DataError(
            f"text {number}: expected {kind}, of whole characters, found {type(text).__name__}: {str(text)[:60]!r}"
        )

    @torch.inference_mode()
    def _predicted(self, window: Sequence[RawText], code: str, counts: Counter[str]) -> list[JsonObject]:
        """Of a window, sorted into batches as a test part is."""
        task, layout = self.task, self.run.layout
        places = [place for place, raw in enumerate(window) if not raw.is_empty]
        answers: list[JsonObject] = [{"predicted": None} for _ in window]
        counts.update(texts=len(window), empty=len(window) - len(places))
        if not places:
            return answers
        examples = [task.unlabelled(window[place], code) for place in places]
        prepared = task.encode(examples, code, layout)
        counts["cut"] += len({one.example for one in prepared if one.sequence.is_cut})
        device = self.module.device
        is_mixed = self.precision != "32-true"
        with torch.autocast(device.type, torch.bfloat16) if is_mixed else nullcontext():
            pieces = [
                piece
                for batch in scoring_loader(TaskText(task, prepared, code, layout), tokens=self.tokens)
                for piece in self.module.predict_step(move_data_to_device(batch, device), 0)
            ]
        for place, example, decoded in zip(places, examples, task.merged(pieces), strict=True):
            if task.is_finite(decoded):
                answers[place] = task.answer(example, decoded)
            else:
                counts["undecided"] += 1
        return answers

    def _say(self, counts: Counter[str]) -> None:
        length = self.run.layout.max_length
        said = {
            "empty": "empty, so that nothing is predicted",
            "cut": f"longer than finetune.max_length={length} subwords, what is behind not read",
            "undecided": "without a finite number, so that nothing is predicted",
        }
        for what, text in said.items():
            if counts[what]:
                log.warning("Texts %s: %d of %d", text, counts[what], counts["texts"])


def windows(texts: Iterable[RawText]) -> Iterator[list[RawText]]:
    """Successive texts, as many as are held at a time."""
    held: list[RawText] = []
    size = 0
    for text in texts:
        length = sum(map(len, text.texts))
        if held and (len(held) == WINDOW or size + length > CHARACTERS):
            yield held
            held, size = [], 0
        held.append(text)
        size += length
    if held:
        yield held
