"""Runs watched from elsewhere: Weights & Biases, which is imported only when it is asked for."""
