"""Points in a plane by kind, and labels that do not cover one another."""

from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from mlalign.reporting.drawing.labels import drawable
from mlalign.reporting.drawing.style import colour, kinds, marker, panels

# Where a label may be: offsets in points, and which of its corners is there
PLACES = (
    (2.5, 2.5, "left", "bottom"),
    (2.5, -2.5, "left", "top"),
    (-2.5, 2.5, "right", "bottom"),
    (-2.5, -2.5, "right", "top"),
    (4, 0, "left", "center"),
    (-4, 0, "right", "center"),
    (0, 4, "center", "bottom"),
    (0, -4, "center", "top"),
)
POINT = 2.0  # points around a dot's centre that no label may cover


def planes(
    frame: pd.DataFrame, panel: str, kind: str, order: Sequence[str], title: Callable[[pd.DataFrame], str]
) -> Figure:
    """A plane of t-SNE for each value of a column, and one legend; see ``points``.

    Args:
        frame: columns ``x``, ``y``, ``panel`` and ``kind``.
        panel: the column that tells panels apart.
        kind: the column that is shown by colour and marker.
        order: of the kinds.
        title: what stands above a panel with these rows, below its name.
    """
    names = kinds(frame[panel])
    figure, axes = panels(len(names), height=4.3, most=2)
    for axis, name in zip(axes, names, strict=True):
        one = frame[frame[panel] == name]
        points(axis, one, kind, order)
        axis.set_title(f"{name}{title(one)}")
        axis.set_xlabel("t-SNE, no units")
    legend(figure, order)
    return figure


def points(axis: Axes, frame: pd.DataFrame, by: str, order: Sequence[str]) -> None:
    """Draw columns ``x`` and ``y``; a kind of ``by`` has its colour and its marker.

    Points are drawn in the order of the rows, so that no kind hides another: rows of all kinds
    should be mixed.
    """
    size = 14 if len(frame) < 400 else 7
    shuffled = frame.sample(frac=1, random_state=0)
    for start in range(0, len(shuffled), max(1, len(shuffled) // 8)):
        part = shuffled.iloc[start : start + max(1, len(shuffled) // 8)]
        for place, kind in enumerate(order):
            one = part[part[by] == kind]
            axis.scatter(
                one["x"],
                one["y"],
                s=size,
                c=colour(place),
                marker=marker(place),
                alpha=0.75,
                linewidths=0,
                zorder=2,
            )
    plain(axis)


def plain(axis: Axes) -> None:
    """A plane whose coordinates mean nothing: no ticks, a box around it."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_aspect("equal", adjustable="datalim")
    axis.set_box_aspect(1)
    axis.spines[:].set_visible(True)
    axis.spines[:].set_color("#bbbbbb")


def legend(figure: Figure, order: Sequence[str], counts: Sequence[int] | None = None) -> None:
    """One legend for all panels, below them; with the number of points in each panel."""
    handles = [
        Line2D([], [], linestyle="", marker=marker(place), color=colour(place), markersize=5)
        for place in range(len(order))
    ]
    names = [drawable(kind, 24) for kind in order]
    if counts is not None:
        names = [f"{name} ({count:,})" for name, count in zip(names, counts, strict=True)]
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 6))


def label_points(
    axis: Axes,
    places: Sequence[tuple[float, float]],
    texts: Sequence[str],
    colours: Sequence[str],
) -> int:
    """Write texts beside points where they cover no other text, no point and no edge.

    The earlier a text comes, the surer it finds room. Axis limits must be settled.

    Args:
        axis: with all points drawn.
        places: of all points, in data coordinates.
        texts: one for each; an empty one is skipped.
        colours: one for each.

    Returns:
        How many were written.
    """
    figure = axis.get_figure(root=True)
    assert figure is not None
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # lays the panels out, so that boxes are where they will be
    renderer = canvas.get_renderer()
    inside = axis.get_window_extent(renderer)
    reach = POINT * figure.dpi / 72
    dots = axis.transData.transform(places)
    taken = [Bbox.from_extents(*(dot - reach), *(dot + reach)) for dot in dots]
    written = 0
    for place, text, shade in zip(places, texts, colours, strict=True):
        for right, up, horizontal, vertical in PLACES if text else ():
            note = axis.annotate(
                drawable(text, 24),
                place,
                xytext=(right, up),
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize=6.5,
                color=shade,
                zorder=4,
                path_effects=[withStroke(linewidth=1.5, foreground="white")],
            )
            note.set_in_layout(False)
            box = note.get_window_extent(renderer).padded(1)
            within = all(inside.contains(*corner) for corner in box.get_points())
            if within and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                written += 1
                break
            note.remove()
    return written
