"""The realiser of each language."""

from mlalign.data.sample.chinese import Chinese
from mlalign.data.sample.english import English
from mlalign.data.sample.french import French
from mlalign.data.sample.german import German
from mlalign.data.sample.realiser import Realiser
from mlalign.data.sample.russian import Russian
from mlalign.data.sample.spanish import Spanish

REALISERS: dict[str, Realiser[()] | Realiser[str]] = {
    "en": English(),
    "de": German(),
    "es": Spanish(),
    "fr": French(),
    "ru": Russian(),
    "zh": Chinese(),
}
