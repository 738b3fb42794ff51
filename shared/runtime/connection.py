"""Connections to Redis that never repeat a command on their own: whether a commit went through is ours to judge."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import hiredis
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    InvalidResponse,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from speakerline.shared.addresses import EXPECTED, Address, addresses
from speakerline.shared.runtime.primaries import Finder, Following, finder_of

SOCKET_TIMEOUT_S = 5.0
"""Longer than any blocking read of a client that was not made for longer ones."""

CONNECTION_LOST = (RedisConnectionError, RedisTimeoutError, OSError)
OUTAGE = (
    *CONNECTION_LOST,
    ReadOnlyError,
    BusyLoadingError,
    OutOfMemoryError,
    NoScriptError,
    AskError,
    TryAgainError,
    ClusterDownError,
)
"""What passes when the server comes back, gets room, becomes the primary again, or has its scripts loaded; or when the
keys of a shard have moved, all of them."""

_PASSES = re.compile("(^|: -?)(OOM|READONLY|UNBLOCKED|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|BUSY) ")
"""In a script, Redis 6.2 names the place first: `Error running script (...): @user_script:1: -OOM ...`."""


class _Lean(AbstractConnection):
    """Mixed into a connection of redis-py, whose own ways were a third of a worker's time, and more."""

    def pack_command(self, *args: Any) -> list[bytes]:
        """By hiredis, as the blocking client does, and not in Python: a read names the logs of all calls."""
        name = args[0].encode() if isinstance(args[0], str) else args[0]
        return [hiredis.pack_command((*name.split(), *args[1:]))]

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Without a task to limit the time of it, where the system takes all at once."""
        writer = self._writer
        if isinstance(command, list) and writer is not None and not writer.is_closing():
            writer.writelines(command)
            command = []
            if not writer.transport.get_write_buffer_size():
                return
        await super().send_packed_command(command, check_health)

    def answer_at_hand(self) -> Any:
        """The next answer, if it has come already; else NOT_ENOUGH_DATA."""
        parser: Any = self._parser
        return parser._reader.gets() if parser._connected else NOT_ENOUGH_DATA

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        """Without a timer where the answer has come already: to set one costs ten times as much as reading it."""
        try:
            answer = NOT_ENOUGH_DATA if arguments or options else self.answer_at_hand()
        except InvalidResponse:
            await self.disconnect(nowait=True)
            raise
        if answer is NOT_ENOUGH_DATA:
            return await super().read_response(*arguments, **options)
        first = answer[0] if isinstance(answer, list) and answer else answer
        if isinstance(first, RedisConnectionError):
            await self.disconnect(nowait=True)
            raise first
        if isinstance(answer, ResponseError):
            raise answer
        return answer


class _LeanPool(ConnectionPool):
    """Without what redis-py counts of connections at every command, for an OpenTelemetry that nobody reads here."""

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        connection = self.get_available_connection()  # type: ignore[no-untyped-call]
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        self._in_use_connections.remove(connection)
        if connection.should_reconnect():
            await connection.disconnect()
        self._available_connections.append(connection)


class Shard(Redis):
    """A client of the Redis that has a shard. Every name of a key goes through `key`."""

    address = Address("")
    prefix = ""
    finder: Finder | None = None
    """Where the shard may move to another Redis."""

    def key(self, name: str) -> str:
        """As it is on this shard, of a name that shared/keys.py gives."""
        return self.prefix + name

    async def execute_command(self, *words: Any, **options: Any) -> Any:
        """The answer to one command. Raises what Redis answers, if that is an error."""
        connection = await self.connection_pool.get_connection()
        try:
            await connection.send_packed_command(connection.pack_command(*words))
            return await self.parse_response(connection, words[0], **options)
        finally:
            await self.connection_pool.release(connection)

    async def ask(self, *commands: Sequence[Any]) -> list[Any]:
        """The answers to commands, as Redis gives them, in one round trip. Raises the first that is an error."""
        answers = await self.ask_each(*commands)
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer
        return answers

    async def ask_each(self, *commands: Sequence[Any] | bytes) -> list[Any]:
        """The same, where an answer may be a ResponseError, and a command may be packed."""
        connection = await self.connection_pool.get_connection()
        try:
            await connection.send_packed_command([_packed(words) for words in commands])
            return [await _answer(connection) for _ in commands]
        finally:
            await self.connection_pool.release(connection)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Where Redis hangs, what was on the way to it is dropped."""
        with suppress(*CONNECTION_LOST):
            await super().aclose(close_connection_pool)
        if self.finder:
            await self.finder.aclose()


def connect(
    where: str | Address, on_connect: Callable[[], None] | None = None, timeout_s: float = SOCKET_TIMEOUT_S
) -> Shard:
    """A client with its own pool; `XREAD` and its relatives answer raw lists of bytes. An answer that takes longer than
    `timeout_s` is an outage.

    The pool replaces a broken connection silently: `on_connect` is called for each, before a command goes out on it.
    Raises ValueError for a URL that names no shard, or several."""
    (address,) = _single(addresses(where)) if isinstance(where, str) else (where,)

    async def connected(connection: AbstractConnection) -> None:
        await connection.on_connect()
        if on_connect:
            on_connect()

    pool = _LeanPool.from_url(
        address.url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        redis_connect_func=connected,
    )
    redis = cast(Shard, Shard.from_pool(pool))
    redis.address, redis.prefix = address, address.prefix
    finder = finder_of(address)
    redis.finder = finder
    kinds = (Following, _Lean, pool.connection_class) if finder else (_Lean, pool.connection_class)
    pool.connection_class = type("Connection", kinds, {"finder": finder})
    for command in ("XREAD", "XREADGROUP", "XRANGE", "XREVRANGE"):
        redis.response_callbacks.pop(command, None)
    return redis


def _packed(words: Sequence[Any] | bytes) -> bytes:
    return words if isinstance(words, bytes) else hiredis.pack_command(tuple(words))


async def _answer(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def check_url(text: str) -> str:
    """The text itself. Raises ValueError with what was expected, unless it is one of shared/addresses.py."""
    for address in addresses(text):
        try:
            connect(address).connection_pool.make_connection()
        except TypeError as error:
            option = str(error).rpartition("argument ")[2]
            raise ValueError(f"option {option}: expected one that redis-py knows, such as ssl_ca_certs") from None
        except ValueError:
            raise ValueError(EXPECTED) from None
    return text


def _single(places: list[Address]) -> list[Address]:
    if len(places) > 1:
        raise ValueError(f"{len(places)} shards: expected one")
    return places


def is_outage(error: BaseException) -> bool:
    """Whether waiting and trying again is the right answer, for errors that carry their kind only in the text."""
    if isinstance(error, OUTAGE):
        return True
    return isinstance(error, ResponseError) and bool(_PASSES.search(str(error)))


def is_cancelled() -> bool:
    """Whether this task was asked to end; redis-py can turn the cancellation of a read into an error, or swallow it."""
    task = asyncio.current_task()
    return bool(task and getattr(task, "cancelling", lambda: 0)())


def is_no_group(error: BaseException) -> bool:
    """Whether Redis has lost the consumer groups, and with them everything else: an empty server took its place."""
    return isinstance(error, ResponseError) and "NOGROUP" in str(error)


def pairs(flat: list[Any]) -> dict[bytes, bytes]:
    """Redis's flat list of fields and values as a dictionary."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def entry_id(raw: bytes) -> tuple[int, int]:
    """`b"1200-3"` as (1200, 3)."""
    position, _, number = raw.partition(b"-")
    return int(position), int(number or 0)
