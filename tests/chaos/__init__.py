"""Faults at random while calls are played; see __main__.py."""

import speakerline.shared.one_thread  # noqa: F401  before numpy loads: it fixes the bits of every voiceprint
