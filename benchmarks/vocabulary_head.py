"""What Eqs. 12 and 13 over a large vocabulary cost beside the dense equations: memory and seconds.

    python benchmarks/vocabulary_head.py

Every contestant takes the same random rows, labels and embeddings, forward and backward:

* ``masked``: Eq. 12 over all rows. Dense: ``cross_entropy`` of the whole matrix of logits.
* ``bfloat16_masked``: the dense one with its product in bfloat16, logits and all: what the fastest
  product of the machine could save, were rounded logits exact enough.
* ``library_masked``: the same by PyTorch's own chunked ``linear_cross_entropy``, where torch has
  it (2.13); it knows one loss over one set of rows, so the other contestants have no such twin.
* ``mixture``: Eq. 13, the rows being those of 32 sentences. Dense: softmax of all logits.
* ``pooled``: the same sentences' means, beside the dense mixture that they stand for.
* ``step``: what a step needs, both languages' masked words (an eighth of the rows) and both
  directions of the mixture: one shared pass, beside four dense losses and beside our four
  separate ones.

Each forward and backward pass has a process of its own, and in every round the contestants take
turns. Memory is the highest resident set less what was resident before. The gradients, which are
not counted, are taken off the backward pass's share whether they were there at its peak or not;
that can only flatter the dense equations. A ratio is the median of the rounds' ratios.
Writes ``benchmarks/results/vocabulary_head.json``.
"""

import argparse
import ctypes
import gc
import json
import statistics
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import checkout  # noqa: F401
import torch
from machine import machine
from torch import Tensor, nn
from torch.nn import functional

from mlalign.losses import (
    MaskedWords,
    WordDistribution,
    masked_word_loss,
    mean,
    word_distribution_loss,
    word_divergences,
)
from mlalign.reporting.results import commit, versions

RESULTS = Path(__file__).parent / "results" / "vocabulary_head.json"
SENTENCES = 32
SMOOTHING_MASS = 0.01
PAIRS = {  # contestant -> what it is held against
    "masked": "dense_masked",
    "masked_bfloat16": "dense_masked",
    "bfloat16_masked": "dense_masked",
    "library_masked": "masked",
    "mixture": "dense_mixture",
    "pooled": "dense_mixture",
    "step": "dense_step",
    "separate_step": "dense_step",
}
Term = MaskedWords | WordDistribution


class Shape(NamedTuple):
    """Of a measurement."""

    rows: int
    width: int
    vocabulary: int


