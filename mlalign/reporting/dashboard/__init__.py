"""A project's dashboard on Weights & Biases, made by code."""
