"""The option `--redis`: which running system a command uses, checked before anything else is done."""

import argparse
import os
import sys

from redis.exceptions import AuthenticationError, BusyLoadingError

from speakerline.shared.redaction import without_password
from speakerline.shared.runtime.connection import OUTAGE, connect
from speakerline.shared.runtime.dangers import dangers_of
from speakerline.tools.failure import Failure

DEFAULT_URL = "redis://127.0.0.1:6379"
VARIABLE = "SPEAKERLINE_REDIS_URL"
"""As for the services. A URL with a password belongs there: `ps` shows command lines to everybody."""


class NoRedis(Failure):
    """Nothing answers at an address."""


def add_redis_option(parser: argparse.ArgumentParser, instead_of: str = "") -> None:
    """The default is the environment's Redis or the one of this machine, and for commands that need no running system
    none: `instead_of` names what they use then."""
    if instead_of:
        default, text = None, f"use the running system on this Redis instead of {instead_of}"
    else:
        default, text = os.environ.get(VARIABLE) or DEFAULT_URL, f"(default: ${VARIABLE}, or else {DEFAULT_URL})"
    parser.add_argument("--redis", type=redis_url, default=default, metavar="URL", help=text)


def redis_url(text: str) -> str:
    """The text itself. Raises ArgumentTypeError unless it is the URL of a Redis."""
    try:
        connect(text)
    except ValueError:
        shown = without_password(text)
        raise argparse.ArgumentTypeError(f"{shown!r}: expected a URL such as {DEFAULT_URL}") from None
    return text


async def check_redis(url: str) -> None:
    """Raises NoRedis where nothing answers, and Failure where the password is wrong: later outages are waited out, but
    a wrong address is an error at once. Prints how this Redis may lose calls."""
    redis = connect(url)
    try:
        await redis.execute_command("PING")
        for danger in await dangers_of(redis):
            print(f"speakerline: Redis at {without_password(url)}: {danger}", file=sys.stderr)
    except AuthenticationError as error:
        raise Failure(f"wrong or missing password for the Redis at {without_password(url)}: {error}") from error
    except BusyLoadingError:
        pass
    except OUTAGE as error:
        why = str(error).rstrip(".")
        raise NoRedis(f"no Redis answers at {without_password(url)}: {why}; `speakerline up` starts one") from error
    finally:
        await redis.aclose()
