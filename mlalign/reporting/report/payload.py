"""Cases as the page carries them: columns, each text once, gzip and base64, below a size."""

import base64
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlalign.data.languages import canonical, spoken, writes_spaces
from mlalign.files import JsonObject
from mlalign.reporting.report.cases import Cases, Texts

RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "syr", "ug", "ur", "yi"})
LENGTHS = (2000, 1200, 800, 500, 350, 250, 180, 120, 80)  # of a text, in characters
CUT = "…"


@dataclass(frozen=True)
class Payload:
    """What goes into the page, and what had to be left out of it.

    Attributes:
        data: base64 of gzip of JSON.
        length: characters after which a text is cut; 0 where no text is there.
        cut: how many texts were cut.
        seeds: of how many seeds the predictions are there.
    """

    data: str
    length: int
    cut: int
    seeds: int


def direction(language: str) -> str:
    """``rtl`` or ``ltr``, as HTML calls them, of a language's usual script."""
    return "rtl" if spoken(language) in RIGHT_TO_LEFT else "ltr"


def payload_of(cases: Sequence[Cases], texts: Mapping[str, Mapping[str, Texts]], most: int) -> Payload:
    """Everything, or as much of it as fits: first texts are cut, then seeds left out, then texts.

    Args:
        cases: of each task.
        texts: task -> language -> its texts.
        most: bytes of the result.
    """
    seeds = max((len(one.seeds) for one in cases), default=0)
    for length, kept in _ever_less(seeds):
        columns = [_columns(one, texts.get(one.task, {}), length, kept) for one in cases]
        text = json.dumps(columns, ensure_ascii=False, separators=(",", ":"))
        packed = gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)
        if 4 * -(-len(packed) // 3) <= most:
            break
    cut = sum(
        cut_text(parts, length) != list(parts)
        for by_language in texts.values()
        for found in by_language.values()
        for parts in found.parts or ()
        if length
    )
    return Payload(base64.b64encode(packed).decode(), length, cut, kept)


def _ever_less(seeds: int) -> Iterator[tuple[int, int]]:
    """Lengths of texts and numbers of seeds; the last is taken whatever its size."""
    half = LENGTHS.index(250)
    for length in LENGTHS[: half + 1]:
        yield length, seeds
    if seeds > 1:
        yield from ((length, 1) for length in LENGTHS[:half])
    yield from ((length, min(seeds, 1)) for length in LENGTHS[half:])
    yield 0, min(seeds, 1)


def cut_text(parts: Sequence[str], length: int) -> list[str]:
    """Texts, or words, up to so many characters of all of them together."""
    kept: list[str] = []
    for place, part in enumerate(parts):
        room = (length * (place + 1)) // len(parts) if len(parts) == 2 else length
        left = room - sum(map(len, kept))
        if len(part) <= left:
            kept.append(part)
        elif left > 0:
            kept.append(part[: left - 1].rstrip() + CUT)
    return kept


def _columns(cases: Cases, texts: Mapping[str, Texts], length: int, seeds: int) -> JsonObject:
    """An answer is 0 where it is the gold one, else its outcome's place plus one."""
    languages: list[JsonObject] = []
    column: list[list[str] | None] = []
    for language, count in cases.languages.items():
        found = texts.get(language, Texts())
        code = canonical(language)
        languages.append(
            {
                "code": language,
                "lang": code,
                "dir": direction(language),
                "count": count,
                "space": " " if writes_spaces(language) else "",
                "sides": [[side, direction(side)] for side in found.sides or ()],
            }
        )
        parts = found.parts if length else None
        column += [None] * count if parts is None else [cut_text(one, length) for one in parts]
    shown = cases.seeds[:seeds]
    return {
        "task": cases.task,
        "form": cases.metric.form,
        "outcomes": cases.outcomes,
        "languages": languages,
        "ids": cases.ids,
        "gold": cases.gold,
        "texts": column,
        "rows": cases.rows,
        "seeds": shown,
        "answers": [[_against(cases.answers[row].get(seed), cases.gold) for seed in shown] for row in cases.rows],
    }


def _against(answers: Sequence[int] | None, gold: Sequence[int]) -> list[int] | None:
    if answers is None:
        return None
    return [0 if one == true else one + 1 if one >= 0 else one for one, true in zip(answers, gold, strict=True)]
