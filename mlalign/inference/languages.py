"""The language of texts that are to be predicted, as an opened run knows it."""

import logging
from collections.abc import Sequence

from mlalign.data.languages import canonical, is_code, nearest
from mlalign.errors import ConfigError, did_you_mean
from mlalign.models.backbone import UNKNOWN
from mlalign.models.encoder import Encoder
from mlalign.models.word_encoder import WordEncoder
from mlalign.stages.reopen import OpenedRun

log = logging.getLogger(__name__)


def languages_told_apart(run: OpenedRun) -> list[str]:
    """Languages whose text a run treats each in its own way: by a token, a key, a map or a vocabulary; maybe none."""
    encoder = run.encoder
    if isinstance(encoder, WordEncoder):
        return list(encoder.languages)
    if isinstance(encoder, Encoder) and encoder.maps is not None:
        return list(encoder.maps.languages)
    if encoder.prototypes is not None:
        return list(encoder.prototypes.languages)
    return [one for one in run.layout.language_tokens if one != UNKNOWN]


def chosen_language(run: OpenedRun, language: str | None) -> str:
    """The code by which texts are read, ``unk`` where none is given; says once what an unknown language means.

    Raises:
        ConfigError: it is no language's code, or the run cannot read a language that it does not know.
    """
    known = languages_told_apart(run)
    names = f"known: {', '.join(known)}"
    if language is not None and not is_code(language):
        raise ConfigError(
            f"language={language}: expected the code of a language, as de or zh"
            f"{did_you_mean(language, known) or (f' ({names})' if known else '')}"
        )
    like = None if language is None else nearest(language, known)
    if isinstance(run.encoder, WordEncoder) and like is None:
        found = "language is not given" if language is None else f"language={language}"
        raise ConfigError(f"{found}: this run has vectors of words of some languages only; choose one ({names})")
    if language is None:
        _say_unknown(run, known, names)
        return UNKNOWN
    if known and like is None:
        log.warning(
            "language=%s was never aligned: its texts count as of an unknown language (%s)%s",
            language, names, did_you_mean(language, known),
        )  # fmt: skip
    elif like is not None and canonical(like) != canonical(language):
        log.warning("language=%s was never aligned: its texts count as %s, the same in another script", language, like)
    return canonical(language)


def _say_unknown(run: OpenedRun, known: Sequence[str], names: str) -> None:
    if known:
        log.warning("language is not given: the texts count as of an unknown language (%s)", names)
    elif run.module.task.takes_words:
        log.warning("language is not given: words are taken to stand between spaces, as zh, ja or th have none")
