"""The aggregator: numbers what is known of a call into the one timeline that dashboards see.

Reads `speech`, `overlaps` and `turns`, merged by position, and `words` as they come; writes `timeline`, in which every
word has its speaker; keeps the timeline itself, in parts (shared/timeline/parts.py), so that statistics can be taken
and a late joiner can read a snapshot from the stage's hash.
"""
