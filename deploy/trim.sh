#!/bin/sh
# trim.sh FOLDER : takes out of a virtual environment what no service runs, and writes the licences of what stays.
set -eu
packages=$1/lib/python3.11/site-packages

"$1/bin/pip" uninstall --quiet --yes setuptools pip
"$1/bin/python3" "$(dirname "$0")/licences.py" >"$1/LICENCES"
# numpy imports a file of its own tests.
find "$packages" -type d \( -name tests -o -name test -o -name __pycache__ -o -name include \) \
    -not -path "$packages/numpy/_core/tests" -prune -exec rm -rf {} +
find "$packages/numpy/_core/tests" -type f -not -path "*/_natype.py" -not -name __init__.py -delete
find "$packages" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.lib' \) -delete
# Symbols of debugging: 68 MB of CTranslate2 alone. What lies in *.libs was patched, and is better left as it is.
find "$packages" -type f -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} +
rm -rf "$packages/onnxruntime/transformers" "$packages/onnxruntime/tools" "$packages/onnxruntime/quantization"
# The library for programs in C: 22 MB. Python's module has all of it once more.
rm -f "$packages"/onnxruntime/capi/libonnxruntime.so.*
# Files of other programs, and old interfaces: nothing imports them.
for name in io odr fftpack differentiate datasets; do rm -rf "$packages/scipy/$name"; done
