"""`speakerline dial`: plays a recording to a gateway as a telephony producer would."""

import argparse
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from speakerline.tools.cli.call_options import add_format_option
from speakerline.tools.cli.commands import add_command
from speakerline.tools.cli.signals import interruptible
from speakerline.tools.dial.callers import CALLERS, named
from speakerline.tools.dial.dialling import dial
from speakerline.tools.failure import Failure
from speakerline.tools.media.reading import open_recording

MOST_CHANNELS = 2


def add_to(commands: Any) -> None:
    dialling = add_command(commands, "dial", help="play a recording to a gateway as a telephony producer would")
    dialling.add_argument("file", type=Path, metavar="FILE", help="wav, flac, mp3, m4a, ogg, opus, webm, ...")
    dialling.add_argument("url", metavar="URL", help="such as ws://127.0.0.1:8080/twilio, or tcp://127.0.0.1:9092")
    dialling.add_argument("--as", dest="caller", choices=tuple(CALLERS), required=True, help="who calls")
    dialling.add_argument("--call", metavar="ID", help="the id of the new call (default: a random one)")
    dialling.add_argument(
        "--channels", choices=("mix", "separate", "auto"), default="auto", help="as for `process` (default: auto)"
    )
    dialling.add_argument(
        "--pace", choices=("realtime", "max"), default="realtime", help="how fast to send (default: realtime)"
    )
    add_format_option(dialling)
    dialling.add_argument("--key", default="", metavar="KEY", help="an API key of the gateway")
    dialling.set_defaults(run=_dial)


async def _dial(given: argparse.Namespace) -> int:
    kind = CALLERS[given.caller]
    if urlsplit(given.url).scheme not in (("tcp",) if given.caller == "audiosocket" else ("ws", "wss")):
        expected = "tcp://HOST:PORT" if given.caller == "audiosocket" else "ws://HOST:PORT/PATH or wss://..."
        raise Failure(f"{given.url} for --as {given.caller}: expected {expected}")
    one = given.caller == "audiosocket"
    with interruptible():
        recording = open_recording(given.file, "mix" if one else given.channels, given.format)
    if recording.channels > MOST_CHANNELS:
        raise Failure(f"{given.file}: {recording.channels} channels: expected 1 or 2, or --channels mix")
    if kind.telephone_only:
        recording = replace(recording, sample_rate=8000)
    named_there = "".join(parse_qs(urlsplit(given.url).query).get("call_id", [])[:1])
    call_id = given.call or named_there or str(uuid.uuid4())
    caller = kind(call_id, recording.sample_rate, recording.channels)
    shown = str(named(call_id)) if one else named_there or call_id

    def connected() -> None:
        print(f"call {shown}", file=sys.stderr)

    sent_ms = await dial(given.url, caller, recording, given.pace == "realtime", given.key, connected, _show)
    print(f"{sent_ms / 1000:.1f} s sent", file=sys.stderr)
    return 0


def _show(message: dict[str, Any]) -> None:
    """Words that come back, as Genesys gets them."""
    for entity in (message.get("parameters") or {}).get("entities", []):
        data = entity["data"]
        if data["isFinal"]:
            text = data["alternatives"][0]["interpretations"][0]["transcript"]
            print(f"{data['offset']} channel {data['channelId']}: {text}", flush=True)
