"""Figure 7: test documents of one language by class, run beside run."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from mlalign.reporting.drawing.embedding import Vectors, plane
from mlalign.reporting.drawing.scatter import planes
from mlalign.reporting.drawing.style import house_style, kinds
from mlalign.reporting.figures import Panels, Request
from mlalign.reporting.recorded import language_of

NUMBER, TITLE = 7, "Test texts by class"
CAPTION = "t-SNE of test texts ({language}) as the task's head sees them: {runs}."
BY_NAME, IN_REPORT = False, "furthest"
POINTS = 300


def collect(panels: Panels, request: Request) -> pd.DataFrame:
    """From the fine-tuned encoders, of test texts sampled at random."""
    language, points = language_of(panels, request.language), request.points or POINTS
    found = {
        name: request.vectors.documents(runs[0].folder, language, points, seed=request.seed)
        for name, runs in panels.items()
    }
    return numbers(found, language, seed=request.seed)


def numbers(runs: Mapping[str, tuple[Vectors, Sequence[str]]], language: str, *, seed: int) -> pd.DataFrame:
    """A plane for every run, and how well its classes part.

    Args:
        runs: what a run is called -> sentence vectors as the task's head sees them, gold labels.
        language: of the documents.
        seed: of t-SNE.

    Returns:
        Columns ``run``, ``language``, ``label``, ``x``, ``y``, ``silhouette``: of the classes by
        cosine among the vectors themselves, not in the plane (Rousseeuw 1987); 1 is best, 0
        nothing, the same for all points of a run.
    """
    from sklearn.metrics import silhouette_score

    parts = []
    for run, (vectors, labels) in runs.items():
        apart = 1 < len(set(labels)) < len(labels)
        silhouette = silhouette_score(vectors, labels, metric="cosine") if apart else None
        named = pd.DataFrame({"run": run, "language": language, "label": labels})
        parts.append(named.join(plane(vectors, seed=seed)).assign(silhouette=silhouette))
    return pd.concat(parts, ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """One plane for every run; classes by colour and marker."""
    with house_style():
        return planes(frame, "run", "label", sorted(kinds(frame["label"])), _title)


def _title(one: pd.DataFrame) -> str:
    silhouette = one["silhouette"].iloc[0]
    apart = f", silhouette {silhouette:.2f}" if pd.notna(silhouette) else ""
    return f"\n{one['language'].iloc[0]}, n = {len(one):,}{apart}"
