"""What the separator's parts agree on."""

RATE = 8000
"""Samples a second that the network works at."""
