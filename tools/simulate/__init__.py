"""Simulates telephone calls and meetings from recorded speech: who speaks when, in which room, over which line."""
