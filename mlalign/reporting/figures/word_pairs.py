"""Figure 10: words and their translations, joined by lines, before alignment and after."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from mlalign.data.languages import ENGLISH
from mlalign.reporting.drawing.embedding import Vectors, plane
from mlalign.reporting.drawing.scatter import label_points, planes
from mlalign.reporting.drawing.style import colour, house_style, kinds
from mlalign.reporting.figures import Panels, Request
from mlalign.reporting.recorded import language_of

NUMBER, TITLE = 10, "Words and their translations"
CAPTION = "t-SNE of English words and their translations ({language}), joined by lines. {runs}"
BY_NAME, IN_REPORT = False, "encoders"
POINTS = 60  # pairs
PERPLEXITY = 10.0  # a word has few near neighbours here, its translation before all
LABELLED = 12  # pairs that get their words written beside them, where there is room


def collect(panels: Panels, request: Request) -> pd.DataFrame:
    """From the encoders, of the words of a dictionary."""
    language, points = language_of(panels, request.language), request.points or POINTS
    found, words = request.vectors.translations(request.encoders(panels), language, request.words, points)
    return numbers(found, words, (ENGLISH, language), seed=request.seed)


def numbers(
    encoders: Mapping[str, tuple[Vectors, Vectors, float]],
    words: Sequence[tuple[str, str]],
    languages: tuple[str, str],
    *,
    seed: int,
) -> pd.DataFrame:
    """A plane for every encoder, with both languages in it.

    Args:
        encoders: what an encoder is called -> vectors of the source words, of their translations,
            and the share in per cent of words whose nearest of the other language is theirs.
        words: source word and translation.
        languages: of source and target.
        seed: of t-SNE.

    Returns:
        Columns ``encoder``, ``pair``, ``language``, ``word``, ``x``, ``y``, ``found``.
    """
    parts = []
    for encoder, (source, target, found) in encoders.items():
        part = plane(np.concatenate([source, target]), seed=seed, perplexity=PERPLEXITY)
        part.insert(0, "encoder", encoder)
        part.insert(1, "pair", [*range(len(words))] * 2)
        part.insert(2, "language", [side for side in languages for _ in words])
        part.insert(3, "word", [pair[side] for side in (0, 1) for pair in words])
        parts.append(part.assign(found=found))
    return pd.concat(parts, ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """One plane for every encoder; a grey line joins a word and its translation."""
    with house_style():
        languages = kinds(frame["language"])
        figure = planes(frame, "encoder", "language", languages, _title)
        panels = list(zip(figure.axes, (one for _, one in frame.groupby("encoder", sort=False)), strict=True))
        for axis, one in panels:
            sides = [one[one["language"] == side].set_index("pair") for side in languages]
            ends = np.stack([side[["x", "y"]].to_numpy() for side in sides], axis=1)
            axis.add_collection(LineCollection(list(ends), colors="#9a9a9a", linewidths=0.6, zorder=1))
        for axis, one in panels:
            _label(axis, one, languages)
    return figure


def _title(one: pd.DataFrame) -> str:
    found = one["found"].iloc[0]
    return f"\nn = {len(one) // 2:,} pairs; nearest word is the translation: {found:.0f} %"


def _label(axis: Axes, one: pd.DataFrame, languages: Sequence[str]) -> None:
    """The same pairs in every panel, spread evenly over the list."""
    chosen = set(np.linspace(0, one["pair"].max(), LABELLED).astype(int).tolist())
    label_points(
        axis,
        list(zip(one["x"], one["y"], strict=True)),
        one["word"].where(one["pair"].isin(chosen), "").tolist(),
        [colour(languages.index(language)) for language in one["language"]],
    )
