"""What an archive can't be kept in is told in one line, when it starts."""

import pytest

from speakerline.services.archive.settings import ArchiveServiceSettings
from speakerline.shared.environment import InvalidSettings


@pytest.mark.parametrize(
    ("url", "sound_url", "told"),
    [
        ("", "", "expected sqlite:///file or postgresql://"),
        ("sqlite://", "", "expected sqlite:///file"),
        ("mysql://root:secret@host/calls", "", r"mysql://root:\*\*\*@host/calls"),
        ("no url", "", "'no url': expected sqlite"),
        ("sqlite:////tmp/a.db", "nowhere://x", "Protocol not known: nowhere"),
    ],
)
def test_a_database_or_a_place_for_sound_that_can_not_be(url: str, sound_url: str, told: str) -> None:
    with pytest.raises(InvalidSettings, match=told) as refused:
        ArchiveServiceSettings.from_environment(
            {"SPEAKERLINE_ARCHIVE_URL": url, "SPEAKERLINE_ARCHIVE_SOUND_URL": sound_url}
        )
    assert "secret" not in str(refused.value)
