"""The runtime that runs every stage: ownership, reading, merging, batching, committing, handing over, measuring."""
