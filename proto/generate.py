"""Generates shared/contract/v1.py from the .proto files; `--check` fails where the committed file is stale."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROTO = Path(__file__).resolve().parent
TARGET = PROTO.parent / "shared" / "contract" / "v1.py"


def generate() -> str:
    """The text of the generated module, adapted to the rules of the wire format (see `adapt`)."""
    sources = sorted(str(path) for path in (PROTO / "speakerline" / "v1").glob("*.proto"))
    tools = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}"),
                f"--python_betterproto2_out={folder}",
                "--python_betterproto2_opt=pydantic_dataclasses",
                *sources,
            ],
            check=True,
            env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        )
        return adapt((Path(folder) / "speakerline" / "v1" / "__init__.py").read_text())


def adapt(text: str) -> str:
    """Unknown fields are ignored, camelCase is read as well as snake_case, enums travel by name.

    Messages are in no pool, because nothing travels as google.protobuf.Any; a docstring of one line is one line."""
    text = text.replace('config={"extra": "forbid"}', "config=CONFIG")
    text = text.replace("(betterproto2.Enum)", "(NamedEnum)")
    text = text.replace(
        "from ...message_pool import default_message_pool\n",
        "from speakerline.shared.contract.named_enum import NamedEnum\n\n"
        'CONFIG = pydantic.ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True)\n',
    )
    text = text.replace(
        "from pydantic import model_validator\n",
        "from pydantic import model_validator\nfrom pydantic.alias_generators import to_camel\n",
    )
    text = re.sub(r"^# plugin: .*\n", "", text, flags=re.M) + bodies(text)
    text = re.sub(r"^default_message_pool\..*\n+", "", text, flags=re.M)
    return re.sub(r'"""\n +(.{1,105})\n +"""', r'"""\1"""', text)


def bodies(text: str) -> str:
    """A union for each envelope, of the messages it may hold: `SpeechBody` of `SpeechEvent`."""
    found = {}
    for name, fields in re.findall(r"^class (\w+)Event\(.*?\n(.*?)^default_message_pool", text, flags=re.M | re.S):
        kinds = re.findall(r'"(\w+) \| None" = [^"]*group="kind"', fields)
        found[f"{name}Body"] = " | ".join(kinds)
    names = "".join(f'    "{name}",\n' for name in sorted(found))
    return "\n" + "".join(f"{name} = {kinds}\n" for name, kinds in found.items()) + f"\n__all__ += (\n{names})\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the file is stale")
    arguments = parser.parse_args()
    text = generate()
    if not arguments.check:
        TARGET.write_text(text)
    elif TARGET.read_text() != text:
        sys.exit(f"{TARGET.name} is stale: run `make proto` and commit the result")


if __name__ == "__main__":
    main()
