"""Embedding: hears who speaks in each window of a call and describes every voice by a voiceprint.

Reads a call's speech segments (from the VAD) and its audio by time. Writes one `VoiceWindow` per due window (local
voices, when each is active, and a voiceprint of the clean ones) and an `Overlap` for every settled stretch where two
speak at once. Keeps, per channel, the position of the last window and of the last settled overlap; no sound is kept.
"""
