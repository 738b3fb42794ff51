"""No password gets through to a screen or a log, however wrong the URL is that it stands in."""

import pytest

from speakerline.shared.redaction import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("unix:///run/redis.sock?db=0", "unix:///run/redis.sock?db=0"),
        ("nonsense", "nonsense"),
        ("redis://:secret@host:1/0", "redis://:***@host:1/0"),
        ("rediss://user:secret@host", "rediss://user:***@host"),
        ("redis://secret@host", "redis://***@host"),
        ("redis://user:sec/ret@secret@host:1", "redis://user:***@host:1"),
        ("unix://user:secret@/run/redis.sock", "unix://user:***@/run/redis.sock"),
        ("unix:///run/redis.sock?Password=secret&db=0", "unix:///run/redis.sock?Password=***&db=0"),
        (":secret@host", ":***@host"),
        ("redis//:secret@host", "***@host"),
        (
            "redis+sentinel://u:secret@h1,h2:3/main?sentinel_password=secret",
            "redis+sentinel://u:***@h1,h2:3/main?sentinel_password=***",
        ),
        ("redis://:secret@a,rediss://u:secret@b", "redis://:***@a,rediss://u:***@b"),
        ("https://user:secret@collector:4318/v1/traces", "https://user:***@collector:4318/v1/traces"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
