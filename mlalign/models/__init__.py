"""Parts of the network; nothing here knows about training."""

from mlalign.models.discriminator import LanguageDiscriminator
from mlalign.models.fusion import AttentionFusion

__all__ = ["AttentionFusion", "LanguageDiscriminator"]
