"""Separation: lifts each voice out of the stretches in which people speak at the same time.

Reads `Overlap` events, and sound by time. Writes `Separation` events, and the sound of each lifted voice into the
call's hash of sounds. Keeps the overlaps that are not due yet, and the names of the sounds of the last minutes.
"""
