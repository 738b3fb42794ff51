"""Faults at random while calls are played; see __main__.py."""
