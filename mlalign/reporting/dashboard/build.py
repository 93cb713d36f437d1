"""A dashboard as wandb's own specification: a saved view of a project, its workspace."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlalign.files import JsonObject
from mlalign.reporting.dashboard.panels import sections
from mlalign.reporting.keys import TASK, average_key

if TYPE_CHECKING:
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces.reports.v2.interface import Panel

PINNED = (
    "run:displayName",
    f"summary:{average_key('transfer_average')}",
    "summary:reads",
    "summary:notes",
    "summary:budget.flops",
)
COLUMNS, ROWS = 3, 2  # of panels in a section
WIDTH, HEIGHT = 8, 6  # of a panel; a row is 24 wide


def workspace(
    entity: str,
    project: str,
    title: str,
    *,
    task: str,
    metric: str,
    languages: Sequence[str],
    losses: Sequence[str],
    tunings: Sequence[str] = (),
) -> "ws.Workspace":
    """A saved view of the project's runs of a task, a ``wandb_workspaces`` ``Workspace``."""
    import wandb_workspaces.workspaces as ws

    return ws.Workspace(
        entity=entity,
        project=project,
        name=title,
        sections=[
            ws.Section(
                name=name,
                panels=_placed(panels),
                is_open=place < 2,
                layout_settings=ws.SectionLayoutSettings(columns=COLUMNS, rows=ROWS),
            )
            for place, (name, panels) in enumerate(sections(metric, languages, losses, tunings))
        ],
        runset_settings=ws.RunsetSettings(filters=[ws.Config(TASK) == task], pinned_columns=list(PINNED)),
    )


def specification(made: "ws.Workspace") -> JsonObject:
    """What would be sent, as plain data."""
    return made._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)


def _placed(panels: Sequence["Panel"]) -> list["Panel"]:
    """Row by row."""
    import wandb_workspaces.reports.v2 as wr

    for place, panel in enumerate(panels):
        row, column = divmod(place, COLUMNS)
        panel.layout = wr.Layout(x=WIDTH * column, y=HEIGHT * row, w=WIDTH, h=HEIGHT)
    return list(panels)
