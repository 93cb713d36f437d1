"""The sample on disk: written on first use, found again after that."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path

from mlalign.data.sample.write import write_sample
from mlalign.errors import DataError
from mlalign.files import JsonObject, locked, read_object
from mlalign.progress import Progress

MARK = "generated.json"


def ensure_sample(root: Path, *, seed: int, progress: Progress) -> None:
    """Write the sample to ``root`` unless this version of its generator did so before.

    Raises:
        DataError: the folder holds something else, or the sample of another seed.
    """
    with locked(root.with_name(f".{root.name}.lock")):
        if not is_written(root, seed=seed):
            write_sample(root, seed=seed, beside=[(MARK, json.dumps(_generator(seed)))], progress=progress)


def is_written(root: Path, *, seed: int) -> bool:
    """Whether this version of the generator wrote the sample there.

    Raises:
        DataError: the folder holds something else, or the sample of another seed.
    """
    there = read_object(root / MARK)
    if "seed" not in there and root.is_dir() and any(root.iterdir()):
        raise DataError(
            f"data.root={root}: expected an empty or missing folder for the generated sample, "
            "found other files; choose another data.root, or data=files to use what is there"
        )
    if there.get("seed", seed) != seed:
        raise DataError(
            f"data.root={root}: holds the sample of prepare.seed={there['seed']}, not of {seed}; "
            "choose another data.root"
        )
    return there == _generator(seed)


def _generator(seed: int) -> JsonObject:
    """What the sample is made with: the code and tables that it comes from, and the seed."""
    digest = hashlib.sha256()
    package = Path(str(files("mlalign.data.sample")))
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".tsv"):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return {"generator": digest.hexdigest()[:16], "seed": seed}
