"""Imported before numpy: OpenBLAS gets one thread.

The matrices here are small: two threads, which wait for each other by spinning, took twenty times the CPU of one for a
mel spectrogram. And it rounds differently with the number of threads, so that machines with other numbers of cores
would give other voiceprints.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
