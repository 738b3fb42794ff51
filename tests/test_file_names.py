"""What is named from outside gets a file in the folder where it belongs."""

import pytest

from speakerline.shared.file_names import file_name_of


@pytest.mark.parametrize(
    ("call_id", "name"),
    [
        ("desk-7", "desk-7"),
        ("@acme/desk-7", "_acme_desk-7"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        (".hidden", "_hidden"),
        ('a"b;c', "a_b_c"),
    ],
)
def test_no_name_leads_out_of_its_folder(call_id: str, name: str) -> None:
    assert file_name_of(call_id) == name
