"""The paper's figures, each a pure function from a table of the plotted numbers to a figure."""
