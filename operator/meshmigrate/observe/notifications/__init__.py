"""Telling people how runs end: what is said, by which channels, and how it gets there."""
