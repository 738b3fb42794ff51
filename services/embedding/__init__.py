"""Embedding: finds the local voices of each window of a call, and their voiceprints.

Reads a call's speech segments (from the VAD) and its audio by time. Writes one `VoiceWindow` per due window (local
voices, when each is active, and a voiceprint of the clean ones) and an `Overlap` for every settled span in which two
speak at once. Keeps, per channel, the position of the last window and of the last settled overlap, and the voiceprints
of the last window; no sound is kept.
"""
