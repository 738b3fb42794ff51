"""Processes of tests that are forked in milliseconds from one that has imported what they need."""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.archive.killed", "tests.runtime.toy_worker"])
