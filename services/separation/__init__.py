"""Lifts each voice out of the stretches in which people speak at the same time."""
