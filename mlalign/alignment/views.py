"""Views: the forms in which a batch's sentences are encoded."""

from collections.abc import Callable, Collection, Iterable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from mlalign.alignment.objectives.base import Needs
from mlalign.data.masking import mask_words
from mlalign.data.parallel import MakeSide, Side
from mlalign.data.sampling import BatchKey, stream
from mlalign.data.sequences import SequenceBuilder
from mlalign.models.subwords import Subwords


def clean(subwords: Subwords, language: str, key: BatchKey) -> Side:
    """As the text is."""
    masked = torch.zeros_like(subwords.is_content_token)
    return Side(subwords, subwords.input_ids, masked, subwords.is_content_token)


def masked(layout: SequenceBuilder, *, rate: float, seed: int) -> MakeSide:
    """A share of the tokens hidden, by a random stream of the batch and the language alone."""
    replacements = ordinary_ids(layout)

    def make(subwords: Subwords, language: str, key: BatchKey) -> Side:
        found = mask_words(
            subwords,
            rate=rate,
            mask_id=layout.tokenizer.mask_token_id,
            replacements=replacements,
            random=stream(seed, "masks", key.epoch, key.batch, language, int(key.rows[0])),
        )
        shown = subwords._replace(input_ids=found.input_ids)
        return Side(shown, subwords.input_ids, found.hidden, subwords.is_content_token)

    return make


def ordinary_ids(layout: SequenceBuilder) -> Int[Tensor, " ordinary"]:
    """All ids but those of special and language tokens."""
    special = [*layout.tokenizer.all_special_ids, *layout.language_tokens.values()]
    return torch.from_numpy(np.setdiff1d(np.arange(len(layout.tokenizer)), special))


def views_read(needs: Collection[Needs]) -> list[str]:
    """The views that a batch must have; without masking ``masked`` is ``clean``."""
    if not any(one.masking for one in needs):
        return ["clean"]
    return [name for name in ("masked", "clean") if any(name in one.views for one in needs)]


def build_views(names: Iterable[str], layout: SequenceBuilder, *, rate: float, seed: int) -> dict[str, MakeSide]:
    """Name -> what makes one language of a view, in the order of ``names``."""
    builders: dict[str, Callable[[], MakeSide]] = {
        "clean": lambda: clean,
        "masked": lambda: masked(layout, rate=rate, seed=seed),
    }
    return {name: builders[name]() for name in names}
