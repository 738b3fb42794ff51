"""Clients of a running system: a producer of calls, a subscriber of timelines, enrolled voices, and erasure."""
