"""What can be typed, below the schema in config.py: words, tables of choices, smaller schemas."""
