"""What holds for every tuning, whatever it does: a new file in the folder is tested as it is."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from training.learned import equal
from training.toy import configured, state, without_dropout
from training.tuned import SETTINGS, TASK_OF, TASKS, fitted, learned, tuned
from two_ranks import in_ranks

from mlalign.config.folder import CONF
from mlalign.cost import FORWARD
from mlalign.data.reads import PARALLEL, SIDES
from mlalign.errors import ConfigError
from mlalign.finetuning.module import FinetuningModule
from mlalign.finetuning.tunings import tuning_types
from mlalign.finetuning.tunings.base import READS
from mlalign.finetuning.validation import reads_parallel, tuning_settings, tunings_read
from mlalign.tasks.data import TaskDataModule

TYPES = tuning_types()
NAMES = list(TYPES)
ON = {  # settings under which it does something on the toy
    "instance_weighting": ("temperature=0.01",),
    "language_adversary": ("generator_rate=1e-3", "discriminator_rate=1e-2"),
    "self_training": ("threshold=0.01",),
}


def on(name: str) -> list[str]:
    return [f"tuning={name}", *(f"tuning.{name}.{one}" for one in ON.get(name, ()))]


def off(name: str) -> list[str]:
    return [f"tuning={name}", *(f"tuning.{name}.{key}={value}" for key, value in TYPES[name].neutral.items())]


@pytest.fixture(scope="module")
def plain(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Without tunings, by task."""
    return {task: learned(toy, tmp_path_factory.mktemp(task), task=task) for task in ("mldoc", "panx")}


@pytest.mark.parametrize("name", NAMES)
def test_neutral_settings_are_plain_fine_tuning_to_the_bit(toy, tmp_path, plain, name):
    assert equal(plain[TASK_OF.get(name, "mldoc")], learned(toy, tmp_path, *off(name)))


def sequences_read(module: FinetuningModule, data: TaskDataModule, folder: Path) -> float:
    """By the encoder in two epochs; those of a pass without gradient count a third."""
    read = [0.0]

    def count(_: object, given: object, named: dict[str, Any], *__: object) -> None:
        read[0] += len(named["attention_mask"]) * (1 if torch.is_grad_enabled() else FORWARD)

    with module.encoder.backbone.base_model.register_forward_hook(count, with_kwargs=True):
        fitted(module, data, folder)
    return read[0]


