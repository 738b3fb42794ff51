"""The numpy arrays that signatures name, by the type of their elements; shapes are in the docstrings."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
UInt8s = NDArray[np.uint8]
Int16s = NDArray[np.int16]
Int64s = NDArray[np.int64]
Indices = NDArray[np.intp]
Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]
AnyFloats = NDArray[np.floating]
Complex64s = NDArray[np.complex64]
Complex128s = NDArray[np.complex128]
AnyArray = NDArray[Any]
