"""Every exception that callers of this package meet, under one root.

    WaleeError
    ├── ConfigError                 an argument, variable or file of the caller's is wrong; nothing was sent
    ├── InvalidHandleError          a text cannot be a handle; nothing was sent
    ├── DeadlineError               the caller's deadline passed first
    ├── BudgetError                 buying this would pass the caller's cap; nothing was sent
    │   └── BudgetUnknownError      what is left of a shared budget cannot be asked for
    ├── NotAttemptedError           the run ended before this handle was sent
    ├── RunEndedError               a run ended early; the same call again goes on
    ├── TransportError              the exchange broke
    │   ├── NotSentError            the request never reached the gateway; nothing was bought
    │   └── AmbiguousError          sent, and no whole answer came; the report may have been bought
    ├── GatewayError                the gateway gave a whole answer, and it is no report
    │   ├── NoReportError           it has no report for this handle; final for the handle
    │   ├── NotReadyError           the report is being prepared; ask again in minutes
    │   ├── AccountError            it refuses the account, not the handle
    │   │   ├── RefusedKeyError     the key is wrong, disabled or not allowed; final for the key
    │   │   └── ExhaustedKeyError   the account cannot buy; final for the key until it is topped up
    │   ├── RateLimitError          too fast; everybody on the key waits
    │   │   └── LongPauseError      the wait asked for is longer than the deadline; ends the run
    │   ├── ServerError             it failed, unbilled; worth another attempt
    │   └── UnexpectedAnswerError   an answer outside the contract, such as a redirect or a web page
    ├── PayloadError                a report was bought and kept, and cannot be read
    │   ├── InflateError            its bytes do not decompress, or past the cap
    │   └── DecodeError             its JSON does not fit the view
    └── StoreError                  the store cannot do what was asked of it
        ├── StorePathError          there is no store at the path, or none can be made there
        ├── StoreLockedError        another process is writing to it
        ├── StoreVersionError       a newer version of this package made it
        ├── StoreDamagedError       its files are not as they were written
        └── StoreWriteError         nothing more can be written; what was kept before can be read

An error survives pickling with all it carries, and none of it holds the API key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from walee_async.outcomes import Attempt, Exchange, Outcome, Payload

Fault = Literal["caller", "handle", "account", "gateway", "network", "payload"]
"""Who can mend it."""


class WaleeError(Exception):
    """The root. Catch it to catch everything this package raises on purpose.

    By class, `retryable` says whether another attempt may end otherwise, `fault` who can mend it, `advice` what to do.
    By error: `detail` (what was wrong, one sentence), `handle`, `status` (HTTP), `code` and `message` (the gateway's
    own), `attempts` (the sends so far, oldest first) and `exchange` (the last one, redacted); None or empty if none.
    """

    retryable: ClassVar[bool] = False
    fault: Fault = "caller"
    advice: ClassVar[str] = ""

    def __init__(
        self,
        detail: str,
        *,
        handle: str | None = None,
        status: int | None = None,
        code: str | None = None,
        message: str | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.handle = handle
        self.status = status
        self.code = code
        self.message = message
        self.exchange = exchange
        self.attempts: Sequence[Attempt] = ()

    def __str__(self) -> str:
        """The handle, what was wrong, what the gateway said, and what to do."""
        where = f"{self.handle}: " if self.handle is not None else ""
        said = f" (the gateway said: {self.message})" if self.message and self.message not in self.detail else ""
        advice = f" {self.advice}" if self.advice else ""
        end = "" if self.detail.endswith((".", "?")) else f"{said}."
        return f"{where}{self.detail}{end}{advice}"

    def about(self, handle: str | None) -> Self:
        """The same error, told of another handle that it stops as well; the attempts are that handle's own to add."""
        error: Self = _rebuild(type(self), self.__dict__ | {"handle": handle, "attempts": ()}, self.__cause__)
        return error

    def because_of(self, cause: WaleeError) -> Self:
        """The same error, now with what it comes from, and by the same fault."""
        self.fault, self.__cause__ = cause.fault, cause
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by class, attributes and a cause of ours: the default would lose all but the first argument."""
        cause = self.__cause__ if isinstance(self.__cause__, WaleeError) else None
        return _rebuild, (type(self), self.__dict__.copy(), cause)


def _rebuild(kind: type[WaleeError], state: dict[str, Any], cause: BaseException | None = None) -> Any:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args, error.__cause__ = (state["detail"],), cause  # __new__ sets no args where __init__ is to do so (OSError)
    return error


class ConfigError(WaleeError, ValueError):
    """An argument, environment variable or file of the caller's is wrong. Nothing was sent."""


class InvalidHandleError(WaleeError, ValueError):
    """A text cannot be a TikTok handle. Nothing was sent for it."""

    fault: Fault = "handle"
    advice = "A handle has letters, digits, underscores and dots, at most 64, as in @river.kites or a profile address."


