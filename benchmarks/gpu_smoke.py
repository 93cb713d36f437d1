"""Every stage through ``train.py``'s own path on a tiny encoder and generated text, in seconds."""

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from checkout import ROOT
from hydra import compose, initialize_config_dir

from mlalign.commands.devices import on_all_devices
from mlalign.commands.rescore import rescore
from mlalign.config.hydra import resolve
from mlalign.data.sample import write_sample
from mlalign.pipeline import run
from mlalign.reporting.results import Results, read_results
from mlalign.stages.run_folder import run_folder

SMALL = [
    "data=files", "data.parallel=[sample]", "data.languages=[de,ru]", "data.held_out=40",
    "backbone.vocabulary_size=600", "backbone.layers=2", "backbone.width=32", "backbone.heads=2",
    "align.steps=8", "align.batch_size=8", "align.validations=2", "finetune.epochs=1",
    "finetune.evaluations=2", "trainer.progress=false",
]  # fmt: skip
TEXT = ["task=mldoc", "task.languages=[en,de,ru]"]
TAGGING = ["task=panx", "task.languages=[en,de,ru]"]
RETRIEVAL = ["task=tatoeba_retrieval", "task.languages=[de,ru]", "finetune.epochs=0"]
SMOKES: dict[str, list[str]] = {
    "align, fine-tune text": [*TEXT, "trainer.precision=bfloat16"],
    "fine-tune tagging": [*TAGGING, "trainer.precision=bfloat16"],
    "retrieval": [*RETRIEVAL, "trainer.precision=bfloat16"],
    "float32": [*TEXT, "trainer.precision=float32"],
    "gradient checkpointing": [
        *TEXT, "trainer.precision=bfloat16", "backbone.gradient_checkpointing=true", "align.seed=2",
    ],
    "compile": [*TEXT, "trainer.precision=bfloat16", "trainer.compile=true", "align.seed=3"],
}  # fmt: skip
KILLED = [*TEXT, "trainer.precision=bfloat16", "align.steps=100", "align.seed=4"]
PATIENCE = 90.0  # seconds that a process to be killed has for its first checkpoint


class Messages(logging.Handler):
    """Keeps what the package says instead of showing it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.found: list[str] = []
        self.logger = logging.getLogger("mlalign")
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False
        self.logger.handlers = [self]

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.found.append(record.getMessage())


def release(folder: Path) -> Path:
    """Generated text and tasks, and other sentences to be found as each other's translation."""
    root = folder / "release"
    if not root.is_dir():
        small = dict.fromkeys(("documents", "paraphrases", "sentences"), (60, 30, 30))
        write_sample(root, seed=3, pairs=300, **small)
        write_sample(folder / "other", seed=4, pairs=60, **small)
        found = root / "retrieval" / "tatoeba-v1"
        found.mkdir(parents=True)
        for language in ("de", "ru"):
            name = f"en-{language}.tsv"
            known = (root / "parallel" / "sample" / name).read_text(encoding="utf-8")
            seen = {side for line in known.splitlines() for side in line.split("\t")}
            other = (folder / "other" / "parallel" / "sample" / name).read_text(encoding="utf-8")
            unseen = [line for line in other.splitlines() if seen.isdisjoint(line.split("\t"))]
            (found / name).write_text("\n".join(unseen) + "\n", encoding="utf-8")
    return root


def overrides(folder: Path, device: str, special: list[str]) -> list[str]:
    """As they could be typed."""
    return [
        *SMALL, *special, f"trainer={'gpu' if device == 'cuda' else 'cpu'}", "trainer.workers=0",
        f"data.root={release(folder)}", f"data.cache={folder / 'cache'}",
        f"output={folder / 'outputs'}", f"aligned={folder / 'aligned'}",
    ]  # fmt: skip


def trained(folder: Path, device: str, special: list[str]) -> tuple[Path, Results]:
    """Folder and results of one run."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = resolve(compose("train", overrides(folder, device, special)))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        on_all_devices(run, config)
    done = run_folder(config)
    return done, read_results(done)


def smoke(name: str, folder: Path, device: str) -> dict[str, Any]:
    """One setting; the scores say only that there are some."""
    Messages()
    since = time.perf_counter()
    _, results = trained(folder, device, SMOKES[name])
    return told(results, since)


def told(results: Results, since: float) -> dict[str, Any]:
    """How long it took, and what it computed with."""
    computing = results.computing
    return {
        "seconds": round(time.perf_counter() - since, 1),
        "device": computing["device"],
        "precision": computing["precision"],
        "transfer_average": results.summary["transfer_average"],
    }


def rescored(folder: Path, device: str) -> dict[str, Any]:
    """A finished run scored again gives what it gave."""
    Messages()
    done, results = trained(folder, device, SMOKES["align, fine-tune text"])
    since = time.perf_counter()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        again = read_results(rescore(done, {}))
    if again.scores != results.scores:
        raise RuntimeError(f"scored {results.scores} before and {again.scores} again")
    return told(again, since)


def resumed(folder: Path, device: str) -> dict[str, Any]:
    """A run that is killed in the middle of its alignment resumes from its last checkpoint."""
    since = time.perf_counter()
    command = [sys.executable, str(ROOT / "train.py"), *overrides(folder, device, KILLED)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    checkpoints = folder / "aligned"
    try:
        while not list(checkpoints.glob("*.partial/checkpoints/*.ckpt")):
            if process.poll() is not None:
                said = process.stderr.read().decode(errors="replace") if process.stderr else ""
                raise RuntimeError(f"ended before it could be killed: {said.strip()[-300:]}")
            if time.perf_counter() - since > PATIENCE:
                raise RuntimeError(f"no checkpoint after {PATIENCE:.0f} s")
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    messages = Messages()
    _, results = trained(folder, device, KILLED)
    if not any(message.startswith("Resuming from") for message in messages.found):
        raise RuntimeError("the alignment started again instead of resuming")
    return told(results, since)
