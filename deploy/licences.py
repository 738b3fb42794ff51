"""`python licences.py [FOLDER]`: prints the licences of all packages in the folder, or else of this Python: name,
version, licence, and the texts that the package brings."""

import sys
from importlib.metadata import Distribution, distributions

TEXTS = ("licen", "copying", "notice")


def licence_of(package: Distribution) -> str:
    """As SPDX where the package gives that, else in its own words."""
    told = package.metadata
    classes = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or () if one.startswith("License ::")]
    first_line = (told.get("License") or "").strip().partition("\n")[0]
    return told.get("License-Expression") or ", ".join(classes) or first_line or "see its texts"


def texts_of(package: Distribution) -> list[str]:
    """The files of its metadata that are licences or notices."""
    files = [one for one in package.files or () if ".dist-info" in str(one)]
    named = [one for one in files if any(word in one.name.lower() for word in TEXTS)]
    return [one.read_text("utf-8") for one in sorted(named, key=str) if one.locate().is_file()]


def main() -> None:
    """All of them, by name."""
    found = distributions(path=sys.argv[1:]) if sys.argv[1:] else distributions()
    for package in sorted(found, key=lambda one: one.metadata["Name"].lower()):
        title = f"{package.metadata['Name']} {package.version}: {licence_of(package)}"
        sys.stdout.write("\n\n".join((title, "=" * len(title), *texts_of(package))) + "\n\n")


if __name__ == "__main__":
    main()
