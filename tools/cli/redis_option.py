"""The option `--redis`: which running system a command uses, checked before anything else is done."""

import argparse
import os
import re
import sys

from redis.exceptions import AuthenticationError, BusyLoadingError, InvalidResponse, NoPermissionError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from speakerline.shared.addresses import CLUSTER, Address, addresses, urls_in, with_shards
from speakerline.shared.redaction import without_password
from speakerline.shared.runtime.connection import OUTAGE, check_url, connect
from speakerline.shared.runtime.dangers import A_CLUSTER, A_REPLICA, TOO_OLD, dangers_of
from speakerline.tools.cli.redis_tls import missing_file, trouble
from speakerline.tools.failure import Failure

DEFAULT_URL = "redis://127.0.0.1:6379"
VARIABLE = "SPEAKERLINE_REDIS"
"""For every command. A URL with a password belongs there: `ps` shows command lines to everybody."""
OF_SERVICES = "SPEAKERLINE_REDIS_URL"
"""What the services read. Commands for a running system take it where the other is not set."""
SHARDS = "SPEAKERLINE_SHARDS"
"""On how many shards the calls are, where the URL does not say."""

ENDS = ("closed by server", "reset by peer", "Connection lost", "Broken pipe")
"""How an error says that the other side ended the connection: which one depends on when it did."""


_DATABASE = re.compile(r"^rediss?://[^/]*/([^/]+)")


class NoRedis(Failure):
    """Nothing answers at an address."""


def add_redis_option(parser: argparse.ArgumentParser, instead_of: str = "") -> None:
    """The default is the environment's Redis or the one of this machine, and for commands that need no running system
    none: `instead_of` names what they use then."""
    if instead_of:
        default = os.environ.get(VARIABLE)
        text = f"use the running system on this Redis (default: ${VARIABLE}, or else {instead_of})"
    else:
        default = os.environ.get(VARIABLE) or os.environ.get(OF_SERVICES) or DEFAULT_URL
        text = f"(default: ${VARIABLE}, or else {DEFAULT_URL})"
    parser.add_argument("--redis", type=redis_url, default=default or None, metavar="URL", help=text)


def redis_url(text: str) -> str:
    """The text itself. Raises ArgumentTypeError unless it is the URL of a Redis."""
    shards = os.environ.get(SHARDS) or "1"
    try:
        for url in urls_in(text):
            if (number := _DATABASE.search(url.partition("?")[0])) and not number[1].isdecimal():
                raise ValueError(f"expected a URL such as {DEFAULT_URL}")
        if not shards.isdecimal():
            raise ValueError(f"{SHARDS}={shards!r}: expected a number")
        return check_url(with_shards(text, int(shards)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{without_password(text)!r}: {error}") from None


async def check_redis(url: str, reads_only: bool = False) -> None:
    """Raises NoRedis where nothing answers, and Failure where what answers can't be used: later outages are waited out,
    but a wrong address is an error at once. Prints how a Redis may lose calls. `reads_only`: a replica will do."""
    places, several = addresses(url), urls_in(url)
    shown = several if len(several) > 1 else [url]
    told: set[str] = set()
    if missing := next(filter(None, map(missing_file, several)), ""):
        raise Failure(missing)
    for number, place in enumerate(places if places[0].kind == CLUSTER else places[: len(shown)]):
        where = shown[number % len(shown)]
        dangers = [one for one in await _dangers(place, where) if not (reads_only and one.startswith(A_REPLICA))]
        told |= {f"Redis at {without_password(where)}: {danger}" for danger in dangers if _usable(danger, where)}
    for line in sorted(told):
        print(f"speakerline: {line}", file=sys.stderr)


async def _dangers(place: Address, url: str) -> list[str]:
    """Of the Redis that has a shard. `url`: what it is called, where it can't be used."""
    redis = connect(place)
    try:
        await redis.execute_command("PING")
        dangers = await dangers_of(redis)
    except BusyLoadingError:
        return []
    except Exception as error:
        raise _told(error, url) from error
    finally:
        await redis.aclose()
    return dangers


def _usable(danger: str, url: str) -> bool:
    """Whether it is a danger alone. Raises Failure where such a Redis can't be used at all."""
    if danger.startswith((TOO_OLD, A_CLUSTER, A_REPLICA)):
        raise Failure(f"the Redis at {without_password(url)} can't be used: {danger}")
    return True


def _told(error: Exception, url: str) -> Exception:
    """What is wrong at the address, in a line; the error itself where it is none of Redis."""
    shown, why = without_password(url), str(error).partition(" : <redis")[0].rstrip(".")
    if isinstance(error, AuthenticationError):
        return Failure(f"wrong or missing password for the Redis at {shown}: {why}")
    if isinstance(error, NoPermissionError):
        return Failure(f"the user of {shown} may not do what is needed: {why}")
    if "DB index" in why or "SELECT is not allowed" in why:
        return Failure(f"{shown} names a database that this Redis does not have ({why}): 0 to 15 are usual")
    tls = url.startswith("rediss")
    if tls and (found := trouble(why, shown.partition("?")[0], isinstance(error, RedisTimeoutError))):
        return Failure(found)
    if isinstance(error, InvalidResponse) or "Protocol Error" in why:
        return Failure(f"what answers at {shown} is no Redis, or one with TLS (rediss://): {why}")
    if isinstance(error, OUTAGE) and any(end in why for end in ENDS):
        wants = "a certificate (?ssl_certfile=FILE&ssl_keyfile=FILE), or no TLS" if tls else "TLS (rediss://)"
        guarded = "" if tls else " A Redis in protected mode does so, too (protected-mode, requirepass)"
        return Failure(
            f"what answers at {shown} ends the connection: is it a Redis, and does it want {wants}?{guarded}"
        )
    if isinstance(error, RedisTimeoutError) and "reading" in why:
        return Failure(
            f"what answers at {shown} takes connections and says nothing: a Redis that hangs, or none ({why})"
        )
    if isinstance(error, OUTAGE):
        return NoRedis(f"no Redis answers at {shown}: {why}; `speakerline up` starts one")
    if isinstance(error, RedisError):
        return Failure(f"the Redis at {shown} answers with an error: {why}")
    return error