@pytest.mark.parametrize("name", NAMES)
def test_its_updates_read_as_often_as_it_says_or_it_says_nothing(toy, tmp_path, name):
    module, data = tuned(toy, *on(name))
    settings = configured(toy, *SETTINGS, *TASKS[TASK_OF.get(name, "mldoc")], *on(name))
    ((_, own),) = tuning_settings(settings).values()
    found = sequences_read(module, data, tmp_path) / (2 * len(data.updates.labelled.prepared))
    passes = own.passes(epochs=2)
    assert found > 1.05 if passes is None else found == pytest.approx(passes, rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_it_changes_what_is_learned_and_all_of_its_own_learns(toy, tmp_path, plain, name):
    module, data = tuned(toy, *on(name))
    before = state(module)
    loop = fitted(module, data, tmp_path)
    assert loop.global_step == 2 * data.batches  # whatever optimizers it has
    after = state(module)
    assert not equal(plain[TASK_OF.get(name, "mldoc")], after)
    own = [key for key, _ in module.named_parameters() if key.startswith("tunings.")]
    assert all(not torch.equal(before[key], after[key]) for key in own)
    assert all(one.isfinite().all() for one in after.values())


def whole(toy: Path, folder: Path) -> list[dict[str, Any]]:
    """What an epoch of each leaves, in float64 and without dropout."""
    found = []
    for name in NAMES:
        module, data = tuned(toy, *on(name), "finetune.dropout=0")
        without_dropout(module)
        fitted(module.double(), data, folder / name, epochs=2 if name in ("self_training", "model_consistency") else 1)
        found.append(state(module))
    return found


@pytest.mark.long  # tests/training/test_finetuning_ranks.py has it without tunings
def test_two_ranks_learn_what_one_process_learns(toy, tmp_path):
    alone = whole(toy, tmp_path / "alone")
    for rank in in_ranks(2, tmp_path, whole, toy, tmp_path):
        for name, found, expected in zip(NAMES, rank, alone, strict=True):
            torch.testing.assert_close(
                found, expected, rtol=1e-7, atol=1e-8, msg=lambda text, name=name: f"{name}: {text}"
            )


@pytest.mark.parametrize("name", NAMES)
def test_an_update_is_known_by_its_place_alone(toy, name):
    """So that a run that resumes, and any number of workers, sees the same."""
    _, data = tuned(toy, *on(name))
    sampler = data.train_dataloader().sampler
    keys = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        keys += list(sampler)
    there = [ids(data.updates[key]) for key in keys]
    _, again = tuned(toy, *on(name))
    for place in reversed(range(len(keys))):
        assert ids(again.updates[keys[place]]) == there[place]


def ids(update: Any) -> list[Any]:
    batches = [*update.parts, *(one for views in update.views for one in views.values())]
    batches += [side for pairs in update.pairs.values() for one in pairs for side in (one.source, one.target)]
    return [(one.subwords.input_ids.tolist(), one.labels.tolist(), one.language) for one in batches]


@pytest.mark.parametrize(  # an update is a function of its place, as the test before shows of all
    "name", [pytest.param(one, marks=[pytest.mark.long] * (one not in ("code_switch", "xero_align"))) for one in NAMES]
)
def test_workers_make_the_same_updates(toy, name):
    _, alone = tuned(toy, *on(name))
    _, helped = tuned(toy, *on(name), workers=1)
    found = [[ids(update) for update in data.train_dataloader()] for data in (alone, helped)]
    assert found[0] == found[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_yaml_lists_every_setting(name):
    path = Path(CONF) / "tuning" / f"{name}.yaml"
    assert path.read_text(encoding="utf-8").startswith(f"# @package tuning.{name}\n# ")
    assert set(OmegaConf.load(path)) == {one.name for one in fields(TYPES[name].Settings)}


@pytest.mark.parametrize("name", NAMES)
def test_its_docstring_names_its_source_and_it_says_what_it_reads(name):
    assert re.search(r"arXiv:\d{4}\.\d{4,5}|doi:10\.|reconstruct", TYPES[name].__doc__)
    assert TYPES[name].reads <= READS.keys()


@pytest.mark.parametrize(
    ("words", "reads"),
    [
        (["tuning=self_training", "tuning.self_training.unlabelled=parallel"], {SIDES}),
        (["tuning=xero_align", "tuning.xero_align.source=parallel"], {PARALLEL}),
        (["tuning=code_switch", "data.lexicon=induced"], {PARALLEL, "dictionary"}),
        (["tuning=code_switch", "data.lexicon=de.txt"], {"dictionary"}),
    ],
)
def test_pairs_are_told_from_unpaired_text(toy, words, reads):
    config = configured(toy, *words)
    assert tunings_read(config) == reads
    assert reads_parallel(config) == (not reads.isdisjoint({SIDES, PARALLEL}))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["tuning=xero_align", "tuning.xero_align.weight=-1"],
            r"tuning\.xero_align\.weight=-1\.0: expected at least 0",
        ),
        (
            ["tuning=xero_align", "tuning.xero_align.source=text"],
            r"tuning\.xero_align\.source: .*translations, parallel",
        ),
        (["tuning=xero_align", "finetune.freeze=encoder"], "finetune.freeze=encoder"),
        (["tuning=xero_align", "tuning.xero_align.languages=[en,de]"], r"tuning\.xero_align\.languages=.*target"),
        (
            ["tuning=xero_align", "tuning.xero_align.source=parallel", "task.never_align_on=[toy]"],
            "reads the parallel text, and data.parallel holds toy",
        ),
    ],
)
def test_wrong_settings_are_refused_by_their_full_key(toy, overrides, message):
    with pytest.raises(ConfigError, match=message):
        tuned(toy, *overrides)
