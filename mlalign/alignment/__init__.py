"""The first stage: an encoder is aligned on parallel text."""
