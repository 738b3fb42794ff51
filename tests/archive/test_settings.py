"""What an archive can't be kept in is told in one line, when it starts."""

import pytest

from speakerline.services.archive.settings import ArchiveServiceSettings
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.shared.environment import InvalidSettings


@pytest.mark.parametrize(
    ("url", "sound_url", "told"),
    [
        ("", "", "expected sqlite:///file or postgresql://"),
        ("sqlite://", "", "expected sqlite:///file"),
        ("mysql://root:secret@host/calls", "", r"mysql://root:\*\*\*@host/calls"),
        ("no url", "", "'no url': expected sqlite"),
        ("sqlite:////tmp/a.db", "nowhere://x", "Protocol not known: nowhere"),
        (
            "sqlite:////tmp/a.db",
            "s3://b/calls",
            "^archive sound url 's3://b/calls': Install s3fs to access S3$",
        ),
    ],
)
def test_a_database_or_a_place_for_sound_that_can_not_be(url: str, sound_url: str, told: str) -> None:
    with pytest.raises(InvalidSettings, match=told) as refused:
        ArchiveServiceSettings.from_environment(environment(url, sound_url))
    assert "secret" not in str(refused.value)
    if url:  # a gateway may be without an archive
        with pytest.raises(InvalidSettings) as by_gateway:
            GatewaySettings.from_environment(environment(url, sound_url))
        assert str(by_gateway.value) == str(refused.value)


def environment(url: str, sound_url: str) -> dict[str, str]:
    return {"SPEAKERLINE_ARCHIVE_URL": url, "SPEAKERLINE_ARCHIVE_SOUND_URL": sound_url}
