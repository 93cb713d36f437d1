"""Which code made a result: hashes of the package, the configuration files and the pins."""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import mlalign
from mlalign.config.folder import CONF
from mlalign.files import sha256_of

PACKAGE = Path(mlalign.__file__).parent
PINS = PACKAGE.parent / "constraints.txt"


def code_hashes() -> dict[str, str | None]:
    """SHA-256 over ``mlalign/**/*.py``, ``conf/**/*.yaml`` and ``constraints.txt``.

    Read from where they are installed, without git; None for ``constraints.txt`` outside a
    checkout.
    """
    return {
        "mlalign": _package_hash(),
        "conf": tree_hash(Path(CONF), Path(CONF).rglob("*.yaml")),
        "constraints": sha256_of(PINS) if PINS.is_file() else None,
    }


@cache
def _package_hash() -> str:
    """Of the code that a process runs: as it was when first asked for, while files of ``conf`` are read anew."""
    return tree_hash(PACKAGE, PACKAGE.rglob("*.py"))


def tree_hash(root: Path, files: Iterable[Path]) -> str:
    """Over names and contents; the order of the files and the place of the root do not matter."""
    names = sorted((path.relative_to(root).as_posix(), path) for path in files)
    lines = [f"{sha256_of(path)}  {name}\n" for name, path in names]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
