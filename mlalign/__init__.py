"""Multi-level cross-lingual alignment: align an encoder, fine-tune on English, test everywhere."""

__version__ = "0.2.0"
