"""Clustering: assigns speakers to the local voices of all windows of a call, and to the sources of separated overlaps.

Reads `VoiceWindow`, `Separation` and `Correction` events in order. Writes speakers (created, merged, split, named),
turns (upserted, withdrawn), the speaker of each source, and what operators corrected. All are provisional at first and
revised as evidence grows. Keeps the windows and separations of the last minutes, one voiceprint sum per speaker for
what is older, its open turns, and what operators have said.
"""
