"""Separation: extracts each voice from overlaps, in which people speak at the same time.

Reads `Overlap` events, and audio by time. Writes `Separation` events, and the audio of each separated voice into the
call's hash of sounds. Keeps the overlaps that are not due yet, and the names of the sounds of the last minutes.
"""
