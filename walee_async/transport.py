"""What aiohttp is asked for and what its failures mean.

Its errors hold the request with its headers, so they are neither chained nor shown: each becomes an error of ours that
says whether the request had been sent.
"""

from __future__ import annotations

from ssl import SSLContext
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from msgspec import Struct

from walee_async.checks import check_seconds, check_whole
from walee_async.errors import AmbiguousError, ConfigError, NotSentError, TransportError
from walee_async.inflate import MAX_INFLATED
from walee_async.wire import redact

if TYPE_CHECKING:
    from walee_async.keys import Key

NOT_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)


class Transport(Struct, frozen=True, kw_only=True):
    """How to reach the gateway. Seconds and bytes.

    A `session` or `connector` of the caller's is used and never closed. A session is asked for ordinary requests, so
    its traces and headers are kept; its middlewares are not run, since one that sends again would buy again.

    Raises:
        ConfigError: a timeout, a number of connections or of bytes is none, or `ssl` says nothing of certificates.
    """

    session: aiohttp.ClientSession | None = None
    connector: aiohttp.BaseConnector | None = None
    proxy: str | None = None
    ssl: SSLContext | aiohttp.Fingerprint | bool = True
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    """The longest silence while an answer is awaited or read."""
    total_timeout: float = 300.0
    """The longest that an answer may take, however it drips: from when it is asked for, or, with a `session` or a
    `proxy`, from when its head has come. At least `read_timeout`; aiohttp's own default is as long."""
    connections: int = 64
    """Per key. The service behind the gateway refuses more than 100."""
    allow_plain_http: bool = False
    max_inflated: int = MAX_INFLATED

    def __post_init__(self) -> None:
        check_seconds("Transport.connect_timeout", self.connect_timeout)
        check_seconds("Transport.read_timeout", self.read_timeout)
        check_seconds("Transport.total_timeout", self.total_timeout)
        if self.total_timeout < self.read_timeout:
            said = f"it must be at least as long as read_timeout, which is {self.read_timeout:g} s"
            raise ConfigError(f"Transport.total_timeout is {self.total_timeout:g} s; {said}")
        check_whole("Transport.connections", self.connections)
        check_whole("Transport.max_inflated", self.max_inflated)
        given: object = self.ssl
        if not isinstance(given, bool | SSLContext | aiohttp.Fingerprint):
            # aiohttp would take whatever else there is for leave not to look at certificates.
            said = "True, False, an aiohttp.Fingerprint, or an ssl.SSLContext: ssl.create_default_context(cafile=…)"
            raise ConfigError(f"Transport.ssl is {given!r}; it must be {said}")

    def request_options(self) -> dict[str, Any]:
        """What an aiohttp session, ours or the caller's, is asked for a request with."""
        return {
            "allow_redirects": False,
            "auto_decompress": False,
            "middlewares": (send_once,),
            "proxy": self.proxy,
            "raise_for_status": False,
            "ssl": self.ssl,
            "timeout": aiohttp.ClientTimeout(
                total=None, sock_connect=self.connect_timeout, sock_read=self.read_timeout
            ),
        }

    def open(self) -> aiohttp.ClientSession:
        """Make an aiohttp session of our own: no cookies, bodies as they come, no redirects followed."""
        connector = self.connector or aiohttp.TCPConnector(limit=self.connections)
        return aiohttp.ClientSession(
            connector=connector,
            connector_owner=self.connector is None,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )


async def send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET again by itself, which it does when a kept-alive connection breaks.

    It looks for `ClientOSError` and `ServerDisconnectedError`; this turns them into an error it does not know before
    it can look. Errors from before the request was sent pass, and it does not act on them.
    """
    try:
        return await handler(request)
    except NOT_SENT:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        broken = type(error).__name__
    raise AmbiguousError(f"the connection broke before an answer came ({broken})")


def what_broke(error: BaseException, transport: Transport, key: Key) -> TransportError:
    """Say what broke and whether the request had been sent, in words that cannot hold the key."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return NotSentError(f"no connection within {transport.connect_timeout:g} s")
    if isinstance(error, NOT_SENT):
        what = "the proxy refused" if isinstance(error, aiohttp.ClientHttpProxyError) else str(error)
        return NotSentError(redact(what, [key.secret]))
    if isinstance(error, aiohttp.ServerTimeoutError):
        return AmbiguousError(f"no answer within {transport.read_timeout:g} s")
    if isinstance(error, TimeoutError):
        return AmbiguousError(f"no whole answer within {transport.total_timeout:g} s")
    return AmbiguousError(f"the connection broke before a whole answer came ({type(error).__name__})")
