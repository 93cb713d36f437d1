"""Folders of encoders, found or made."""
