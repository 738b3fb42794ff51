"""Writes down what is said, word by word, while the call runs.

Reads turns (with whose voices were separated) and overlaps, sound by time and sound of sources; writes transcripts.
Keeps of each channel what was decoded, which turns are open, and which words of them are shown.
"""
