"""No code comes with weights or data: every loader is told so, and a folder with code of its own is refused."""

import ast
import json
import shutil
from pathlib import Path

import pytest

from mlalign.errors import DataError
from mlalign.models.backbone import load_backbone

ROOT = Path(__file__).parents[2]
LOADERS = ("from_pretrained", "load_dataset")


def calls(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
        if name in LOADERS:
            yield node


def test_every_loader_says_aloud_that_it_trusts_no_code():
    paths = [*ROOT.glob("mlalign/**/*.py"), *ROOT.glob("benchmarks/*.py"), *ROOT.glob("*.py")]
    found = [(path, call) for path in paths for call in calls(path)]
    assert len(found) > 5
    for path, call in found:
        said = {word.arg: ast.unparse(word.value) for word in call.keywords}
        assert said.get("trust_remote_code") == "False", f"{path}, line {call.lineno}"


def test_code_beside_weights_is_never_run(tmp_path, xlmr_folder):
    shutil.copytree(xlmr_folder, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoConfig": "code.Config", "AutoModelForMaskedLM": "code.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(DataError, match="transformers cannot load it"):
        load_backbone(tmp_path, attention="eager")
    assert not (tmp_path / "ran").exists()
