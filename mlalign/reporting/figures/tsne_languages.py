"""Figure 8: clouds of subwords by language, before alignment and after."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from mlalign.reporting.drawing.embedding import Vectors, plane
from mlalign.reporting.drawing.scatter import planes
from mlalign.reporting.drawing.style import house_style, kinds
from mlalign.reporting.figures import Panels, Request

NUMBER, TITLE = 8, "Subwords by language"
CAPTION = "t-SNE of the most frequent subwords of each language, averaged over held-out sentences. {runs}"
BY_NAME, IN_REPORT = False, "encoders"
POINTS = 150  # of each language


def collect(panels: Panels, request: Request) -> pd.DataFrame:
    """From the encoders, of held-out sentences."""
    encoders = request.encoders(panels)
    clouds, languages = request.vectors.words_of_languages(encoders, request.points or POINTS, seed=request.seed)
    return numbers(clouds, languages, seed=request.seed)


def numbers(encoders: Mapping[str, tuple[Vectors, float]], languages: Sequence[str], *, seed: int) -> pd.DataFrame:
    """A plane for every encoder.

    Args:
        encoders: what an encoder is called -> vectors of subwords, and the balanced accuracy in per
            cent by which a fresh classifier tells their languages apart, see ``language_probe``.
        languages: of the subwords, the same for all encoders.
        seed: of t-SNE.

    Returns:
        Columns ``encoder``, ``language``, ``x``, ``y``, ``probe``, ``chance``.
    """
    parts = []
    for encoder, (vectors, probe) in encoders.items():
        named = pd.DataFrame({"encoder": encoder, "language": languages})
        parts.append(named.join(plane(vectors, seed=seed)).assign(probe=probe, chance=100 / len(set(languages))))
    return pd.concat(parts, ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """One plane for every encoder; languages by colour and marker."""
    with house_style():
        return planes(frame, "encoder", "language", kinds(frame["language"]), _title)


def _title(one: pd.DataFrame) -> str:
    probe, chance = one[["probe", "chance"]].iloc[0]
    return f", n = {len(one):,} subwords\na probe tells {probe:.0f} % (chance {chance:.0f} %)"
