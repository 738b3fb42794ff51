"""`python -m speakerline.tools.bytecode MODULE...`: imports the modules, and compiles all that they load, for an image.

A container can't write, and would compile at every start. Bytecode is never compared with its code, and of what nobody
loads there is none: it takes as much room as the code."""

import importlib
import py_compile
import sys
from collections.abc import Sequence
from pathlib import Path


def compile_loaded(names: Sequence[str]) -> int:
    """Gives the number of files that were compiled; what has bytecode already is left as it is."""
    for name in names:
        importlib.import_module(name)
    specs = [spec for module in [*sys.modules.values()] if (spec := getattr(module, "__spec__", None))]
    files = {spec.origin: spec.cached for spec in specs if spec.has_location and spec.cached}
    new = {code: bytecode for code, bytecode in files.items() if not Path(bytecode).exists()}
    for code, bytecode in new.items():
        py_compile.compile(
            code, bytecode, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
    return len(new)


if __name__ == "__main__":
    sys.stdout.write(f"{compile_loaded(sys.argv[1:])} files compiled\n")
