"""Call ids and the keys made of them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from speakerline.shared import keys


@pytest.mark.parametrize("call_id", ["c", "2024-01-31T09:00:00+01:00/agent#7", "x" * 200, "a|b~c"])
def test_printable_ids_without_spaces_and_braces_are_fine(call_id: str) -> None:
    assert keys.check_call_id(call_id) == call_id


@pytest.mark.parametrize(
    "call_id",
    [
        pytest.param("", id="empty"),
        pytest.param("a b", id="a space"),
        pytest.param("a{b}", id="braces"),
        pytest.param("a\n", id="a line end"),
        pytest.param("grüße", id="letters beyond ASCII"),
        pytest.param("x" * 201, id="too long"),
    ],
)
def test_other_ids_are_refused_with_what_is_expected(call_id: str) -> None:
    with pytest.raises(keys.InvalidCallId, match="expected 1 to 200 printable ASCII characters"):
        keys.check_call_id(call_id)


def test_a_very_long_id_is_not_repeated_whole() -> None:
    with pytest.raises(keys.InvalidCallId) as raised:
        keys.check_call_id("x" * 10_000)
    assert "(10000 characters)" in str(raised.value)
    assert len(str(raised.value)) < 200


@given(st.from_regex(r"[!-z|~]{1,200}", fullmatch=True))
def test_all_keys_of_a_call_share_its_hash_tag(call_id: str) -> None:
    made = [
        keys.meta_key(call_id),
        keys.dead_key(call_id),
        keys.sounds_key(call_id),
        keys.audio_key(call_id, 7),
        keys.stream_key(call_id, "speech"),
        keys.stage_key(call_id, "vad"),
    ]
    assert len(set(made)) == len(made)
    assert {key[key.index("{") : key.index("}") + 1] for key in made} == {f"{{{call_id}}}"}


@given(st.from_regex(r"[!-z|~]{8,200}", fullmatch=True))
def test_the_mark_of_an_erased_call_does_not_tell_its_id(call_id: str) -> None:
    assert call_id not in keys.forgotten_key(call_id)
    assert keys.forgotten_key(call_id) != keys.forgotten_key(call_id + "x")


def test_the_closing_position_is_exact_in_lua_and_json() -> None:
    assert float(keys.LAST_POSITION) == keys.LAST_POSITION
    assert float(keys.LAST_POSITION + 2) != keys.LAST_POSITION + 2


@pytest.mark.parametrize(("call_id", "crc"), [("123456789", 0x31C3), ("desk-7-0001", 0x6B53), ("@acme/desk-7", 0x717E)])
def test_the_shard_of_a_call_follows_from_the_crc_of_its_id(call_id: str, crc: int) -> None:
    """The first is the check value of CRC-16/XMODEM."""
    assert {shards: keys.shard_of(call_id, shards) for shards in (1, 2, 3, 8, 1024)} == {
        shards: crc % shards for shards in (1, 2, 3, 8, 1024)
    }


@given(st.from_regex(r"[!-z|~]{1,200}", fullmatch=True), st.integers(0, 7))
def test_all_keys_of_a_shard_lie_in_one_slot(call_id: str, shard: int) -> None:
    prefix = keys.shard_prefix(shard, 8)
    names = [keys.CALLS, keys.FIREHOSE, keys.meta_key(call_id), keys.audio_key(call_id, 0), keys.forgotten_key(call_id)]
    assert len({key_slot((prefix + name).encode()) for name in names}) == 1


def test_on_one_shard_keys_have_no_prefix() -> None:
    assert keys.shard_prefix(0, 1) == ""


@pytest.mark.parametrize(("shards", "primaries"), [(8, 2), (3, 3), (6, 3), (12, 3), (16, 3), (8, 4)])
def test_shards_lie_evenly_over_the_primaries_of_a_new_cluster(shards: int, primaries: int) -> None:
    slots = [key_slot(keys.shard_prefix(number, shards).encode()) for number in range(shards)]
    counts = Counter(slot * primaries // 16384 for slot in slots)
    assert len(counts) == primaries and max(counts.values()) - min(counts.values()) <= 2
