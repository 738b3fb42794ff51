"""What users of the pipeline talk to: a producer of calls, and a subscriber of timelines."""
