"""``dry_run=true``: what a run would cost, or every run of a sweep and all together."""

import atexit
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from mlalign.commands.devices import refuse_unshared, requested
from mlalign.config.enums import THIS
from mlalign.config.schema import Train
from mlalign.models.backbone import quiet_transformers
from mlalign.pricing.price import Price, price
from mlalign.pricing.words import amount, duration, size
from mlalign.wording import plural

LEARNED = ("fine-tune", "shots", "score")  # stages of every run; others make an encoder that runs may share
HEAD = "| run | device | time | memory | disk, while it runs |\n| --- | --- | ---: | ---: | ---: |"
_priced: list[Price] = []  # by this process


def dry_run(config: Train, called: Sequence[str] | None = None) -> None:
    """Print the price of a run.

    Args:
        called: what was typed for one run of a sweep, which gets a line of a table; None: one run alone.

    Raises:
        UserError: what the run would be refused for.
    """
    if config.card.name == THIS:
        requested(config)
    if type(config.trainer.devices) is int:
        refuse_unshared(config, config.trainer.devices)
    quiet_transformers()
    one = price(config, scratch())
    if called is None:
        print("\n".join(report(one)))
        return
    if not _priced:
        print(HEAD)
    _priced.append(one)
    print(row(one, " ".join(called) or one.run.name), flush=True)


@cache
def scratch() -> Path:
    """A folder of this process, deleted when it ends: runs of a sweep share what they tokenise and build."""
    folder = TemporaryDirectory(prefix="mlalign-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def total() -> None:
    """Print what all runs of a sweep cost on each device, an encoder that several share being made by the first."""
    if not _priced:
        return
    print()
    for name in dict.fromkeys(one.device.name for one in _priced):
        runs = [one for one in _priced if one.device.name == name]
        first, last = _seconds(runs, longest=False), _seconds(runs, longest=True)
        span = "" if first == last else f"{duration(first)} to "
        said = f"{plural(len(runs), 'run')} on {name}: {span}{_time(last, *runs)}"
        print(f"total     {said}, what runs share made once")
    missing = {f"missing   {reason}" for one in _priced for reason in one.missing}
    left_out = {f"note      not in the price: {what}" for one in _priced for what in one.left_out}
    print("\n".join([*sorted(missing), *sorted(left_out)]))
    _priced.clear()


def _seconds(runs: Sequence[Price], *, longest: bool) -> float:
    """Of all runs, with sentences of full length where theirs is not known, or with typical ones."""
    seconds, made = 0.0, set()
    for one in runs:
        more = one.longest - one.seconds if longest and one.longest is not None else 0.0  # of its alignment
        for stage in one.stages:
            key = (one.alignment, stage.name)
            if stage.name in LEARNED or key not in made:
                seconds += stage.seconds + more * (stage.name == "align")
            made.add(key)
    return seconds


def report(one: Price) -> list[str]:
    """A price in lines."""
    device, found = one.device, []
    found.append(f"dry run   {one.run}: nothing is trained or written")
    if not one.stages and one.notes and not one.left_out:  # it is there
        return [*found, *(f"note      {what}" for what in one.notes), "total     0 s"]
    found.append(f"device    {device.name}, {'bfloat16' if device.computed.bfloat16 else 'float32'}")
    found += [f"read      {what}" for what in one.reads]
    for stage in one.stages:
        found.append(
            f"{stage.name:10}{stage.what}, {amount(stage.tokens)} tokens, {amount(stage.operations)} operations: "
            f"{duration(stage.seconds)}, {size(stage.memory)}"
        )
    found += [f"missing   {what}" for what in one.missing]
    found += [f"note      not in the price: {what}" for what in one.left_out]
    found += [f"note      {what}" for what in one.notes]
    found.append(f"disk      {size(one.kept)} kept, {size(one.most)} while it runs")
    longest = "" if one.longest is None else f", {_time(one.longest, one)} if all sentences were of full length"
    taken = f"{_time(one.seconds, one)}{longest}"
    found.append(f"total     {taken} (give or take {device.error:.0%}), {_memory(one)} of memory")
    return found


def _memory(one: Price) -> str:
    """That of a CPU's process, which keeps what it has freed, is no more than a part."""
    return size(one.memory) + (" and more" if one.device.resident else "")


def _time(seconds: float, *of: Price) -> str:
    """Time that is no more than a part where a price leaves something out."""
    return duration(seconds) + (" and more" if any(one.left_out for one in of) else "")


def row(one: Price, called: str) -> str:
    """A price in a line of a table."""
    fits = "" if one.memory <= one.device.memory else " (does not fit)"
    first = "" if one.longest is None else f"{duration(one.seconds)} to "
    time = _time(one.seconds if one.longest is None else one.longest, one)
    return f"| {called} | {one.device.name} | {first}{time} | {_memory(one)}{fits} | {size(one.most)} |"
