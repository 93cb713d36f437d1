"""Errors that a user can mend: the entry points print their message and stop with status 2."""

import difflib
from collections.abc import Collection, Iterable


class UserError(ValueError):
    """What was found, where, what was expected and what to do next, in one message."""


class ConfigError(UserError):
    """A setting is missing, mistyped, unknown or contradicts another one."""


class TrainingError(UserError):
    """A run went wrong in a way that its settings can mend."""


class DataError(UserError):
    """A file or folder does not hold what its format promises."""


def closest(found: str, choices: Iterable[str]) -> str | None:
    """The choice that a misspelt name is nearest to, or the only one that it begins; None for neither."""
    folded = {choice.casefold(): choice for choice in choices}
    near = difflib.get_close_matches(found.casefold(), folded, n=1)
    begun = [choice for choice in folded if found and choice.startswith(found.casefold())]
    return folded[near[0]] if near else folded[begun[0]] if len(begun) == 1 else None


def did_you_mean(found: str, choices: Iterable[str]) -> str:
    """``"; did you mean 'de'?"`` for the choice nearest to a misspelt name, or nothing."""
    near = closest(found, choices)
    return f"; did you mean {near!r}?" if near else ""


def nearest(word: str, choices: Collection[str]) -> str:
    """A guess at what was meant, and the choices."""
    return f"{guess(word, choices)}Choices: {', '.join(choices)}"


def guess(word: str, choices: Collection[str]) -> str:
    """What was probably meant, as a question; empty if nothing is near."""
    close = closest(word, choices)
    return f"Did you mean {close}? " if close else ""
