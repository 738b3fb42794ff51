"""Speech recognition: transcripts with word times, while the call runs.

Reads speech and the voices that were lifted out of overlaps, audio by time and the audio of those voices; writes
transcripts. Keeps, per channel, the open window, its interim words, and the last final words.
"""
