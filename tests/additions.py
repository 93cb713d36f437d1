"""What the change stories add: found as if it stood in the package, and told as diffs in the docs."""

import difflib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
ADDED = ROOT / "tests" / "added"
STORIES = ROOT / "docs" / "change_stories.md"
BLOCK = re.compile(r"```diff\n--- /dev/null\n\+\+\+ (\S+)\n.*?```\n", re.DOTALL)
CONF = f"hydra.searchpath=[file://{ADDED / 'conf'}]"  # to be typed


def added_files() -> list[str]:
    """Names of the files, as they would stand in the checkout."""
    return sorted(path.relative_to(ADDED).as_posix() for path in ADDED.rglob("*") if path.suffix in (".py", ".yaml"))


@contextmanager
def additions() -> Iterator[None]:
    """Inside, every folder of the package holds what is added to it; afterwards nothing of it is left."""
    modules = [name.removesuffix(".py").replace("/", ".") for name in added_files() if name.endswith(".py")]
    packages = {name: import_module(name) for name in {module.rpartition(".")[0] for module in modules}}
    paths = {name: [*one.__path__, str(ADDED / name.replace(".", "/"))] for name, one in packages.items()}
    patches = [patch.object(packages[name], "__path__", path) for name, path in paths.items()]
    try:
        for one in patches:
            one.start()
        yield
    finally:
        for one in patches:
            one.stop()
        for module in modules:
            sys.modules.pop(module, None)


def block(name: str) -> str:
    """The diff that adds a file, fenced."""
    lines = (ADDED / name).read_text(encoding="utf-8").splitlines(keepends=True)
    return f"```diff\n{''.join(difflib.unified_diff([], lines, '/dev/null', name))}```\n"


def told() -> str:
    """The stories with each diff as its file is now."""
    return BLOCK.sub(lambda found: block(found[1]), STORIES.read_text(encoding="utf-8"))


if __name__ == "__main__":
    STORIES.write_text(told(), encoding="utf-8")
