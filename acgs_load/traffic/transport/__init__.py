"""Bytes to the target and back: one exchange at a time, every way it can end told apart."""
