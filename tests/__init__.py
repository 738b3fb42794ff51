"""Tests of all parts, by folder; `redis_server.py` runs the real redis-server they use."""
