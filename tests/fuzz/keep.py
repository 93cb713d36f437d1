"""Put the files that a seed damages into the corpus: ``python -m fuzz.keep FORM SEED``."""

import sys
from pathlib import Path

from fuzz.mutation import damaged


def keep(name: str, seed: int) -> Path:
    folder = Path(__file__).parent / "corpus" / name.replace(" ", "_") / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for one, content in damaged(name, seed).items():
        (folder / one).write_bytes(content)
    return folder


if __name__ == "__main__":
    print(keep(sys.argv[1], int(sys.argv[2])))
