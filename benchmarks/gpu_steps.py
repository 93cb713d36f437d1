"""Steps of every kind, Adam included: seconds, operations, memory, host synchronisations.

All see the same batches, which lie on the device, with the model in ``train()``, dropout on, under
bfloat16's autocast. Ours run in Lightning's Trainer, the others in the plainest loop. A block of
steps has the device to itself: its model comes from the CPU, its Adam is new.
"""

import gc
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import lightning as L
import torch
from checkout import ROOT
from contestants import LIGHTNING, joined, multiple_negatives
from cost import encoder_operations, masked_model_operations, step_operations
from cost_model import counter, method_of
from lightning.fabric.utilities.apply_func import move_data_to_device
from shapes import (
    OVERHEAD,
    PAPER,
    SENTENCES_ALONE,
    TINY,
    WHOLE,
    Batches,
    Shape,
    assembled,
    made_up_batches,
    made_up_text,
    made_up_tokenizer,
    random_model,
)
from torch import Tensor, nn
from torch.autograd import DeviceType

from mlalign.data.parallel import ParallelBatch
from mlalign.losses import MaskedWords, WordDistribution, mean, word_divergences
from mlalign.models.learning import configure_training
from mlalign.training.trainer import make_trainer

BARE, MASKED, SENTENCES = "bare encoder", "masked-language model", "sentence-transformers"
POOLED = [WHOLE, "losses.word_distribution.prediction=pooled", "align.word_distribution_every=1"]
MIXTURE = [WHOLE, "losses.word_distribution.prediction=mixture", "align.word_distribution_every=1"]
OURS: dict[str, tuple[str, list[str], dict[str, bool]]] = {  # cost model's name, setting, learning
    "pooled": ("pooled", POOLED, {}),
    "inter_sentence alone": ("inter_sentence", SENTENCES_ALONE, {}),
    "mixture": ("mixture", MIXTURE, {}),
    "pooled, checkpointing": ("pooled", POOLED, {"gradient_checkpointing": True}),
    "pooled, compiled": ("pooled", POOLED, {"compiled": True}),
}
KINDS = [BARE, MASKED, SENTENCES, *OURS]
COUNTED, WATCHED, WARM = 0, 2, 4  # steps: operations, synchronisations, then those that are timed
SYNCHRONISING = "called a synchronizing CUDA operation"
KERNELS = 25


class Synchronisations(AbstractContextManager[Any]):
    """Where the host waits for the GPU."""

    def __init__(self) -> None:
        self.places: Counter[str] = Counter()

    def __enter__(self) -> "Synchronisations":
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("always")
        warnings.showwarning = self._note
        torch.cuda.set_sync_debug_mode("warn")
        return self

    def __exit__(self, *_: object) -> None:
        torch.cuda.set_sync_debug_mode("default")
        self._warnings.__exit__(None, None, None)

    def _note(self, message: Any, category: Any, filename: str, line: int, *_: Any) -> None:
        if SYNCHRONISING in str(message):
            frames = [(one.filename, one.lineno) for one in traceback.extract_stack()]
            package = str(ROOT / "mlalign")
            own = [frame for frame in frames if frame[0].startswith(package)]
            file, line = own[-1] if own else (filename, line)  # type: ignore[assignment]
            self.places[f"{file.removeprefix(f'{ROOT}/')}:{line}"] += 1


class Watch(L.Callback):
    """Looks at some of a loop's steps and times the others, without waiting in between.

    Args:
        device: ``cuda`` or ``cpu``.
        windows: by step, what is entered at its start and left at the next one's.
    """

    def __init__(self, device: str, windows: Mapping[int, AbstractContextManager[Any]]) -> None:
        self.device, self.windows = device, dict(windows)
        self.open: AbstractContextManager[Any] | None = None
        self.marks: list[Any] = []

    def begin(self, place: int) -> None:
        """A step starts."""
        self.leave()
        if place == COUNTED + 1 and self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        if place in self.windows:
            synchronise(self.device)
            self.open = self.windows[place]
            self.open.__enter__()
        if place >= WARM:
            self.mark()

    def leave(self) -> None:
        """The window of the step before closes."""
        if self.open is not None:
            if not isinstance(self.open, Synchronisations):
                synchronise(self.device)
            self.open.__exit__(None, None, None)
            self.open = None

    def mark(self) -> None:
        """A point in the device's time."""
        if self.device == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.perf_counter())

    def end(self) -> None:
        """The last step is over."""
        self.leave()
        self.mark()
        synchronise(self.device)

    def seconds(self) -> list[float]:
        """Of each timed step, to the start of the next."""
        pairs = zip(self.marks, self.marks[1:], strict=False)
        if self.device == "cuda":
            return [one.elapsed_time(two) / 1000 for one, two in pairs]
        return [two - one for one, two in pairs]

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, place: int) -> None:
        """As a loop of Lightning's calls it."""
        self.begin(place)

    def on_train_end(self, trainer: Any, module: Any) -> None:
        """As a loop of Lightning's calls it."""
        self.end()


