"""Parallel corpora, from any released form to ``<root>/parallel/<corpus>/en-<xx>.tsv.gz``."""
