"""What the archive reads of the firehose, whoever wrote it."""

from speakerline.services.archive.source import Source
from speakerline.shared.keys import FIREHOSE
from speakerline.shared.runtime.connection import connect


async def test_an_entry_that_can_not_be_read_ends_nothing(redis_url: str) -> None:
    redis = connect(redis_url)
    event = b'{"call_id":"c","seq":1,"finalized":{"through_ms":600}}'
    strange = (
        ("event", b"\xff"),
        ("nothing", "of ours"),
        ("event", event, "epoch", b"\xff"),
        *(("event", event, "sent_at", word) for word in ("noon", "nan", "inf", b"\xff")),
    )
    for words in strange:
        await redis.execute_command("XADD", FIREHOSE, "*", *words)
    entries = await Source(redis).page("0-0", 0.0)
    assert [one.event is not None for one in entries] == [False] * 3 + [True] * 4
    assert all(one.sent_at_ms == int(one.id.partition("-")[0]) for one in entries), "when Redis took it"
    await redis.aclose()
