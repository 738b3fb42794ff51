"""Clustering: decides who speaks, from the local voices of all windows of a call and the voices lifted out of overlaps.

Reads `VoiceWindow` and `Separation` events in order. Writes speakers (created, merged, named), turns (upserted,
withdrawn), and whom each lifted voice was given to, provisional at once and revised while evidence grows. Keeps the
windows and separations of the last minutes, a sum per speaker of what is older, and its open turns.
"""
