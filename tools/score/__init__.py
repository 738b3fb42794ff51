"""Scores a timeline against who really spoke: the final labels, and the labels as they were shown while the call ran.

Reads a reference (RTTM), the timeline events of a call (one JSON a line) and optionally the regions to score (UEM);
docs/scoring.md says what every figure means.
"""
