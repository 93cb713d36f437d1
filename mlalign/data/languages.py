"""English, and languages by the name of a list or one by one; any floor may import it."""

from mlalign.errors import ConfigError, did_you_mean

ENGLISH = "en"  # the source of every pair, and the language of the labels
WITHOUT_SPACES = frozenset({"bo", "ja", "km", "lo", "my", "th", "yue", "zh"})  # between words
LANGUAGE_SETS = {
    # Gui and Xiao 2024: the languages of XNLI, Italian and Japanese.
    "paper16": "ar bg de el es fr hi it ja ru sw th tr ur vi zh",
    # Those of MLDoc, PAWS-X and the PANX table together; all of them are in CCMatrix.
    "core10": "ar de es fr it ja ko ru vi zh",
}


def language_list(key: str, value: object) -> list[str] | None:
    """The codes that a setting stands for.

    Args:
        key: of the setting, for the message.
        value: a list of codes, the name of a list, or None.

    Raises:
        ConfigError: it is something else.
    """
    if value is None:
        return None
    if isinstance(value, str) and value in LANGUAGE_SETS:
        return LANGUAGE_SETS[value].split()
    if isinstance(value, list) and all(isinstance(code, str) for code in value):
        return list(value)
    hint = did_you_mean(value, LANGUAGE_SETS) if isinstance(value, str) else ""
    raise ConfigError(
        f"{key}={value}: expected {', '.join(LANGUAGE_SETS)}, a list of codes such as [de,fr] "
        f'(in quotes where YAML reads a code otherwise: ["no"]), or null{hint}'
    )
