"""The two training loops: alignment and fine-tuning."""
