"""Faults at random while calls are played; see __main__.py."""

import services  # noqa: F401  it fixes the threads of OpenBLAS, with them the bits of every voiceprint, before numpy loads
