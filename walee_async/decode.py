"""From a payload's bytes to a report, or to any smaller view of it."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from functools import lru_cache
from typing import Any, Generic, TypeVar, overload

import msgspec
from msgspec import Struct
from msgspec.inspect import AnyType, DataclassType, DictType, RawType, StructType, TypedDictType, type_info

from walee_async.errors import ConfigError, DecodeError, PayloadError, WaleeError
from walee_async.inflate import MAX_INFLATED, decompress
from walee_async.models import CreatorReport
from walee_async.outcomes import Payload

T = TypeVar("T")

_SMALL = 4096
"""Bytes. Reports are some 90,000; an answer this short may be a refusal, which a view need not show."""
_MISMATCH = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_PLACE = re.compile(r" - at `(\$.*?)`$")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF, _OTHER = r"u[dD][89abAB][0-9a-fA-F]{2}", r"u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPED = re.compile(rf"\\(?:{_HALF}\\{_OTHER}|({_HALF}|{_OTHER})|.)".encode(), re.DOTALL)
"""An escape: a whole pair, half of one, or any other."""
_EXACT = 2.0**53
"""Up to here a float counts in ones; past it, what it stood for is no longer known."""
_OBJECTS = (StructType, DictType, TypedDictType, DataclassType, RawType, AnyType)


class _Envelope(Struct, Generic[T], frozen=True):
    payload: T
    success: bool | None = None


@lru_cache(maxsize=64)
def decoder_for(view: Any) -> msgspec.json.Decoder[Any]:
    """Return the one decoder of a view's whole answer, made on first use. The last 64 views are remembered.

    Raises:
        ConfigError: the view is no type that a JSON object can be decoded into.
    """
    try:
        if not isinstance(type_info(view), _OBJECTS):
            raise ConfigError(f"{view!r} cannot be a view; it takes a Struct class with fields of the report, or dict")
        envelope: Any = _Envelope  # to type checkers a view is a value, and no type to put into brackets
        return msgspec.json.Decoder(envelope[view])
    except (TypeError, NameError) as error:
        raise ConfigError(f"{view!r} cannot be a view: {error}") from error


def check_view(view: Any) -> None:
    """Find out before buying whether a report can be decoded into a view.

    Raises:
        ConfigError: it cannot.
    """
    decoder_for(view)


@overload
def decode(payload: Payload, *, cap: int = ...) -> CreatorReport: ...
@overload
def decode(payload: Payload, view: type[T], *, cap: int = ...) -> T: ...
def decode(payload: Payload, view: type[Any] = CreatorReport, *, cap: int = MAX_INFLATED) -> Any:
    """Decode a payload into a view of the report: `CreatorReport`, any Struct with some of its fields, or `dict`.

    An int is taken for a float and an integral float for an int; a string is never taken for a number. Missing and
    null fields are None where the view says so, unknown keys are ignored.

    Args:
        payload: The report as it was bought.
        view: What to decode the inner `payload` object into.
        cap: The most bytes it may have when decompressed.

    Raises:
        InflateError: the bytes do not decompress.
        DecodeError: they are no JSON, no report, or do not fit the view. `path` is relative to the report, such as
            `$.user_profile.followers`; `$` alone is the report itself or the envelope around it.
        ConfigError: the view cannot be decoded into.
    """
    data = payload.take_inflated()
    try:
        if data is None:
            data = decompress(payload.body, payload.encoding, cap)
        return decode_bytes(data, view)
    except PayloadError as error:
        error.handle = payload.handle
        error.attempts = payload.attempts
        error.payload = payload
        raise


@overload
def decode_bytes(data: bytes | bytearray) -> CreatorReport: ...
@overload
def decode_bytes(data: bytes | bytearray, view: type[T]) -> T: ...
def decode_bytes(data: bytes | bytearray, view: Any = CreatorReport) -> Any:
    """Decode the JSON of a whole answer, envelope and all, into a view of the report. As `decode`, without a payload.

    Raises:
        DecodeError: as `decode`.
        ConfigError: the view cannot be decoded into.
    """
    decoder = decoder_for(view)
    try:
        if len(data) <= _SMALL:
            _check_small(data)
        envelope = _with_leave(decoder, data)
    except msgspec.ValidationError as error:
        raise _misfit(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # msgspec before 0.23 raises the second
        raise _malformed(_syntax(error, data)) from None
    except RecursionError:
        raise _malformed("nested too deeply") from None
    except WaleeError:
        raise
    except Exception as error:  # the view's own code: what was bought must not be lost to a bug in it
        raise DecodeError(f"The view's own code raised {type(error).__name__}: {error}") from error
    _check_flags(envelope.success, envelope.payload)
    return envelope.payload


def _with_leave(decoder: msgspec.json.Decoder[Any], data: bytes | bytearray) -> Any:
    """Decode strictly; where that fails, with 5.0 as 5 for an int, and without a BOM and halves of surrogate pairs."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        found = _MISMATCH.match(str(error))
        if found is None or found[2] != "float" or "int" not in found[1].split(" | "):
            raise
    except msgspec.DecodeError:
        mended = _mended(data)
        if mended == data:
            raise
        return _with_leave(decoder, mended)
    return decoder.decode(msgspec.json.encode(_integral(msgspec.json.decode(_mended(data)))))


