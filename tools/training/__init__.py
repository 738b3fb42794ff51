"""Trains the separator, measures it and exports it."""
