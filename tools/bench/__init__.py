"""Measures the whole system on this machine: cost, capacity, latency, growth, speed.

`python -m speakerline.tools.bench` prints the tables.

It starts a Redis of its own and one process a stage, plays calls to them as a telephony system would, and reads
the timelines as a dashboard would. docs/performance.md says what each figure means.
"""
