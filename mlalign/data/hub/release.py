"""The generated release on disk: written on first use, found again after that."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path

from mlalign.data.sample import write_sample
from mlalign.errors import DataError
from mlalign.files import locked
from mlalign.progress import Progress

SEED = 1
MARK = "generated.json"


def ensure_sample(root: Path, *, progress: Progress) -> None:
    """Write the sample to ``root`` unless this version of its generator did so before.

    Raises:
        DataError: the folder holds something else.
    """
    generator = {"generator": _generator_fingerprint(), "seed": SEED}
    with locked(root.with_name(f".{root.name}.lock")):
        mark = root / MARK
        if mark.is_file() and json.loads(mark.read_text(encoding="utf-8")) == generator:
            return
        if root.is_dir() and any(root.iterdir()) and not mark.is_file():
            raise DataError(
                f"data.root={root}: expected an empty or missing folder for the generated sample, "
                "found other files; choose another data.root, or data=files to use what is there"
            )
        write_sample(root, seed=SEED, beside=[(MARK, json.dumps(generator))], progress=progress)


def _generator_fingerprint() -> str:
    """Of the code and tables that the sample comes from."""
    digest = hashlib.sha256()
    package = Path(str(files("mlalign.data.sample")))
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".tsv"):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
