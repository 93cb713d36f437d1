"""Figure 2: how a sentence and its words go with its translation and that one's words."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure

from mlalign.reporting.drawing.heatmap import bar, cells, letters, shape
from mlalign.reporting.drawing.style import house_style, kinds, panels
from mlalign.reporting.figures import Panels, Request
from mlalign.reporting.recorded import language_of

NUMBER, TITLE = 2, "A sentence, its translation and their words"
CAPTION = (
    "Cosines of a held-out English sentence and its words with its translation ({language}) and that one's words. "
    "{runs}"
)
BY_NAME, IN_REPORT = False, "encoders"
SOURCE, TARGET = "SOURCE", "TARGET"
Array = np.ndarray


def collect(panels: Panels, request: Request) -> pd.DataFrame:
    """From the encoders, of a sentence and its translation."""
    language = language_of(panels, request.language)
    words, vectors = request.vectors.pair_vectors(request.encoders(panels), language, request.pair)
    return numbers(vectors, *words)


def numbers(
    panels: Mapping[str, tuple[Float[Array, "rows dim"], Float[Array, "columns dim"]]],
    source: Sequence[str],
    target: Sequence[str],
) -> pd.DataFrame:
    """Cosines between the sentence and words of one language and those of the other.

    Args:
        panels: what an encoder is called -> vectors of the source sentence and then of each of
            its words, and the same of the target.
        source: the words of the source sentence.
        target: the words of its translation.

    Returns:
        Columns ``encoder``, ``row``, ``column`` (0 for the sentence), ``source``, ``target``,
        ``cosine``.

    Raises:
        ValueError: other than one vector for the sentence and one for each word.
    """
    from sklearn.metrics.pairwise import cosine_similarity

    found = []
    rows, columns = [SOURCE, *source], [TARGET, *target]
    for encoder, (source_vectors, target_vectors) in panels.items():
        if (len(source_vectors), len(target_vectors)) != (len(rows), len(columns)):
            raise ValueError(
                f"{encoder}: expected {len(rows)} and {len(columns)} vectors, one for the sentence "
                f"and one for each word, found {len(source_vectors)} and {len(target_vectors)}"
            )
        cosines = cosine_similarity(source_vectors, target_vectors)
        row, column = np.indices(cosines.shape).reshape(2, -1)
        of_pairs = {"row": row, "column": column, "source": np.take(rows, row), "target": np.take(columns, column)}
        found.append(pd.DataFrame({"encoder": encoder, **of_pairs, "cosine": cosines.ravel()}))
    return pd.concat(found, ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """One heatmap for every encoder; darker is nearer. First row and column: the sentences."""
    with house_style():
        names = kinds(frame["encoder"])
        rows, columns = (frame[side].max() + 1 for side in ("row", "column"))
        beside, cell = shape(len(names), columns)
        figure, axes = panels(len(names), height=cell * rows + 1.5, most=beside, wide=True)
        low = min(0.0, float(np.floor(10 * frame["cosine"].min()) / 10))
        for place, (axis, name) in enumerate(zip(axes, names, strict=True)):
            one = frame[frame["encoder"] == name]
            matrix = one.pivot(index="row", columns="column", values="cosine")
            matrix.index = pd.Index(one.drop_duplicates("row").sort_values("row")["source"])
            matrix.columns = pd.Index(one.drop_duplicates("column").sort_values("column")["target"])
            image = cells(
                axis,
                matrix,
                low=low,
                high=1,
                form="{:.2f}",
                size=letters(cell),
                rows=place % beside == 0,
                top=True,
            )
            axis.axhline(0.5, color="black", linewidth=0.8)
            axis.axvline(0.5, color="black", linewidth=0.8)
            axis.set_title(name)
        bar(figure, image, axes, "cosine")
    return figure
