"""Speech recognition: transcripts with word times, while the call runs.

Reads turns, separations and overlaps, audio by time and the audio of sources; writes transcripts. Keeps, per channel,
what was decoded, the open turns, and their interim words.
"""
