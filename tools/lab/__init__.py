"""The laboratory: simulates telephone calls, derives calibrations and measures diarization. Nothing here runs in a
live call."""
