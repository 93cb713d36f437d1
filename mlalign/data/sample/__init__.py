"""A small generated data set in the forms of the original releases, to try the whole program on.

Its sentences are made from a hand-written lexicon and a small grammar of each language; it needs
no download and is the same everywhere. It says nothing about how well a method works on real text.
"""

from mlalign.data.sample.write import write_sample

__all__ = ["write_sample"]