def synchronise(device: str) -> None:
    """Wait until the device has done all it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def shape_for(device: str) -> Shape:
    """The paper's, or what only proves that the lines run."""
    return PAPER if device == "cuda" else TINY


@cache
def text_of(shape: Shape, batches: int) -> Any:
    """Made once a process."""
    return made_up_text(shape, batches)


@cache
def initial(device: str) -> Any:
    """A model with fresh weights, made where that is quick, kept on the CPU and never trained."""
    with torch.device(device):
        model = random_model(shape_for(device))
    return model.to("cpu")


@cache
def built(kind: str, device: str, steps: int) -> tuple[Any, Any, list[Any]]:
    """A model, this project's module around it and batches, kept on the CPU from round to round.

    Others learn the model of ``pooled``.
    """
    shape = shape_for(device)
    model, tokenizer = deepcopy(initial(device)), made_up_tokenizer(shape.vocabulary)
    _, setting, learning = OURS[kind]
    text = text_of(shape, WARM + steps + 1)
    module, data = assembled(shape, setting, model, tokenizer, text)
    configure_training(model, **{"gradient_checkpointing": False, "compiled": False} | learning)
    return model, module, made_up_batches(data, WARM + steps)


def ours(module: Any, batches: list[Any], watch: Watch, device: str) -> bool:
    """Steps of this project in Lightning's Trainer; returns whether Adam is fused."""
    module.train()
    with tempfile.TemporaryDirectory() as folder:
        make_trainer(
            folder=Path(folder), accelerator="gpu" if device == "cuda" else "cpu",
            precision=LIGHTNING["bfloat16"], loggers=[], callbacks=[watch], bar=None, options={},
            max_epochs=1, limit_val_batches=0, enable_checkpointing=False,
        ).fit(module, Batches(batches))  # fmt: skip
    optimizers: Any = module.optimizers()
    first = optimizers[0] if isinstance(optimizers, list) else optimizers
    return bool(first.optimizer.defaults.get("fused"))


def others(kind: str, model: Any, batches: list[Any], watch: Watch, device: str) -> bool:
    """Steps of what people use instead, in a plain loop; returns whether Adam is fused."""
    learner, loss_of = contestant(kind, model.to(device), device)
    learner.train()
    inputs = [inputs_of(kind, batch) for batch in batches]
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-5, fused=device == "cuda")
    for place, one in enumerate(inputs):
        watch.begin(place)
        with torch.autocast(device, torch.bfloat16):
            loss = loss_of(one)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    watch.end()
    return bool(optimizer.defaults.get("fused"))


def contestant(kind: str, model: Any, device: str) -> tuple[nn.Module, Callable[[Any], Tensor]]:
    """What learns, and its loss."""
    if kind == MASKED:
        return model, lambda inputs: model(**inputs).loss
    if kind == BARE:
        base = model.base_model
        return base, lambda inputs: base(**inputs).last_hidden_state.float().mean()
    with tempfile.TemporaryDirectory() as folder:
        small = replace(TINY, width=2)
        random_model(small).base_model.save_pretrained(folder)
        made_up_tokenizer(small.vocabulary).save_pretrained(folder)
        sentences, loss = multiple_negatives(model, Path(folder), device)
    words = model.get_input_embeddings().weight
    if not any(one is words for one in sentences.parameters()):
        raise RuntimeError("sentence-transformers did not take this encoder")
    return sentences, lambda inputs: loss(inputs, None)


def inputs_of(kind: str, batch: ParallelBatch) -> Any:
    """A batch as the contestant is given it."""
    if kind == SENTENCES:
        return [{key: getattr(side.subwords, key) for key in ("input_ids", "attention_mask")} for side in batch.first]
    inputs = joined(batch)
    if kind == BARE:
        del inputs["labels"]
    return inputs


def run(
    kind: str, device: str, steps: int, windows: Mapping[int, AbstractContextManager[Any]]
) -> tuple[Watch, dict[str, Any]]:
    """A block of steps of one kind."""
    gc.collect()
    model, module, made = built(kind if kind in OURS else "pooled", device, steps)
    if device == "cuda":
        torch.cuda.empty_cache()
        held = torch.cuda.memory_allocated()
    batches = made if kind in OURS else move_data_to_device(made, torch.device(device))
    watch = Watch(device, windows)
    try:
        fused = ours(module, batches, watch, device) if kind in OURS else others(kind, model, batches, watch, device)
    finally:
        module.zero_grad()
        module.to("cpu")
    modules = model.modules() if kind in OURS else model.base_model.modules()
    dropouts = [one for one in modules if isinstance(one, nn.Dropout) and one.p > 0]
    found = {
        "fused_adam": fused,
        "dropouts_active": sum(one.training for one in dropouts),
        "dropouts": len(dropouts),
        "peak_memory_bytes": None,
    }
    if device == "cuda":
        found["peak_memory_bytes"] = torch.cuda.max_memory_allocated() - held
    return watch, found


