"""How a report is asked for: one GET, over connections that aiohttp makes, keeps and reads from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from walee_async.errors import AmbiguousError, NotSentError, UnexpectedAnswerError
from walee_async.transport import send_once
from walee_async.wire import quoted, report_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from walee_async.transport import Transport

HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
"""Of every request, beside the key."""
KNOWN: Final = "3.14."
"""The versions of aiohttp that are asked for connections. Its documentation says how to get one, not how to use it; any
other version is asked for requests, which takes longer and is documented."""


class Reply(Protocol):
    """An answer whose head has come and whose body has not been read. Every one is to be released, however it ends."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers, found by their names in any case."""
        ...

    @property
    def content(self) -> aiohttp.StreamReader:
        """The body as it comes."""
        ...

    async def read(self) -> bytes:
        """Return all of the body when it has come."""
        ...

    def release(self) -> object:
        """Let the connection be used again if the body was read to its end; close it otherwise."""
        ...


async def read_body(reply: Reply, cap: int) -> bytes:
    """Read a reply's body as it comes, compressed or not.

    Raises:
        UnexpectedAnswerError: it has more than `cap` bytes; it is not read any further.
        aiohttp.ClientError: it broke off.
    """
    length = reply.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) <= cap:
        return await reply.read()
    chunks = bytearray()
    async for chunk in reply.content.iter_any():
        chunks += chunk
        if len(chunks) > cap:
            raise UnexpectedAnswerError(f"the answer is larger than {cap} bytes", status=reply.status)
    return bytes(chunks)


class Http:
    """What one key's requests go through: an aiohttp session of ours, or the caller's.

    The caller's is asked for requests, since it may trace them, or have a proxy. Ours is asked for connections: making
    its request and response objects takes aiohttp as long as all the rest of a request, connecting, encryption, pooling
    and parsing included.
    """

    def __init__(self, transport: Transport, base_url: str) -> None:
        self._session = transport.session or transport.open()
        self._ours = transport.session is None
        self._base_url = base_url
        connector = self._session.connector
        self.limit = (connector.limit if connector is not None else 0) or transport.connections
        """How many connections there may be at a time."""
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=transport.connect_timeout, sock_read=transport.read_timeout
        )
        self._options: dict[str, Any] = {
            "allow_redirects": False,
            "auto_decompress": False,
            "middlewares": (send_once,),
            "proxy": transport.proxy,
            "raise_for_status": False,
            "ssl": transport.ssl,
            "timeout": timeout,
        }
        self._lines: _Lines | None = None
        if self._ours and transport.proxy is None and aiohttp.__version__.startswith(KNOWN):
            self._lines = _Lines(self._session, base_url, transport, timeout)

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._session.closed

    async def aclose(self) -> None:
        """Close the session, if it is ours."""
        if self._ours:
            await self._session.close()

    async def get(self, handle: str, secret: str) -> Reply:
        """Ask for the report of a handle with a key, once, and return when the head of an answer has come.

        Raises:
            InvalidHandleError: the handle cannot be sent.
            TransportError, aiohttp.ClientError, OSError: none came.
        """
        if self._lines is not None:
            return await self._lines.get(handle, secret)
        url = URL(report_url(self._base_url, handle), encoded=True)
        return await self._session.get(url, headers={"x-api-key": secret, **HEADERS}, **self._options)


class _Lines:
    """Asks over connections of an aiohttp session, without its request and response objects."""

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, transport: Transport, timeout: aiohttp.ClientTimeout
    ) -> None:
        assert session.connector is not None
        self._connector = session.connector
        self._timeout = timeout
        address = URL(report_url(base_url, ""), encoded=True)
        # Never sent, and without the key: it tells the connector where to connect, and what headers aiohttp would send.
        self._model = aiohttp.ClientRequest(
            "GET",
            address,
            headers=HEADERS,
            loop=asyncio.get_running_loop(),
            response_class=aiohttp.ClientResponse,
            session=session,
            ssl=transport.ssl,
        )
        headers = "".join(f"{name}: {value}\r\n" for name, value in self._model.headers.items())
        self._before = f"GET {address.raw_path_qs}"
        self._after = f" HTTP/1.1\r\n{headers}x-api-key: "

    async def get(self, handle: str, secret: str) -> Reply:
        """See `Http.get`."""
        request = f"{self._before}{quoted(handle)}{self._after}{secret}\r\n\r\n".encode()
        try:
            connection = await self._connector.connect(self._model, [], self._timeout)
        except TimeoutError:
            raise NotSentError(f"no connection within {self._timeout.sock_connect:g} s") from None
        try:
            return await self._ask(connection, request)
        except BaseException:
            connection.close()
            raise

    async def _ask(self, connection: Any, request: bytes) -> Reply:
        protocol, transport = connection.protocol, connection.transport
        if transport is None or transport.is_closing():
            raise NotSentError("the connection was closed before anything was sent")
        protocol.set_response_params(auto_decompress=False, read_timeout=self._timeout.sock_read, read_until_eof=True)
        protocol.start_timeout()
        transport.write(request)
        try:
            message, content = await protocol.read()
            while message.code < 200 and message.code != 101:  # "Early Hints" and the like: the answer is still to come
                message, content = await protocol.read()
        except HttpProcessingError as error:
            broken = type(error).__name__
        else:
            return _Reply(connection, message, content)
        raise AmbiguousError(f"the connection broke before a whole answer came ({broken})")


class _Reply:
    __slots__ = ("_connection", "content", "headers", "status")

    def __init__(self, connection: Any, message: Any, content: aiohttp.StreamReader) -> None:
        self._connection = connection
        self.status: int = message.code
        self.headers: Mapping[str, str] = message.headers
        self.content = content

    async def read(self) -> bytes:
        return await self.content.read()

    def release(self) -> None:
        self._connection.release()  # which closes it when its answer was not read to the end
