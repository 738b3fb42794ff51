"""Clustering: decides who speaks, from the local voices of all windows of a call.

Reads `VoiceWindow` events in order. Writes speakers (created, merged, named) and turns (upserted, withdrawn),
provisional at once and revised while evidence grows. Keeps the windows of the last minutes, a sum per speaker of what
is older, and its open turns.
"""