def block(kind: str, device: str, steps: int, *, first: bool) -> dict[str, Any]:
    """Seconds of some steps; of the first block also operations and synchronisations."""
    windows: dict[int, AbstractContextManager[Any]] = {}
    compiled = kind in OURS and OURS[kind][2].get("compiled", False)
    if first and not compiled:  # the counter does not see into compiled kernels
        windows[COUNTED] = counter()
    if first and device == "cuda":
        windows[WATCHED] = Synchronisations()
    watch, found = run(kind, device, steps, windows)
    found["seconds"] = watch.seconds()
    if COUNTED in windows:
        found |= operations(kind, device, windows[COUNTED].get_total_flops())  # type: ignore[attr-defined]
    if WATCHED in windows:
        places: Counter[str] = windows[WATCHED].places  # type: ignore[attr-defined]
        found["synchronisations"] = sum(places.values())
        found["synchronising"] = dict(places.most_common(12))
    return found


def predicted(kind: str, shape: Shape, *, fused: bool) -> int:
    """Operations by the cost model."""
    if kind == MASKED:
        return masked_model_operations(shape)
    if kind in OURS:
        return sum(step_operations(shape, method_of(OURS[kind][0], shape), fused=fused).values())
    return encoder_operations(shape, fused=fused)


def operations(kind: str, device: str, counted: int) -> dict[str, Any]:
    """What torch counted; products with the vocabulary that it did not see are added."""
    shape = shape_for(device)
    model = predicted(kind, shape, fused=device == "cuda")
    found = {"operations": counted, "operations_predicted": model, "vocabulary_added": 0}
    if kind in OURS:
        method = method_of(OURS[kind][0], shape)
        vocabulary = step_operations(shape, method)["vocabulary"]
        if counted < model - vocabulary / 2:
            found |= {"operations": counted + vocabulary, "vocabulary_added": vocabulary}
    return found


def matrix_rate(device: str) -> dict[str, float]:
    """Operations a second of a product of square bfloat16 matrices: the best of ten."""
    size = 8192 if device == "cuda" else 256
    one, two = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    found = []
    for _ in range(13):
        synchronise(device)
        since = time.perf_counter()
        one @ two
        synchronise(device)
        found.append(time.perf_counter() - since)
    return {"size": size, "operations_per_second": 2 * size**3 / min(found[3:])}


def profile(device: str, steps: int) -> dict[str, Any]:
    """The kernels of one pooled step, those that take longest first."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    one = torch.profiler.profile(activities=activities)
    run("pooled", device, steps, {WARM: one})
    key = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    averages = one.key_averages()
    rows = averages
    if device == "cuda":  # of an operator's and its kernel's rows, which say the same, the kernel's
        rows = [row for row in averages if row.device_type == DeviceType.CUDA]
    rows = sorted(rows, key=lambda row: -getattr(row, key))
    rows = [row for row in rows if not row.key.startswith("ProfilerStep")]
    return {
        "total_ms": sum(getattr(row, key) for row in rows) / 1000,
        "kernels": [{"name": row.key, "calls": row.count, "ms": getattr(row, key) / 1000} for row in rows[:KERNELS]],
        "operators": averages.table(sort_by=key, row_limit=KERNELS, max_name_column_width=70),
    }


def vocabulary_error(device: str) -> dict[str, Any]:
    """Relative error under bfloat16's autocast against float64, of each word loss."""
    shape = shape_for(device)
    torch.manual_seed(1)
    per_sentence, sentences = shape.length - OVERHEAD, min(32, 2 * shape.pairs)
    rows = per_sentence * sentences
    words = torch.randn(rows, shape.width, device=device)
    weight = 0.05 * torch.randn(shape.vocabulary, shape.width, device=device)
    bias = 0.1 * torch.randn(shape.vocabulary, device=device)
    ids = torch.randint(shape.vocabulary, (rows,), device=device)
    sentence = torch.arange(sentences, device=device).repeat_interleave(per_sentence)

    def measured(form: str, dtype: torch.dtype) -> list[Tensor]:
        given = [one.to(dtype, copy=True).requires_grad_() for one in (words, weight, bias)]
        term: Any = MaskedWords(given[0], ids)
        if form != "masked":
            term = WordDistribution(given[0], sentence, ids, sentence, sentences, 0.01, form)  # type: ignore[arg-type]
        with torch.autocast(device, torch.bfloat16, enabled=dtype == torch.float32):
            (divergences,) = word_divergences([term], given[1], given[2])
        loss = mean(divergences)
        loss.backward()
        return [loss.detach(), *(one.grad for one in given)]  # type: ignore[misc]

    found: dict[str, Any] = {"rows": rows, "vocabulary": shape.vocabulary}
    for form in ("masked", "pooled", "mixture"):
        exact, rough = measured(form, torch.float64), measured(form, torch.float32)
        errors = [relative(one, two) for one, two in zip(rough, exact, strict=True)]
        found[form] = dict(zip(("loss", "words", "weight", "bias"), errors, strict=True))
    return found


def relative(found: Tensor, exact: Tensor) -> float:
    """The norm of the difference beside the exact one's."""
    return float((found.double() - exact).norm() / exact.norm())
