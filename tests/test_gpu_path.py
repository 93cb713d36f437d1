"""What differs on a GPU, switched on here, through all that ``train.py`` does.

Fused optimizers, mixed precision's plugin, fused attention, the compiler and several processes all
exist on CPUs. Each test drives a resolved configuration through ``on_all_devices``, as ``train.py``
does.

What a CPU cannot show: CUDA's own kernels (fused Adam, attention, bfloat16 products) and their
rounding; streams, pinned memory and copies that do not wait; host synchronisations; memory of the
device; NCCL; inductor's Triton code (the compiler's graphs run uncompiled here). For these there is
``python benchmarks/gpu_check.py``.
"""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from composing import composed
from safetensors.torch import load_file
from torch import nn
from torch._dynamo.utils import counters
from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaIntermediate

from mlalign.alignment.module import AlignmentModule
from mlalign.commands.devices import on_all_devices
from mlalign.commands.rescore import rescore
from mlalign.config.hydra import resolve
from mlalign.data.sample import write_sample
from mlalign.finetuning.module import FinetuningModule
from mlalign.models.learning import configure_training
from mlalign.pipeline import run as run_stages
from mlalign.stages.run_folder import run_folder
from mlalign.training import optimizers as optimizers_module

LAYERS, STEPS = 2, 4
SMALL = [
    "data=files", "data.parallel=[sample]", "data.languages=[de,ru]", "data.held_out=20",
    "backbone.vocabulary_size=600", f"backbone.layers={LAYERS}", "backbone.width=32",
    "backbone.heads=2", f"align.steps={STEPS}", "align.batch_size=8", "align.validations=1",
    "finetune.epochs=1", "finetune.evaluations=1", "trainer=cpu", "trainer.progress=false",
    "trainer.precision=bfloat16", "backbone.attention=sdpa",
    "+trainer.options.log_every_n_steps=1",
]  # fmt: skip
TEXT = ["task=mldoc", "task.languages=[en,de,ru]"]
TAGGING = ["task=panx", "task.languages=[en,de,ru]"]
RETRIEVAL = ["task=tatoeba_retrieval", "task.languages=[de,ru]", "finetune.epochs=0"]
TASKS = {"text": TEXT, "tagging": TAGGING, "retrieval": RETRIEVAL}
SWITCH = """
import pathlib
import mlalign.training.optimizers

def are_on_gpu(groups):
    with (pathlib.Path(__file__).parent / "asked").open("a") as file:
        file.write("asked\\n")
    return True

mlalign.training.optimizers.are_on_gpu = are_on_gpu
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, sentences: Any) -> Path:
    root = tmp_path_factory.mktemp("release") / "sample"
    small = dict.fromkeys(("documents", "paraphrases", "sentences"), (32, 12, 12))
    write_sample(root, seed=3, pairs=60, **small)
    folder = root / "retrieval" / "tatoeba-v1"
    folder.mkdir(parents=True)
    for language in ("de", "ru"):
        pairs = zip(sentences["en"][:20], sentences[language], strict=False)
        text = "".join(f"{one}\t{two}\n" for one, two in pairs)
        (folder / f"en-{language}.tsv").write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def run(release: Path, tmp_path: Path) -> Callable[..., Path]:
    """One run in a folder of the test, by what could be typed; returns the run's own folder."""

    def run(*overrides: str, work: str = "work") -> Path:
        own = [
            f"data.root={release}",
            f"data.cache={tmp_path / 'cache'}",
            f"output={tmp_path / work / 'outputs'}",
            f"aligned={tmp_path / work / 'aligned'}",
        ]
        config = resolve(composed(*SMALL, *own, *overrides))
        on_all_devices(run_stages, config)
        return run_folder(config)

    return run


@pytest.fixture(autouse=True)
def optimizers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Takes all parameters for a GPU's where optimizers are chosen; notes which were fused."""
    monkeypatch.setattr(optimizers_module, "are_on_gpu", lambda groups: True)
    fused: list[bool] = []
    init = torch.optim.Adam.__init__  # AdamW calls it too

    def noted(self: Any, *words: Any, **settings: Any) -> None:
        init(self, *words, **settings)
        fused.append(self.defaults["fused"])

    monkeypatch.setattr(torch.optim.Adam, "__init__", noted)
    yield fused
    assert all(fused)


def results_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def aligned_weights(folder: Path) -> dict[str, torch.Tensor]:
    aligned = Path(results_of(folder)["aligned"])
    names = ("model.safetensors", "mlalign.safetensors")
    return {key: value for name in names for key, value in load_file(aligned / name).items()}


# Every stage in every way


def test_every_stage_runs(run: Any, optimizers: list[bool]) -> None:
    learned = ("text", "tagging")
    done = {task: run(*words) for task, words in TASKS.items()}
    assert len(optimizers) == 2 + len(learned)  # the encoder's, the discriminator's, the tasks'
    results = {task: results_of(folder) for task, folder in done.items()}
    assert len({one["aligned"] for one in results.values()}) == 1
    for task, one in results.items():
        assert one["scores"].keys() >= {"de", "ru"}, task
        assert one["computing"]["precision"] == "bf16-mixed"
        assert one["computing"]["attention"] == "sdpa"
    for task in learned:
        again = results_of(rescore(done[task], {}))
        assert again["scores"] == results[task]["scores"]


