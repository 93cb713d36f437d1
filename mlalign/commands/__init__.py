"""What train.py and evaluate.py do when they are called."""
