"""What can be typed: the schema, its choices, its ranges, and the command line; the only room that knows Hydra."""
