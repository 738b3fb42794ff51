"""Mutation runs: one-line faults are put into a module, and the tests are asked whether they notice.

    python -m tests.mutation services/clustering/turns.py tests/clustering

The tree is never written to: each fault lives in a forked process, which imports the faulty module from memory and runs
the tests that execute the line, the fastest first, until one fails. Faults that no test notices are printed.
"""