def _mended(data: bytes | bytearray) -> bytes | bytearray:
    # JSON has no byte order mark, and a reader may pass over one (RFC 8259, section 8.1).
    return mend_surrogates(data.removeprefix(BOM_UTF8))


def mend_surrogates(data: bytes | bytearray) -> bytes | bytearray:
    """JSON with the mark of what is lost, U+FFFD, for each half of a surrogate pair that is escaped without the other.

    They come of texts that were cut within an emoji. JSON allows them (RFC 8259, section 8.2), msgspec does not.
    """
    return _ESCAPED.sub(lambda found: rb"\ufffd" if found[1] else found[0], data) if _SURROGATE.search(data) else data


def _integral(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _integral(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_integral(item) for item in value]
    if isinstance(value, float) and abs(value) < _EXACT and value.is_integer():
        return int(value)
    return value


def _check_flags(outer: object, report: object) -> None:
    inner = report.get("success") if isinstance(report, dict) else getattr(report, "success", None)
    if outer is False or inner is False:
        raise DecodeError("The answer says success: false; it is no report")


def _check_small(data: bytes | bytearray) -> None:
    try:
        answer = msgspec.json.decode(_mended(data))
    except (ValueError, RecursionError):
        return  # the view's own decoder says better where and why
    if isinstance(answer, dict):
        _check_flags(answer.get("success"), answer.get("payload"))
        if answer.get("payload") == {}:
            raise DecodeError("The answer's payload is empty; it is no report")


def _misfit(error: msgspec.ValidationError) -> DecodeError:
    text = str(error)
    place = _PLACE.search(text)
    inside = place is not None and re.match(r"\$\.payload\b", place[1])
    path = "$" + place[1].removeprefix("$.payload") if place and inside else "$"
    reason = _PLACE.sub("", text)
    reason = reason[:1].lower() + reason[1:]
    where = path if inside else f"the envelope ({place[1] if place else '$'})"
    failure = DecodeError(f"The report does not fit the view at {where}: {reason}")
    failure.path = path
    found = _MISMATCH.match(text)
    if found is not None:
        failure.expected, failure.found = found[1], found[2]
    return failure


def _malformed(reason: str) -> DecodeError:
    return DecodeError(f"The report is not valid JSON: {reason}")


def _syntax(error: Exception, data: bytes | bytearray) -> str:
    text = str(error)
    if isinstance(error, UnicodeDecodeError) or text == "Invalid UTF-8 encoded string":
        return _invalid_text(data)
    if text == "Input data was truncated" or text.endswith(f"(byte {len(data)})"):
        return f"it is cut short after {len(data):,} bytes"
    return text.removeprefix("JSON is malformed: ")


def _invalid_text(data: bytes | bytearray) -> str:
    """The place in the whole body; msgspec counts from the start of the string it was reading, or tells none."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"invalid UTF-8 (byte {error.start})"
    return "invalid UTF-8"