class DeadlineError(WaleeError, TimeoutError):
    """The deadline passed while waiting for a turn, a pause or an answer."""

    advice = "Allow a longer deadline, or a higher rate if the key has one."


class BudgetError(WaleeError):
    """The caller's own cap on reports or money is reached. Nothing was sent."""

    advice = "Raise the budget to buy more; what was bought is kept."


class BudgetUnknownError(BudgetError):
    """What is left of a budget that is shared cannot be asked for, so nothing was sent."""

    fault: Fault = "network"
    advice = "Bring its server back, then run again to go on; what was bought is kept."


class NotAttemptedError(WaleeError):
    """The run ended before this handle was sent, for the reason in `__cause__`. Nothing was bought for it."""

    retryable = True
    advice = "Run again to go on with it."


class RunEndedError(WaleeError):
    """A run ended before its list did, for the reason in `__cause__`, and by its `fault`; the same call again goes on.

    `outcomes` holds what `collect()` had in hand; it is empty for a streamed run, which delivered them already.
    """

    outcomes: Sequence[Outcome[Any]] = ()


class TransportError(WaleeError):
    """The exchange with the gateway broke."""

    retryable = True
    fault: Fault = "network"


class NotSentError(TransportError):
    """The request never reached the gateway: no name, no connection, no TLS. Nothing was bought."""

    advice = "Check the base URL, the network and the proxy."


class AmbiguousError(TransportError):
    """The request was sent and no whole answer came. The report may have been bought."""

    advice = "It may have been bought; compare with the account before buying it again."


class GatewayError(WaleeError):
    """The gateway gave a whole answer, and it is no report."""

    fault: Fault = "gateway"


class NoReportError(GatewayError):
    """The gateway has no report for this handle. Final for the handle; not charged."""

    fault: Fault = "handle"
    advice = "Check that the account exists, is public and is spelled so."


class NotReadyError(GatewayError):
    """The report is being prepared. `eta` is the gateway's estimate in seconds, or None. Not charged."""

    fault: Fault = "handle"
    advice = "Ask again in five to ten minutes."
    eta: float | None = None


class AccountError(GatewayError):
    """The gateway refuses the account behind a key. Another key may do. Not charged."""

    fault: Fault = "account"


class RefusedKeyError(AccountError):
    """The key is wrong, disabled or not allowed here."""

    advice = "Check the key in WALEE_API_KEY and that it is enabled for creator reports."


class ExhaustedKeyError(AccountError):
    """The account behind the key has no credit, quota or subscription left."""

    advice = "Top the account up or wait for its next period, then run again."


class RateLimitError(GatewayError):
    """Too fast, or too many connections. `retry_after` is the wait asked for in seconds, or None. Not charged."""

    retryable = True
    fault: Fault = "account"
    advice = "Lower the rate, or run again when the wait is over."
    retry_after: float | None = None


class LongPauseError(RateLimitError):
    """The gateway asked everybody to wait for longer than the deadline; nothing more is sent until then."""

    retryable = False


class ServerError(GatewayError):
    """The gateway failed. Not charged. `retry_after` is the wait asked for in seconds, or None."""

    retryable = True
    advice = "Try again later."
    retry_after: float | None = None


class UnexpectedAnswerError(GatewayError):
    """An answer outside the contract: a redirect, a web page, an unknown status. The exchange shows it."""

    advice = "Check the base URL and any proxy in between."


class PayloadError(WaleeError):
    """A report was bought and its bytes are kept in `payload`, but it cannot be read."""

    fault: Fault = "payload"
    payload: Payload | None = None


class InflateError(PayloadError):
    """The bytes do not decompress, or to more than the cap."""

    advice = "The bytes are kept; decode them again with a higher cap, or report them."


class DecodeError(PayloadError):
    """The JSON does not fit the view: `path` says where, `expected` and `found` what."""

    advice = "The bytes are kept; decode them again with a view that fits."
    path: str = "$"
    expected: str | None = None
    found: str | None = None


class StoreError(WaleeError):
    """The store cannot do what was asked of it. `payload` is the report it was to keep, so that it is still in hand."""

    payload: Payload | None = None


class StorePathError(StoreError):
    """There is no store at the path, or none can be made there. Nothing was changed."""


class StoreLockedError(StoreError):
    """Another process is writing to the store, or holds its file; only one may."""

    retryable = True
    advice = "Wait until it has ended, or use another store; reading is possible at any time."


class StoreVersionError(StoreError):
    """The store was made by a newer version of this package; upgrade it. Nothing was changed."""


class StoreDamagedError(StoreError):
    """The store's files are not as they were written. What cannot be vouched for is not given out."""

    advice = "Copy its files elsewhere, export what can still be read, and import that into a new store."


class StoreWriteError(StoreError):
    """The disk is full or refuses, or the file is damaged, gone or closed: nothing more is accepted.

    Nothing is half-written, and what was kept can be read.
    """

    advice = "Make room or mend the disk or the file, then run again."
