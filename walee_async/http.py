"""How a report is asked for: one GET, over connections that aiohttp makes, keeps and reads from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeAlias

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from walee_async.errors import AmbiguousError, NotSentError, UnexpectedAnswerError
from walee_async.wire import quoted, report_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage

    from walee_async.transport import Transport

HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
"""Of every request, beside the key."""
KNOWN: Final = "3.14."
"""The versions of aiohttp that are asked for connections: its documentation says how to get one, not how to use it. Any
other is asked for requests."""


class Overdue:
    """Breaks off what takes longer to read than it may, with a TimeoutError. One timer does for all of it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[ResponseHandler | aiohttp.StreamReader, float] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, source: ResponseHandler | aiohttp.StreamReader, since: float | None = None) -> float:
        """Watch what is read from there until it is let go, from a loop time on, or from now; returns that."""
        since = self._loop.time() if since is None else since
        self._since[source] = since
        due, timer = since + self._seconds, self._timer
        if timer is None or due < timer.when():
            self.disarm()
            self._timer = self._loop.call_at(due, self._look)
        return since

    def let_go(self, source: ResponseHandler | aiohttp.StreamReader) -> None:
        """Watch it no more."""
        del self._since[source]

    def disarm(self) -> None:
        """Cancel the timer, if there is one."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        late = self._loop.time() - self._seconds
        for source, since in self._since.items():
            if since <= late and not source.is_eof():  # what has come whole is read, however late that is
                source.set_exception(TimeoutError())
        due = [since for since in self._since.values() if since > late]
        self._timer = self._loop.call_at(min(due) + self._seconds, self._look) if due else None


class Head:
    """An answer whose head has come, over a connection of ours. To be released, however it ends."""

    __slots__ = ("_closed", "_connection", "content", "headers", "since", "status")

    def __init__(
        self, connection: Connection, message: RawResponseMessage, content: aiohttp.StreamReader, since: float
    ) -> None:
        self._connection = connection
        self.status: int = message.code
        self.headers: Mapping[str, str] = message.headers
        self.content = content
        self.since = since
        """The loop time at which it was asked for."""
        # aiohttp closes a connection over which a body goes on with what is none, and does not tell who reads it.
        told = None if content.is_eof() or connection.protocol is None else connection.protocol.closed
        self._closed: asyncio.Future[None] | None = told
        if told is not None:
            told.add_done_callback(self._break_off)

    def _break_off(self, closed: asyncio.Future[None]) -> None:
        _take(closed)
        if not self.content.is_eof() and self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientPayloadError("the connection was closed"))

    async def read(self) -> bytes:
        """Return all of the body when it has come."""
        # Where it is all there, aiohttp would look whether more has come, and have its parser look as well.
        return self.content.read_nowait() if self.content.is_eof() else await self.content.read()

    def release(self) -> None:
        """Let the connection be used again if the body was read to its end; close it otherwise."""
        if self._closed is not None:
            self._closed.remove_done_callback(self._break_off)
            self._closed.remove_done_callback(_take)
            self._closed.add_done_callback(_take)
        self._connection.release()


def _take(closed: asyncio.Future[None]) -> None:
    """Take note of how a connection ended, or asyncio would complain that nobody did."""
    if not closed.cancelled():
        closed.exception()


Reply: TypeAlias = aiohttp.ClientResponse | Head


async def read_body(reply: Reply, cap: int, overdue: Overdue) -> bytes:
    """Read a reply's body as it comes, compressed or not.

    Raises:
        UnexpectedAnswerError: it has more than `cap` bytes; it is not read any further.
        aiohttp.ClientError, TimeoutError: it broke off.
    """
    length, content = reply.headers.get("Content-Length", ""), reply.content
    whole = content.is_eof()
    if not whole:
        overdue.watch(content, reply.since if isinstance(reply, Head) else None)
    try:
        if length.isdecimal() and int(length) <= cap:
            return await reply.read()
        chunks = bytearray()
        async for chunk in content.iter_any():
            chunks += chunk
            if len(chunks) > cap:
                raise UnexpectedAnswerError(f"the answer is larger than {cap} bytes", status=reply.status)
        return bytes(chunks)
    except RuntimeError:  # what aiohttp makes of reading on from a connection that was closed here a moment ago
        raise aiohttp.ClientPayloadError("the connection was closed") from None
    finally:
        if not whole:
            overdue.let_go(content)


def open_http(transport: Transport, base_url: str) -> Http:
    """What one key's requests go through: an aiohttp session of ours, or the caller's.

    The caller's is asked for requests, since it may trace them or add to them; so is one with a proxy. Ours is asked
    for connections, because its request and response objects take half of a request's CPU.
    """
    ours = transport.session is None
    if ours and transport.proxy is None and aiohttp.__version__.startswith(KNOWN):
        return _Connections(transport, base_url)
    return Http(transport, base_url)


class Http:
    """Asks an aiohttp session for requests. `limit` is how many there may be at a time; `overdue` ends what drips."""

    def __init__(self, transport: Transport, base_url: str) -> None:
        self._session = transport.session or transport.open()
        self._ours = transport.session is None
        self._base_url = base_url
        self._options = transport.request_options()
        self.overdue = Overdue(transport.total_timeout)
        connector = self._session.connector
        limits = [connector.limit, connector.limit_per_host] if connector is not None else []
        self.limit = min(filter(None, limits), default=transport.connections)

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._session.closed

    async def aclose(self) -> None:
        """Close the session, if it is ours."""
        if self._ours:
            self.overdue.disarm()
            await self._session.close()

    async def get(self, handle: str, secret: str, in_turn: Callable[[], bool]) -> Reply | None:
        """Ask for the report of a handle with a key, once, and return when the head of an answer has come.

        `in_turn` is asked as late as can be, which is, over connections of ours, when there is one. None: it said no.

        Raises:
            InvalidHandleError: the handle cannot be sent.
            TransportError, aiohttp.ClientError, OSError: no answer came.
        """
        url = URL(report_url(self._base_url, handle), encoded=True)
        if not in_turn():
            return None
        return await self._session.get(url, headers={"x-api-key": secret, **HEADERS}, **self._options)


class _Connections(Http):
    """Asks an aiohttp session for connections, writes the request, and has it read the answer; never sends twice."""

    def __init__(self, transport: Transport, base_url: str) -> None:
        super().__init__(transport, base_url)
        assert self._session.connector is not None
        self._connector = self._session.connector
        address = URL(report_url(base_url, ""), encoded=True)
        # Never sent, and without the key: it tells the connector where to connect, and what headers aiohttp would send.
        self._model = aiohttp.ClientRequest(
            "GET", address, headers=HEADERS, loop=asyncio.get_running_loop(), session=self._session, ssl=transport.ssl
        )
        lines = [f"{name}: {value}\r\n" for name, value in self._model.headers.items()]
        lines += ["Connection: close\r\n"] if self._connector.force_close else []
        self._before = f"GET {address.raw_path_qs}"
        self._after = f" HTTP/1.1\r\n{''.join(lines)}x-api-key: "
        self._timeout: aiohttp.ClientTimeout = self._options["timeout"]

    async def get(self, handle: str, secret: str, in_turn: Callable[[], bool]) -> Reply | None:
        target = quoted(handle)
        connection = await self._connect()
        if not in_turn():
            connection.release()
            return None
        request = f"{self._before}{target}{self._after}{secret}\r\n\r\n".encode()
        try:
            protocol = _send(connection, request, self._timeout.sock_read)
            since = self.overdue.watch(protocol)
            try:
                message, content = await protocol.read()
                while message.code < 200 and message.code != 101:  # "Early Hints" and the like: the answer is to come
                    protocol.start_timeout()  # which it ended, as if it were the answer
                    message, content = await protocol.read()
            finally:
                self.overdue.let_go(protocol)
        except BaseException as error:
            connection.close()
            if not isinstance(error, HttpProcessingError):
                raise
            broken = type(error).__name__
        else:
            return Head(connection, message, content, since)
        raise AmbiguousError(f"the connection broke before a whole answer came ({broken})")

    async def _connect(self) -> Connection:
        """A connection over which nothing has come that nobody has asked for."""
        while True:
            try:
                connection = await self._connector.connect(self._model, traces=[], timeout=self._timeout)
            except TimeoutError:
                break
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
        raise NotSentError(f"no connection within {self._timeout.sock_connect:g} s")


def _send(connection: Connection, request: bytes, read_timeout: float | None) -> ResponseHandler:
    """Write a request to a connection, and return what its answer is read from, as it comes and not decompressed."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or transport.is_closing():
        raise NotSentError("the connection was closed before anything was sent")
    protocol.set_response_params(auto_decompress=False, read_timeout=read_timeout, read_until_eof=True)
    protocol.start_timeout()
    transport.write(request)
    return protocol
