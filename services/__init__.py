"""The stages of the pipeline and the command line, one package each.

numpy's OpenBLAS gets one thread before anybody imports numpy. Its matrices here are small: two threads, which wait for each
other by spinning, took 20 times the CPU of one for a mel spectrogram. And it rounds differently by number of threads, so
that machines with other numbers of cores would give other voiceprints.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