@pytest.mark.long
def test_a_compiled_encoder_aligns_and_fine_tunes(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward graphs are traced; they run uncompiled, which takes no minute."""
    monkeypatch.setitem(configure_training.__kwdefaults__, "backend", "aot_eager")
    torch._dynamo.reset()
    counters.clear()
    run("task=mldoc", "task.languages=[en,de]", "trainer.compile=true", "backbone.layers=1")
    assert counters["stats"]["unique_graphs"] >= 2  # one while learning, one for evaluation
    assert not counters["graph_break"]


@pytest.mark.long
def test_several_processes_align_and_fine_tune(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their own optimizers are fused by a module that Python imports as it starts."""
    (tmp_path / "sitecustomize.py").write_text(SWITCH, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    results = results_of(run(*TEXT, "trainer.devices=2"))
    assert results["scores"].keys() == {"en", "de", "ru"}
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert len(asked) == 2 * 3  # in each process the encoder's, the discriminator's, the task's


# Resuming, modes


def test_an_interrupted_alignment_goes_on_bit_for_bit(run: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    whole = aligned_weights(run(*RETRIEVAL, work="whole"))
    step_players = AlignmentModule.step_players

    def interrupted(self: AlignmentModule) -> None:
        if self.global_step == STEPS // 2:
            raise RuntimeError("the power went off")
        step_players(self)

    with monkeypatch.context() as patched:
        patched.setattr(AlignmentModule, "step_players", interrupted)
        with pytest.raises(RuntimeError, match="the power"):
            run(*RETRIEVAL, work="parts")
    with caplog.at_level(logging.INFO, logger="mlalign"):
        parts = aligned_weights(run(*RETRIEVAL, work="parts"))
    assert any(message.startswith("Resuming from") for message in caplog.messages)
    assert parts.keys() == whole.keys()
    for name, weight in whole.items():
        assert torch.equal(parts[name], weight), name


def active(module: nn.Module) -> list[bool]:
    """Of all dropouts, in order."""
    return [one.training for one in module.modules() if isinstance(one, nn.Dropout)]


@pytest.mark.parametrize("frozen", ["nothing", "encoder"])
def test_dropout_is_on_where_something_learns(frozen: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, list[tuple[list[bool], bool]]] = {}
    for kind in (AlignmentModule, FinetuningModule):
        for name in ("training_step", "validation_step", "predict_step"):
            before = getattr(kind, name)

            def step(self: Any, *words: Any, _step: Any = before, _name: str = name) -> Any:
                key = f"{type(self).__name__}.{_name}"
                found.setdefault(key, []).append((active(self.encoder), self.training))
                return _step(self, *words)

            monkeypatch.setattr(kind, name, step)
    run(*TEXT, f"finetune.freeze={frozen}")
    expected = {
        "AlignmentModule.training_step": (True, True),
        "AlignmentModule.validation_step": (False, False),
        "FinetuningModule.training_step": (frozen == "nothing", True),
        "FinetuningModule.validation_step": (False, False),
        "FinetuningModule.predict_step": (False, False),
    }
    assert found.keys() == expected.keys()
    for name, (encoder, whole) in expected.items():
        for dropouts, training in found[name]:
            assert len(dropouts) >= 1 + 3 * LAYERS  # embeddings, and three in every layer
            assert set(dropouts) == {encoder}, name
            assert training == whole, name


def test_checkpointing_computes_every_layer_again_and_nothing_else(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: dict[str, int] = {}
    learning: list[str] = []
    forward = XLMRobertaIntermediate.forward  # a part of every layer; the layer's own is wrapped

    def counted(self: nn.Module, *words: Any, **named: Any) -> Any:
        if learning:
            passes[learning[-1]] = passes.get(learning[-1], 0) + 1
        return forward(self, *words, **named)

    monkeypatch.setattr(XLMRobertaIntermediate, "forward", counted)
    for kind in (AlignmentModule, FinetuningModule):

        def step(self: Any, *words: Any, _step: Any = kind.training_step) -> None:
            learning.append(type(self).__name__)
            _step(self, *words)
            learning.pop()

        monkeypatch.setattr(kind, "training_step", step)
    found, weights = [], []
    for checkpointing in ("false", "true"):
        passes.clear()
        typed = [f"backbone.gradient_checkpointing={checkpointing}", "trainer.precision=float32"]
        typed += ["losses.masked_words.start=0.75", "losses.word_distribution.start=0.75"]
        weights.append(aligned_weights(run(*TEXT, *typed, work=checkpointing)))
        found.append(dict(passes))
    kept, again = found
    assert kept["AlignmentModule"] == LAYERS * (STEPS + STEPS // 4)  # the masked pass joins for the last quarter
    assert again == {name: 2 * number for name, number in kept.items()}
    for name, weight in weights[0].items():  # the same dropout in both passes
        torch.testing.assert_close(weights[1][name], weight, msg=name)
