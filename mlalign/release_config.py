"""What a user can say of a task's release on the hub."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from mlalign.choices import Conversion


@dataclass
class ReleaseFiles:
    """Names of a release's files on the hub.

    `{}` is the language, as the task's format calls it, and `*` anything.
    """

    test: str = MISSING
    train: str | None = None  # null, like dev: the release has none
    dev: str | None = None


@dataclass
class Release:
    """Where `data=hub` finds a task's files; they are written in the format's own layout."""

    repo: str = MISSING
    revision: str = MISSING  # a commit; a branch is followed once, the manifest notes its commit
    converter: Conversion = MISSING
    files: ReleaseFiles = field(default_factory=ReleaseFiles)
    languages: list[str] | None = None  # what `available` means; null: all that the hub has
