"""Voiceprints: how they are made of sound, how they travel, and what is known of how they compare."""
