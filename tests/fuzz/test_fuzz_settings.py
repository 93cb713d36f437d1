"""Whatever is typed as a setting, it is taken or refused in a message that names its key."""

import copy
import json
import os
import random
import time

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from mlalign.config.explained import explain
from mlalign.config.folder import CONF
from mlalign.config.hydra import MENDABLE, resolve
from mlalign.config.plain import container
from mlalign.config.schema import Train
from mlalign.config.settings import leaves
from mlalign.config.words import quoted
from mlalign.stages.validation import check_parts

BASES = (
    ["task=xnli"],
    ["task=panx", "method=none", "tuning=[cross_align,self_training]"],
    ["method=laser", "data.lexicon=induced"],
)
VALUES = (
    *("1", "0", "-1", "2", "0.5", "-0.5", "1e400", "-1e400", "nan", "inf", "99999999999999999999999", "1e300", "true"),
    *("null", "''", "x", "de", "align", "../../x", "/x", "'a b'", "a=b", "[]", "{}", "[1]", "[x]", "[[x]]", "[null]"),
    *(
        "[nan,inf]",
        "[1e400]",
        "[de,de]",
        "{a: b}",
        "{a: {b: c}}",
        "{1: 2}",
        "{null: x}",
        "[{a: b}]",
        "9" * 5000,
        "x" * 300,
    ),
    *("${x}", "${oc.env:NOWHERE}", "${seed}", "???", "ß", "'\\n'", "0x10", "1_000", "2023-01-01", "{" * 50 + "}" * 50),
)


@pytest.fixture(scope="module")
def bases():
    with initialize_config_dir(CONF, version_base="1.3"):
        return [compose("train", overrides=list(words)) for words in BASES]


def fault(seed, bases):
    """What is wrong with how settings that a seed chooses are taken; None if nothing is."""
    draw = random.Random(seed)
    base = draw.choice(bases)
    keys = [*leaves(Train), *(f"{part}.{name}" for part in ("losses", "tuning") for name in base[part])]
    words = [f"{draw.choice(keys)}={draw.choice(VALUES)}" for _ in range(draw.choice((1, 1, 2)))]
    found = outcome(words, base)
    return found and f"seed {seed}: {[word[:200] for word in words]}: {found}"


def outcome(words, base):
    """What is wrong with how words are taken in a configuration that is composed; None if nothing is."""
    base = copy.deepcopy(base)
    try:
        for word in quoted(words):
            override = OverridesParser.create().parse_override(word)
            OmegaConf.update(base, override.key_or_group, override.value(), merge=True)
    except Exception as error:  # all of them are explained where they are typed
        return None if explain(error).strip() else f"no explanation of {error!r}"
    try:
        json.dumps(container(check_parts(resolve(base))), allow_nan=False).encode()
    except MENDABLE as error:
        return None if str(error).strip() else "no message"
    except Exception as error:  # all others are findings
        return f"{type(error).__name__}: {str(error)[:200]}"
    return None


@pytest.mark.parametrize(
    "word",
    [
        *("losses=${seed}", "weighting=${seed}", "method=${seed}", "data=???", "prepare.codes=${seed}"),
        *("data.parallel=${seed}", "task.table=${seed}", "task.sizes=${seed}", "align.learning_rate=${seed}"),
        *("finetune.head.hidden=[[x]]", "finetune.head.hidden=[{a: b}]", "task.labels=[[x]]"),
    ],
)
def test_what_was_found_before_is_mended(word, bases):
    assert outcome([word], bases[0]) is None


def test_settings_are_taken_or_refused(bases):
    found = [one for seed in range(60) if (one := fault(seed, bases))]
    assert not found, "\n".join(found)


@pytest.mark.long
def test_hours_of_settings(bases, request):
    seed = first = request.config.cache.get("fuzz/next_settings", 0)
    end = time.monotonic() + float(os.environ.get("MLALIGN_FUZZ_SECONDS", "60"))
    found = []
    while time.monotonic() < end:
        found += [one for one in [fault(seed, bases)] if one]
        seed += 1
        request.config.cache.set("fuzz/next_settings", seed)
    print(f"\nseeds {first} to {seed - 1} of settings, {len(found)} findings")
    assert not found, "\n".join(found)
