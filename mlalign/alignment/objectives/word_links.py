"""Word level: tokens that are linked come together, directly or among all others."""

from dataclasses import dataclass

from jaxtyping import Float
from omegaconf import MISSING
from torch import Tensor, nn

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.objectives.base import Needs, Objective, Parts
from mlalign.config.enums import LinkForm, Links, View
from mlalign.config.schema import Train
from mlalign.config.settings import POSITIVE, at_least, setting
from mlalign.cost import BatchSize, linear_operations, similarity_operations
from mlalign.losses import link_contrast_loss, link_distance_loss
from mlalign.training.gathering import all_gather, weighted

FROM_ENCODER = "links of subwords by the encoder itself before alignment, not fast_align on a million pairs"


class WordLinks(Objective):
    """Cao et al. 2020 (arXiv:2002.03518), and the contrastive forms of Wu and Dredze 2020 (arXiv:2010.02537)."""

    level = "word"
    faithful = "links of subwords by IBM model 1 on the run's own text, not fast_align on a million pairs"

    @dataclass
    class Settings(Objective.Settings):
        """``projection``: width of a projector, null for none; ``stay``: weight of the distance to the start."""

        view: View = View.clean
        form: LinkForm = MISSING
        temperature: float = setting(0.1, POSITIVE)
        projection: int | None = setting(None, at_least(1))
        stay: float = setting(0.0, at_least(0))

        def needs(self) -> Needs:
            """Links, and the first weights where the encoder is to stay near them."""
            companions = frozenset({"start"}) if self.stay else frozenset[str]()
            return Needs(frozenset({self.view.value}), companions=companions, links=True)

    @classmethod
    def differences(cls, config: Train) -> str | None:
        """By whose links."""
        return FROM_ENCODER if config.data.links == Links.encoder else cls.faithful

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings, self.dim = settings, parts.dim
        self.projector: nn.Module = nn.Identity()
        if settings.projection is not None:
            self.projector = nn.Sequential(
                nn.Linear(parts.dim, parts.dim, bias=False),
                nn.ReLU(),
                nn.Linear(parts.dim, settings.projection, bias=False),
            )

    def forward(self, batch: EncodedBatch) -> Float[Tensor, ""]:
        """A mean over the links of all ranks."""
        settings = self.settings
        source, target = (self.projector(tokens) for tokens in batch.linked(settings.view.value))
        if settings.form == LinkForm.distance:
            loss = weighted(link_distance_loss(source, target), len(source))
        else:
            loss = link_contrast_loss(
                all_gather(source, even=False),
                all_gather(target, even=False),
                temperature=settings.temperature,
                both_sides=settings.form == LinkForm.strong,
            )
        return loss + settings.stay * batch.companions["start"].distance() if settings.stay else loss

    def operations(self, size: BatchSize) -> int:
        """The projector, and all pairs of linked tokens where they are contrasted."""
        links = int(size.links.sum())
        width = self.settings.projection or self.dim
        projector = 0 if self.settings.projection is None else self.dim * (self.dim + width)
        contrast = 0 if self.settings.form == LinkForm.distance else similarity_operations(2 * links, width)
        return linear_operations(2 * links, projector) + contrast
