"""What a configuration must not say, before anything is loaded."""
