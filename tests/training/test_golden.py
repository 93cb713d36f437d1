"""What both stages compute, in float64 and without dropout, as it was written down once: ``golden.json``.

python tests/training/test_golden.py   # from tests/: writes the file again, where a change of values is meant
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from training.learned import fit, task
from training.toy import ABLATIONS, batches, built, exact, fitted, without_dropout, write_toy

GOLDEN = Path(__file__).with_name("golden.json")
ALIGNMENTS = {
    "multilevel": [],  # multilevel_v1
    "literal": ["method=literal"],
    "default": ["method=multilevel"],
    **{name: [f"ablation={name}"] for name in ABLATIONS if name != "no_links"},
    "accumulate": ["align.accumulate=2"],
    "alternate": ["align.adversary.schedule=alternate", "align.adversary.discriminator_steps=2"],
    "mixture": ["losses.word_distribution.prediction=mixture", "align.adversary.input=token"],
    "liebel by level": ["weighting.form=liebel", "weighting.per=level"],
}
TASKS = ("mldoc", "panx")


def numbers(module: torch.nn.Module) -> list[float]:
    """Of all weights: their norm, and their product with a fixed pattern."""
    weights = torch.cat([value.detach().double().flatten() for value in module.parameters()])
    pattern = torch.cos(torch.arange(len(weights), dtype=torch.float64))
    return [float(weights.norm()), float(weights @ pattern)]


def aligned(toy: Path, folder: Path, *overrides: str) -> list[float]:
    """Of the encoder's weights after four batches."""
    module, data = built(toy, "align.adversary.warmup=0", "align.adversary.ramp=0", *overrides)
    fitted(exact(module), batches(data, 4), folder)
    return numbers(module.encoder.backbone)


def learned(toy: Path, folder: Path, name: str) -> list[float]:
    """Of the encoder's and the head's weights after two epochs."""
    module, data = task(toy, name, dropout=0.0)
    without_dropout(module)
    fit(module.double(), data, folder, best=False)
    return [*numbers(module.encoder.backbone), *numbers(module.head)]


def golden() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ALIGNMENTS)
def test_an_alignment_computes_what_it_computed(toy, tmp_path, name):
    assert aligned(toy, tmp_path, *ALIGNMENTS[name]) == pytest.approx(golden()[name], rel=1e-9)


@pytest.mark.parametrize("name", TASKS)
def test_fine_tuning_computes_what_it_computed(toy, tmp_path, name):
    assert learned(toy, tmp_path, name) == pytest.approx(golden()[name], rel=1e-9)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        toy = write_toy(Path(folder) / "toy")
        found = {name: aligned(toy, Path(folder), *overrides) for name, overrides in ALIGNMENTS.items()}
        found |= {name: learned(toy, Path(folder), name) for name in TASKS}
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
