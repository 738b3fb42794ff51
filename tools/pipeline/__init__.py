"""The whole pipeline in one process: over a private Redis, or over recordings in memory."""
