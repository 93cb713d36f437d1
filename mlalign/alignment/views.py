"""Views: the forms in which a batch's sentences are encoded."""

from collections.abc import Collection, Iterable

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mlalign.alignment.objectives.base import Needs
from mlalign.config.enums import JoinedOrder, Positions
from mlalign.config.schema import Align
from mlalign.data.joining import Joined, exchanged, in_any_order, side_by_side
from mlalign.data.languages import ENGLISH
from mlalign.data.masking import mask_words
from mlalign.data.parallel import MakeView, Sentences, Side, Sides
from mlalign.data.sampling import BatchKey, stream
from mlalign.data.sequences import SequenceBuilder
from mlalign.models.subwords import Subwords

AGAIN = "again:"  # in front of a view: the same ids in another pass, with another dropout
TARGET = "target:"  # in front of a view of both languages: its second side alone
ORDER = ("masked", "clean", "english", "tlm", "mixed", "either")  # of the passes, which dropout depends on


def unmasked(subwords: Subwords) -> Side:
    """As the text is."""
    return Side(subwords, subwords.input_ids, torch.zeros_like(subwords.is_content_token), subwords.is_content_token)


def clean(text: Sentences, key: BatchKey) -> Sides:
    """Both languages as they are."""
    return Sides(unmasked(text.source), unmasked(text.target))


def english(text: Sentences, key: BatchKey) -> tuple[Side]:
    """The pivot alone, usually English, as it is."""
    return (unmasked(text.source),)


class Masks:
    """The views with masks; each has random streams of its own, named by the batch and what is masked.

    Args:
        layout: of the sequences.
        align: settings of the stage.
        seed: of all streams.
    """

    def __init__(self, layout: SequenceBuilder, align: Align, *, seed: int) -> None:
        self.layout, self.align, self.seed = layout, align, seed
        self.replacements = ordinary_ids(layout)

    def masked(self, text: Sentences, key: BatchKey) -> Sides:
        """A share of the tokens of each language hidden, in every so many-th pair."""
        chosen = slice(None, None, self.align.masked_every)
        source = ENGLISH if key.language != ENGLISH else "source"  # whatever it is, another stream than the target's
        return Sides(
            *(
                self._hidden(subwords.rows(chosen), self._stream("masks", key, language))
                for subwords, language in zip(text, (source, key.language), strict=True)
            )
        )

    def tlm(self, text: Sentences, key: BatchKey) -> tuple[Side]:
        """The pair in one row, masks in both halves (Conneau and Lample 2019, arXiv:1901.07291)."""
        rows, options = len(key.rows), self.align.tlm
        order = torch.zeros(rows, dtype=torch.bool)
        if options.order == JoinedOrder.shuffled:
            order = in_any_order(rows, self._stream("tlm order", key, key.language))
        joined = self._joined(*text, order, restart=options.positions == Positions.restart)
        return (self._hidden(joined.subwords, self._stream("tlm masks", key, key.language), joined.half),)

    def either(self, text: Sentences, key: BatchKey) -> Sides:
        """The text as it is, in any row the other language first: either is the source."""
        swapped = in_any_order(len(key.rows), self._stream("either", key, key.language))
        source, target = exchanged(*text, swapped, padding=self.layout.padding)
        return Sides(unmasked(source), unmasked(target))

    def mixed(self, text: Sentences, key: BatchKey) -> Sides:
        """Two pairs a row in any order, the languages' sides swapped in any row, masked.

        Chi et al. 2021 (arXiv:2007.07834), mixup contrast: no side is one language's, and the
        place of a sentence says nothing.
        """
        rows, padding = len(key.rows) // 2, self.layout.padding
        random = self._stream("mixed order", key, key.language)
        swapped = in_any_order(rows, random).repeat_interleave(2)
        source, target = (subwords.rows(slice(2 * rows)) for subwords in text)
        sides = []
        for name, side in zip(Sides._fields, exchanged(source, target, swapped, padding=padding), strict=True):
            one, two = side.rows(slice(0, None, 2)), side.rows(slice(1, None, 2))
            joined = self._joined(one, two, in_any_order(rows, random))
            sides.append(self._hidden(joined.subwords, self._stream("mixed masks", key, name), joined.half))
        return Sides(*sides)

    def _joined(
        self, one: Subwords, two: Subwords, swapped: Bool[Tensor, " batch"], *, restart: bool = False
    ) -> Joined:
        layout = self.layout
        return side_by_side(
            one,
            two,
            swapped,
            padding=layout.padding,
            most=layout.most_joined,
            multiple=layout.multiple,
            restart=restart,
        )

    def _stream(self, purpose: str, key: BatchKey, name: str) -> np.random.Generator:
        return stream(self.seed, purpose, key.epoch, key.batch, name, int(key.rows[0]))

    def _hidden(self, subwords: Subwords, random: np.random.Generator, half: Tensor | None = None) -> Side:
        found = mask_words(
            subwords,
            rate=self.align.mask_rate,
            mask_id=self.layout.tokenizer.mask_token_id,
            replacements=self.replacements,
            random=random,
        )
        shown = subwords._replace(input_ids=found.input_ids)
        return Side(shown, subwords.input_ids, found.hidden, subwords.is_content_token, half)


def ordinary_ids(layout: SequenceBuilder) -> Int[Tensor, " ordinary"]:
    """All ids but those of special and language tokens."""
    special = [*layout.tokenizer.all_special_ids, *layout.language_tokens.values()]
    return torch.from_numpy(np.setdiff1d(np.arange(len(layout.tokenizer)), special))


def views_read(needs: Collection[Needs]) -> list[str]:
    """The views that a batch must have, in the order of their passes.

    Without an objective that predicts its masks ``masked`` is ``clean``.
    """
    masking = any(one.masking for one in needs)
    names = {name if masking else name.replace("masked", "clean") for one in needs for name in one.views}
    return sorted(names, key=lambda name: (name.startswith(AGAIN), ORDER.index(name.removeprefix(AGAIN))))


def build_views(names: Iterable[str], layout: SequenceBuilder, align: Align, *, seed: int) -> dict[str, MakeView]:
    """Name -> what makes a view, in the order of ``names``.

    Args:
        names: of views, see ``views_read``.
        layout: of the sequences.
        align: settings of the stage.
        seed: of masks and orders.
    """
    masks = Masks(layout, align, seed=seed)
    makers: dict[str, MakeView] = {
        "clean": clean,
        "english": english,
        "masked": masks.masked,
        "tlm": masks.tlm,
        "mixed": masks.mixed,
        "either": masks.either,
    }
    return {name: makers[name.removeprefix(AGAIN)] for name in names}
