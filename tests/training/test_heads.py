"""A head with hidden layers, from the configuration to a run that is opened again."""

import pytest
from torch import nn
from training.toy import configured
from typed import call

from mlalign.errors import ConfigError
from mlalign.finetuning.building import head_of
from mlalign.stages.reopen import load_run

RUN = (
    "backbone=tiny", "backbone.width=16", "backbone.layers=1", "backbone.heads=2", "backbone.vocabulary_size=300",
    "data=files", "data.parallel=[toy]", "method=none", "task=mldoc", "task.languages=[en,de]", "finetune.epochs=1",
    "finetune.max_length=32", "trainer=cpu", "trainer.progress=false",
)  # fmt: skip


def test_a_run_with_hidden_layers_on_a_frozen_encoder_is_opened_again(toy, tmp_path):
    words = ["finetune.head.form=mlp", "finetune.head.hidden=[7,3]", "finetune.freeze=encoder"]
    ended = call("train.py", [*RUN, f"data.root={toy}", f"data.cache={tmp_path}/cache", *words], tmp_path)
    assert ended.returncode == 0, ended.stderr
    (path,) = tmp_path.glob("outputs/mldoc/*/results.json")
    head = load_run(path.parent).module.head
    assert [one.out_features for one in head if isinstance(one, nn.Linear)] == [7, 3, 4]
    assert [one.p for one in head if isinstance(one, nn.Dropout)] == [0.1, 0.1]


def test_the_default_is_the_linear_layer_itself(toy):
    assert head_of(configured(toy, "method=none").finetune) is nn.Linear


@pytest.mark.parametrize("hidden", ["[]", "[10,0]"])
def test_widths_are_above_zero(toy, hidden):
    with pytest.raises(ConfigError, match=r"finetune\.head\.hidden=.*: expected a list of widths above 0"):
        configured(toy, "method=none", "finetune.head.form=mlp", f"finetune.head.hidden={hidden}")
