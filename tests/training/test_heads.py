"""A head with hidden layers or filters, from the configuration to a run that is opened again."""

import pytest
from torch import nn
from training.toy import configured
from training.tuned import tuned
from typed import call

from mlalign.errors import ConfigError
from mlalign.finetuning.module import build_head
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
    assert type(build_head(configured(toy, "method=none").finetune, 5, 3)) is nn.Linear


@pytest.mark.parametrize("hidden", ["[]", "[10,0]"])
def test_widths_are_above_zero(toy, hidden):
    with pytest.raises(ConfigError, match=r"finetune\.head\.hidden=.*: expected a list of widths from 1 to 65536"):
        configured(toy, "method=none", "finetune.head.form=mlp", f"finetune.head.hidden={hidden}")


@pytest.mark.parametrize("method", ["none", "multi_cca"])
def test_a_run_with_filters_over_words_is_opened_again(toy, tmp_path, method):
    words = [one for one in RUN if one != "method=none"]
    words += [f"method={method}", "data.lexicon=induced", "vectors.dim=8", "vectors.epochs=1"]
    words += ["finetune.head.form=conv", "finetune.head.filters=6"]
    ended = call("train.py", [*words, f"data.root={toy}", f"data.cache={tmp_path}/cache"], tmp_path)
    assert ended.returncode == 0, ended.stderr
    (path,) = tmp_path.glob("outputs/mldoc/*/results.json")
    head = load_run(path.parent).module.head
    assert (head.filters.out_channels, head.filters.kernel_size) == (6, (3,))


def test_filters_read_the_words_that_the_task_has_and_all_of_the_encoder_learns(toy):
    module, data = tuned(toy, "finetune.head.form=conv")
    part = next(iter(data.train_dataloader())).parts[0]
    module.eval()
    seen = module.represent(part)
    assert module(part).equal(module.head(seen.words, part.subwords.is_content_token))
    module.task.loss(module(part), part).backward()
    encoder = module.encoder.backbone.base_model
    assert all(one.grad is not None for one in encoder.parameters() if one.requires_grad)
