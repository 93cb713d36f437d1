"""The generated release on disk: written on first use, found again after that."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path

from mlalign.data.sample import write_sample
from mlalign.errors import DataError
from mlalign.files import locked
from mlalign.progress import Progress

MARK = "generated.json"


def ensure_sample(root: Path, *, seed: int, progress: Progress) -> None:
    """Write the sample to ``root`` unless this version of its generator did so before.

    Raises:
        DataError: the folder holds something else, or the sample of another seed.
    """
    generator = {"generator": _generator_fingerprint(), "seed": seed}
    with locked(root.with_name(f".{root.name}.lock")):
        mark = root / MARK
        there = json.loads(mark.read_text(encoding="utf-8")) if mark.is_file() else generator
        if there["seed"] != seed:
            raise DataError(
                f"data.root={root}: holds the sample of prepare.seed={there['seed']}, not of {seed}; "
                "choose another data.root"
            )
        if mark.is_file() and there == generator:
            return
        if root.is_dir() and any(root.iterdir()) and not mark.is_file():
            raise DataError(
                f"data.root={root}: expected an empty or missing folder for the generated sample, "
                "found other files; choose another data.root, or data=files to use what is there"
            )
        write_sample(root, seed=seed, beside=[(MARK, json.dumps(generator))], progress=progress)


def _generator_fingerprint() -> str:
    """Of the code and tables that the sample comes from."""
    digest = hashlib.sha256()
    package = Path(str(files("mlalign.data.sample")))
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".tsv"):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
