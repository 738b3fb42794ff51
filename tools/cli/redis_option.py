"""The option `--redis`: which system a command speaks to, checked before anything else is done."""

import argparse
from urllib.parse import urlsplit

from redis.exceptions import AuthenticationError

from speakerline.shared.runtime.connection import OUTAGE, connect
from speakerline.tools.failure import Failure

DEFAULT_URL = "redis://127.0.0.1:6379"


def add_redis_option(parser: argparse.ArgumentParser, instead_of: str = "") -> None:
    """By default the Redis of this machine, or, where the command can do without a system, `instead_of` that."""
    default = None if instead_of else DEFAULT_URL
    text = f"use a running system instead of {instead_of}" if instead_of else f"default: {DEFAULT_URL}"
    parser.add_argument("--redis", type=redis_url, default=default, metavar="URL", help=text)


def redis_url(text: str) -> str:
    """Raises ArgumentTypeError for what is no URL of a Redis."""
    try:
        connect(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: expected something like {DEFAULT_URL} ({error})") from error
    return text


async def check_redis(url: str) -> None:
    """Raises Failure where nothing answers. Later outages are waited out, but a wrong address is told at once."""
    redis = connect(url)
    try:
        await redis.execute_command("PING")
    except AuthenticationError as error:
        raise Failure(f"the Redis at {_shown(url)} wants another password: {error}") from error
    except OUTAGE as error:
        why = str(error).rstrip(".")
        raise Failure(f"no Redis answers at {_shown(url)}: {why}; `speakerline up` starts one") from error
    finally:
        await redis.aclose()


def _shown(url: str) -> str:
    """Without the password."""
    parts = urlsplit(url)
    return url if parts.password is None else url.replace(f":{parts.password}@", ":***@")
