"""Planned misbehaviour of the test gateway, as named values.

A fault says what the gateway does with one request that passed the key and the quota. `Gateway.plan` queues faults for
a handle; a `Mix` strews them over all handles, the same ones in every run of the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal

from msgspec import Struct

RetryAfter = Literal["seconds", "milliseconds", "date"]


class Fault(Struct, frozen=True):
    """The base of all faults."""


class Status(Fault, frozen=True):
    """An error answer. Not billed.

    `retry_after` is sent as Retry-After (a number of seconds, or any text such as an HTTP date); `body` None is the
    documented error body of the status, which is not valid JSON; `headers` are added as they are.
    """

    code: int
    retry_after: float | str | None = None
    body: str | None = None
    headers: Mapping[str, str] = {}


class Code(Fault, frozen=True):
    """An error answer which names an upstream code, such as `account_not_found` or `no_tokens_remaining`. Not billed.

    The body has the documented shape, a comma missing after the message, unless `valid`.
    """

    code: str
    status: int = 400
    valid: bool = False


class RetryLater(Fault, frozen=True):
    """400 `retry_later`: the report is being prepared; `minutes` is sent as `report_info.eta`, None sends none."""

    minutes: float | None = 7
    valid: bool = True


class Html(Fault, frozen=True):
    """A web page of a proxy in between instead of an answer. Not billed."""

    status: int = 502


class Redirect(Fault, frozen=True):
    """A redirect to `location`. Not billed."""

    location: str
    status: int = 302


class Echo(Fault, frozen=True):
    """An error body that echoes every request header back, the `x-api-key` among them. Not billed."""

    status: int = 500


class Drop(Fault, frozen=True):
    """The connection is closed: after the `request` (not billed), the `headers` or N bytes of the body (billed).

    `reset` sends TCP RST instead of FIN.
    """

    after: Literal["request", "headers"] | int = "request"
    reset: bool = False


class Hang(Fault, frozen=True):
    """Nothing is answered for `seconds`, then the report (billed at once); None never answers (not billed)."""

    seconds: float | None = None


class Slow(Fault, frozen=True):
    """The report's body is trickled over `seconds`. Billed."""

    seconds: float
    pieces: int = 10


class Truncate(Fault, frozen=True):
    """The whole length is declared, a `fraction` of the body is sent, and the connection is closed. Billed."""

    fraction: float = 0.5


class Garble(Fault, frozen=True):
    """200 with a whole body that cannot be read: its `json` breaks off, or its `encoding` is corrupt. Billed."""

    layer: Literal["json", "encoding"] = "json"


class WrongType(Fault, frozen=True):
    """The report with one value replaced: `path` leads from the payload down. Billed.

    Such as `user_profile.stat_history[0].followers`.
    """

    path: str
    value: Any


class Unsuccessful(Fault, frozen=True):
    """200 whose envelope says `success: false` (or whose payload does, with `inner`). Not billed."""

    code: str = "account_not_found"
    inner: bool = False


class Bomb(Fault, frozen=True):
    """200 with a gzip body that inflates to `size` bytes of valid JSON. Billed."""

    size: int = 64 * 1024 * 1024


class Revoke(Fault, frozen=True):
    """The key (None: the one that asks) is refused with 401 from this request on."""

    key: str | None = None


class Quota(Fault, frozen=True):
    """At most `rate`·`window` + `burst` requests of one key within any `window` seconds.

    Planned as a fault it becomes the asking key's quota: that request is answered as usual and is the first one
    counted. The default burst of 1 is what an evenly paced sender needs: N + 1 sends fit into the closed span of N
    intervals.

    `retry_after` says how a refusal tells the wait: whole `seconds` rounded up, `milliseconds` in `retry-after-ms`, an
    HTTP `date`, a fixed number of seconds, or None for not at all. `advertise` adds rate-limit headers to every answer:
    `ratelimit` (RateLimit and RateLimit-Policy), `ratelimit-fields` (RateLimit-Limit, -Remaining, -Reset) or
    `x-ratelimit`. More than `connections` open connections to the gateway are refused with 420.
    """

    rate: float
    window: float = 1.0
    burst: int = 1
    retry_after: RetryAfter | float | None = "seconds"
    advertise: Literal["ratelimit", "ratelimit-fields", "x-ratelimit"] | None = None
    connections: int | None = None

    @property
    def allowed(self) -> int:
        """Requests within any window; at least one."""
        return max(1, int(self.rate * self.window + 1e-9) + self.burst)


TRANSIENT: tuple[Fault, ...] = (
    Status(500),
    Status(503, retry_after=1),
    Html(502),
    Drop("request"),
    Slow(0.2),
)
"""What a good client recovers from, and what costs nothing twice: no bought answer is lost among them."""


class Mix(Struct, frozen=True):
    """Faults strewn over a `rate` (0–1) of the requests, determined by (seed, handle, nth request) and nothing else."""

    rate: float
    faults: tuple[Fault, ...] = TRANSIENT
    seed: int = 0

    def pick(self, handle: str, nth: int) -> Fault | None:
        """Return the fault that the nth request (from 1) for a handle meets, or None."""
        digest = blake2b(f"{self.seed}/{handle}/{nth}".encode(), digest_size=8).digest()
        share = int.from_bytes(digest[:4], "big") / 2**32
        if share >= self.rate:
            return None
        return self.faults[int.from_bytes(digest[4:], "big") % len(self.faults)]
