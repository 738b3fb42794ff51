"""The option `--redis`: which running system a command uses, checked before anything else is done."""

import argparse
from urllib.parse import urlsplit

from redis.exceptions import AuthenticationError

from speakerline.shared.runtime.connection import OUTAGE, connect
from speakerline.tools.failure import Failure

DEFAULT_URL = "redis://127.0.0.1:6379"


def add_redis_option(parser: argparse.ArgumentParser, instead_of: str = "") -> None:
    """The default is the Redis of this machine, or for commands that need no running system none: `instead_of` names
    what they use then."""
    default = None if instead_of else DEFAULT_URL
    text = (
        f"use the running system on this Redis instead of {instead_of}" if instead_of else f"(default: {DEFAULT_URL})"
    )
    parser.add_argument("--redis", type=redis_url, default=default, metavar="URL", help=text)


def redis_url(text: str) -> str:
    """The text itself. Raises ArgumentTypeError unless it is the URL of a Redis."""
    try:
        connect(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a URL such as {DEFAULT_URL} ({error})") from error
    return text


async def check_redis(url: str) -> None:
    """Raises Failure where nothing answers: later outages are waited out, but a wrong address is an error at once."""
    redis = connect(url)
    try:
        await redis.execute_command("PING")
    except AuthenticationError as error:
        raise Failure(f"wrong or missing password for the Redis at {_shown(url)}: {error}") from error
    except OUTAGE as error:
        why = str(error).rstrip(".")
        raise Failure(f"no Redis answers at {_shown(url)}: {why}; `speakerline up` starts one") from error
    finally:
        await redis.aclose()


def _shown(url: str) -> str:
    """Without the password."""
    parts = urlsplit(url)
    return url if parts.password is None else url.replace(f":{parts.password}@", ":***@")
