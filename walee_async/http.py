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


class Overdue(dict["Connection", "tuple[float, ResponseHandler | aiohttp.StreamReader]"]):
    """Breaks off answers that take longer than they may, with a TimeoutError.

    Of each connection, the loop time at which it was asked for an answer, and what that is read from. One timer does
    for all.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, connection: Connection, protocol: ResponseHandler) -> float:
        """Watch an answer from now on, until it is removed here."""
        now = self._loop.time()
        self[connection] = now, protocol
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._seconds, self._look)
        return now

    def _look(self) -> None:
        self._timer = None
        late = self._loop.time() - self._seconds
        for connection, (since, source) in [*self.items()]:
            if since <= late:
                del self[connection]
                source.set_exception(TimeoutError())
        if self:
            self._timer = self._loop.call_at(min(since for since, _ in self.values()) + self._seconds, self._look)


class Head:
    """An answer whose head has come, over a connection of ours. To be released, however it ends."""

    __slots__ = ("_closed", "_connection", "_overdue", "content", "headers", "status")

    def __init__(
        self, connection: Connection, message: RawResponseMessage, content: aiohttp.StreamReader, overdue: Overdue
    ) -> None:
        self._connection = connection
        self.status: int = message.code
        self.headers: Mapping[str, str] = message.headers
        self.content = content
        self._overdue = overdue
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
        self._overdue.pop(self._connection, None)
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


async def read_body(reply: Reply, cap: int) -> bytes:
    """Read a reply's body as it comes, compressed or not.

    Raises:
        UnexpectedAnswerError: it has more than `cap` bytes; it is not read any further.
        aiohttp.ClientError: it broke off.
    """
    length = reply.headers.get("Content-Length", "")
    try:
        if length.isdecimal() and int(length) <= cap:
            return await reply.read()
        chunks = bytearray()
        async for chunk in reply.content.iter_any():
            chunks += chunk
            if len(chunks) > cap:
                raise UnexpectedAnswerError(f"the answer is larger than {cap} bytes", status=reply.status)
        return bytes(chunks)
    except RuntimeError:  # what aiohttp makes of reading on from a connection that was closed here a moment ago
        raise aiohttp.ClientPayloadError("the connection was closed") from None


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
    """Asks an aiohttp session for requests. `limit` is how many there may be at a time."""

    def __init__(self, transport: Transport, base_url: str) -> None:
        self._session = transport.session or transport.open()
        self._ours = transport.session is None
        self._base_url = base_url
        self._options = transport.request_options()
        connector = self._session.connector
        self.limit = (connector.limit if connector is not None else 0) or transport.connections

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._session.closed

    async def aclose(self) -> None:
        """Close the session, if it is ours."""
        if self._ours:
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
        self._overdue = Overdue(transport.total_timeout)

    async def get(self, handle: str, secret: str, in_turn: Callable[[], bool]) -> Reply | None:
        target = quoted(handle)
        connection = await self._connect()
        if not in_turn():
            connection.release()
            return None
        request = f"{self._before}{target}{self._after}{secret}\r\n\r\n".encode()
        try:
            protocol = _send(connection, request, self._timeout.sock_read)
            since = self._overdue.begin(connection, protocol)
            message, content = await protocol.read()
            while message.code < 200 and message.code != 101:  # "Early Hints" and the like: the answer is still to come
                protocol.start_timeout()  # which it ended, as if it were the answer
                message, content = await protocol.read()
        except BaseException as error:
            self._overdue.pop(connection, None)
            connection.close()
            if not isinstance(error, HttpProcessingError):
                raise
            broken = type(error).__name__
        else:
            if not content.is_eof():
                self._overdue[connection] = since, content
            return Head(connection, message, content, self._overdue)
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
