"""The aggregator: merges all events of a call into one numbered timeline, which dashboards read.

Reads `speech`, `overlaps` and `turns`, merged by position, and `words` as they come; writes `timeline`, in which every
word has its speaker; keeps the timeline itself, in parts (shared/timeline/parts.py), so that statistics can be taken
and a late joiner can read a snapshot from the stage's hash.
"""
