"""From finished runs to files and tables."""