class Inputs:
    """Rows, labels and a head; the gradients go into their ``grad``."""

    def __init__(self, shape: Shape) -> None:
        torch.manual_seed(0)
        self.shape = shape
        self.words = torch.randn(shape.rows, shape.width).requires_grad_()
        scale = shape.width**-0.5
        self.weight = (torch.randn(shape.vocabulary, shape.width) * scale).requires_grad_()
        self.bias = torch.zeros(shape.vocabulary).requires_grad_()
        self.ids = torch.randint(shape.vocabulary, (shape.rows,))
        self.sentence = torch.arange(shape.rows) * SENTENCES // shape.rows

    def forget(self) -> None:
        """Gradients of the call before."""
        for one in (self.words, self.weight, self.bias):
            one.grad = None

    def gradient_bytes(self) -> int:
        """Of the gradients that are there."""
        grads = [one.grad for one in (self.words, self.weight, self.bias)]
        return sum(one.numel() * one.element_size() for one in grads if one is not None)

    def distribution(self, rows: slice = slice(None), prediction: Any = "mixture") -> Term:
        """Eq. 13 of some rows; their sentences are counted from 0."""
        _, sentence = self.sentence[rows].unique(return_inverse=True)
        return WordDistribution(
            self.words[rows],
            sentence,
            self.ids[rows],
            sentence,
            int(sentence.max()) + 1,
            SMOOTHING_MASS,
            prediction,
        )

    def masked(self, rows: slice = slice(None)) -> MaskedWords:
        """Eq. 12 of some rows."""
        return MaskedWords(self.words[rows], self.ids[rows])

    def step(self) -> list[Term]:
        """What one step needs of both languages."""
        rows = self.shape.rows
        hidden, half = rows // 8, rows // 8 + (rows - rows // 8) // 2
        return [
            self.masked(slice(0, hidden // 2)),
            self.masked(slice(hidden // 2, hidden)),
            self.distribution(slice(hidden, half)),
            self.distribution(slice(half, rows)),
        ]

    def dense(self, term: Term) -> Tensor:
        """The equation as one would write it down."""
        logits = functional.linear(term.words, self.weight, self.bias)
        if isinstance(term, MaskedWords):
            return functional.cross_entropy(logits, term.labels)
        size = term.sentences, self.shape.vocabulary
        lengths = torch.bincount(term.sentence)[:, None]
        q = torch.zeros(size).index_add(0, term.sentence, logits.softmax(1)) / lengths
        p = torch.zeros(size)
        p.index_put_((term.partner_sentence, term.partner_words), torch.ones(()), accumulate=True)
        p = p.mul_((1 - SMOOTHING_MASS) / lengths).add_(SMOOTHING_MASS / size[1])
        return functional.kl_div(q.log(), p, reduction="batchmean")

    def rounded(self, term: MaskedWords) -> Tensor:
        """The dense equation on logits that are a product in bfloat16."""
        rounded = (one.bfloat16() for one in (term.words, self.weight, self.bias))
        return functional.cross_entropy(functional.linear(*rounded).float(), term.labels)

    def ours(self, term: Term) -> Tensor:
        """One loss by itself."""
        head = self.weight, self.bias
        if isinstance(term, MaskedWords):
            return masked_word_loss(term.words, *head, term.labels)
        settings = {name: getattr(term, name) for name in term._fields[4:]}
        words, sentence, *partner = term[:4]
        return word_distribution_loss(words, sentence, *head, *partner, **settings)


def contestants(inputs: Inputs) -> dict[str, Callable[[], Tensor]]:
    """Each a loss whose backward pass is measured too."""
    masked, step = inputs.masked, inputs.step
    halves = lambda: masked()._replace(words=inputs.words.bfloat16())  # noqa: E731
    shared = lambda: word_divergences(step(), inputs.weight, inputs.bias)  # noqa: E731
    library = {}
    if hasattr(functional, "linear_cross_entropy"):
        library["library_masked"] = lambda: functional.linear_cross_entropy(
            inputs.words,
            inputs.weight,
            inputs.ids,
            linear_bias=inputs.bias,
            options=nn.LinearCrossEntropyOptions(),
        )
    return {
        "dense_masked": lambda: inputs.dense(masked()),
        "masked": lambda: inputs.ours(masked()),
        "masked_bfloat16": lambda: inputs.ours(halves()),
        "bfloat16_masked": lambda: inputs.rounded(inputs.masked()),
        **library,
        "dense_mixture": lambda: inputs.dense(inputs.distribution()),
        "mixture": lambda: inputs.ours(inputs.distribution()),
        "pooled": lambda: inputs.ours(inputs.distribution(prediction="pooled")),
        "dense_step": lambda: torch.stack([inputs.dense(one) for one in step()]).sum(),
        "step": lambda: torch.stack([mean(one) for one in shared()]).sum(),
        "separate_step": lambda: torch.stack([inputs.ours(one) for one in step()]).sum(),
    }


def resident(field: str) -> int:
    """Bytes of this process, ``VmRSS`` now or ``VmHWM`` at most."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def highest(call: Callable[[], Any]) -> tuple[Any, int]:
    """What a call returns, and the highest resident set on its way."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the highest so far
    return call(), resident("VmHWM")


class Cost(NamedTuple):
    """Of one forward and backward pass."""

    bytes: int  # beyond inputs and gradients
    seconds: float


def cost(name: str, inputs: Inputs, threads: int, found: Any) -> None:
    """Put the cost of one pass into a queue; in a process of its own."""
    torch.set_num_threads(threads)
    small = Inputs(Shape(64, 64, 1000))  # threads and libraries have their memory before we count
    contestants(small)[name]().backward()
    loss = contestants(inputs)[name]
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before, started = resident("VmRSS"), time.perf_counter()
    value, forward = highest(loss)
    _, backward = highest(value.backward)
    seconds = time.perf_counter() - started
    found.put(Cost(max(forward, backward - inputs.gradient_bytes()) - before, seconds))


def measure(inputs: Inputs, rounds: int, threads: int, only: Sequence[str]) -> dict[str, list[Cost]]:
    """The costs of each contestant in each round."""
    processes = get_context("fork")  # they share the inputs
    found: dict[str, list[Cost]] = {name: [] for name in only or contestants(inputs)}
    for _ in range(rounds):
        for name, costs in found.items():
            answer = processes.SimpleQueue()
            process = processes.Process(target=cost, args=(name, inputs, threads, answer))
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f"{name} failed with exit code {process.exitcode}")
            costs.append(answer.get())
    return found


def main() -> None:
    """Measure and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--vocabulary", type=int, default=250_002)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2, help="each takes about a minute")
    parser.add_argument("--only", nargs="*", default=[], help="contestants; all if none is named")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # a process with more threads than one cannot be forked
    shape = Shape(arguments.rows, arguments.width, arguments.vocabulary)
    costs = measure(Inputs(shape), arguments.rounds, arguments.threads, arguments.only)
    measured: dict[str, dict[str, Any]] = {}
    for name, found in costs.items():
        measured[name] = {what: statistics.median(getattr(one, what) for one in found) for what in Cost._fields} | {
            "rounds": [one._asdict() for one in found]
        }
        if PAIRS.get(name) in costs:
            pairs = list(zip(found, costs[PAIRS[name]], strict=True))
            measured[name]["against"] = PAIRS[name]
            for what in Cost._fields:
                ratios = [getattr(one, what) / getattr(other, what) for one, other in pairs]
                measured[name] |= {f"{what}_ratio": statistics.median(ratios)}
                measured[name] |= {f"{what}_ratios": ratios}
    result = {"machine": machine() | {"threads": arguments.threads}, "versions": versions()}
    result |= {"commit": commit(), "shape": shape._asdict(), "sentences": SENTENCES}
    arguments.output.parent.mkdir(exist_ok=True)
    text = json.dumps(result | {"measured": measured}, indent=1)
    arguments.output.write_text(text + "\n", encoding="utf-8")
    for name, one in measured.items():
        print(f"{name:16} {one['bytes'] / 2**20:8.0f} MiB {one['seconds']:8.2f} s", end="")
        if "against" in one:
            ratios = f"{one['bytes_ratio']:7.3f} x memory {one['seconds_ratio']:6.3f} x time"
            print(f"{ratios} of {one['against']}", end="")
        print()


if __name__ == "__main__":
    main()
