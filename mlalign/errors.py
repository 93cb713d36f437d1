"""Errors that a user can mend: the entry points print their message and stop with status 2."""


class UserError(ValueError):
    """What was found, where, what was expected and what to do next, in one message."""


class ConfigError(UserError):
    """A setting is missing, mistyped, unknown or contradicts another one."""


class TrainingError(UserError):
    """A run went wrong in a way that its settings can mend."""


class DataError(UserError):
    """A file or folder does not hold what its format promises."""
