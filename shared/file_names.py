"""Names of files for what is named from outside."""

import re


def file_name_of(call_id: str) -> str:
    """The id of a call as the beginning of a file's name: whatever is no letter, digit, `.`, `_` or `-` becomes `_`.

    It lies in the folder that it is put into, and is never hidden."""
    return re.sub(r"^\.|[^A-Za-z0-9._-]", "_", call_id)
