"""What is sent, and what an answer means."""

from __future__ import annotations

import base64
import gzip
import json
import math
import pickle
import tracemalloc
import zlib
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from walee_async.decode import decode
from walee_async.errors import (
    AccountError,
    AmbiguousError,
    ConfigError,
    DeadlineError,
    DecodeError,
    ExhaustedKeyError,
    GatewayError,
    InflateError,
    InvalidHandleError,
    NoReportError,
    NotAttemptedError,
    NotReadyError,
    NotSentError,
    RateLimitError,
    RefusedKeyError,
    ServerError,
    UnexpectedAnswerError,
    WaleeError,
)
from walee_async.outcomes import Charge, Payload
from walee_async.wire import (
    Answer,
    charge_of,
    check_base_url,
    check_key,
    excerpt,
    key_label,
    read_answer,
    redact,
    report_url,
    shown,
)
from walee_async.wire.request import LONGEST_KEY

BASE = "https://api.gateway.walee.ai/api"
KEY = "wk_live/Zm9v+b&r\"ba'z\\9a3f9"
CAP = 1 << 20
NOW = 1_700_000_000.0
REPORT = b'{"success":true,"message":"fetched \\"it\\"","payload":{"success":true,"version":"2"}}'
DOCUMENTED_400 = b"""{
  "success": false,
  "message": "Failed to fetch creator report"
  "payload": {}
}"""
DOCUMENTED_500 = b"""{
  "success": false,
  "message": "Something went wrong. Please try again later."
  "payload": {}
}"""


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer; an underscore in a header's name stands for its hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, body=body, received_at=NOW)


def read(given_answer: Answer, keys: tuple[str, ...] = ()) -> Payload:
    return read_answer("river.kites", given_answer, cap=CAP, keys=keys)


def refusal(status: int, body: bytes = b"", **headers: str) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        read(answer(status, body, **headers))
    return caught.value


def envelope(**fields: Any) -> bytes:
    return json.dumps({"success": False, "message": "m", "payload": {}} | fields).encode()


# --- the request


@given(st.text())
@example("a&handle=b#c?d/../e%2F+ é\r\nHost: x")
def test_nothing_in_a_handle_alters_the_address(handle: str) -> None:
    """Any text at all is the value of the one parameter, at the same host and path."""
    url = report_url(BASE, handle)
    parts = urlsplit(url)
    assert url.isascii()
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "api.gateway.walee.ai", "/api/ask/tt/creator/report")
    assert parts.fragment == ""
    assert parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) == [("handle", handle)]


def test_text_without_a_utf8_form_is_no_handle() -> None:
    """A lone surrogate cannot be sent, and says so as an invalid handle."""
    with pytest.raises(InvalidHandleError, match=r"'\\ud800x' cannot be sent"):
        report_url(BASE, "\ud800x")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (f" {BASE}// ", BASE),
        ("HTTPS://API.Example.com:8443", "https://api.example.com:8443"),
        ("https://host:/Api/V2/", "https://host/Api/V2"),
        ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://LOCALHOST:1/", "http://localhost:1"),
        ("http://[::1]:9/api/", "http://[::1]:9/api"),
    ],
)
def test_base_urls_are_normalised(text: str, normal: str) -> None:
    """Scheme and host are lower-cased, slashes at the end go, loopback may be plain; doing it twice changes nothing."""
    assert check_base_url(text) == normal
    assert check_base_url(normal) == normal


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "begin with https"),
        ("api.gateway.walee.ai/api", "begin with https"),
        ("ftp://host", "begin with https"),
        ("https://", "names no host"),
        ("https:///api", "names no host"),
        ("https://user:hunter2@host", "no user name or password"),
        ("https://host/api?", "no query and no fragment"),
        ("https://host/#x", "no query and no fragment"),
        ("https://host:99999", "cannot be read"),
        ("https://host:0", "port"),
        ("https://[::1", "cannot be read"),
        ("https://ho st", "printable ASCII"),
        ("https://host\n/api", "printable ASCII"),
        ("https://höst", "printable ASCII"),
        ("https://host\\@evil", "printable ASCII"),
        ("https://a..b", "neither a name nor an address"),
        ("https://a%2fb", "neither a name nor an address"),
        ("https://[fe80::1%25eth0]", "neither a name nor an address"),
        ("http://api.gateway.walee.ai", "plain http"),
        ("http://127.0.0.1.evil.example", "plain http"),
        ("http://128.0.0.1", "plain http"),
    ],
)
def test_base_urls_that_cannot_be_trusted_are_refused(text: str, sentence: str) -> None:
    """Each has its own sentence, and none repeats a password."""
    with pytest.raises(ConfigError, match=sentence) as caught:
        check_base_url(text)
    assert "hunter2" not in str(caught.value)


def test_plain_http_can_be_allowed() -> None:
    """Inside a network of one's own it is one's own choice."""
    assert check_base_url("http://proxy.lan/api", allow_plain_http=True) == "http://proxy.lan/api"


@given(st.text())
def test_a_base_url_is_refused_or_safe(text: str) -> None:
    """Whatever passes has a host, no credentials and nothing after its path."""
    try:
        parts = urlsplit(check_base_url("https://" + text))
    except ConfigError:
        return
    assert parts.hostname
    assert (parts.username, parts.query, parts.fragment, parts.path.endswith("/")) == (None, "", "", False)


def test_a_key_loses_only_what_surrounds_it() -> None:
    """A key from a file comes with a byte order mark and a line end."""
    assert check_key(f"\ufeff {KEY}\r\n") == KEY


BAD_KEYS = [
    "",
    " \n",
    "secret key",
    "secret\nkey",
    "secret\x00",
    "sécret",
    "secret\x7f",
    "secret" * (LONGEST_KEY // 6 + 1),
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: ascii(key)[:20])
def test_bad_keys_are_refused_unseen(key: str) -> None:
    """No message about a key shows it."""
    with pytest.raises(ConfigError, match="API key") as caught:
        check_key(key)
    assert not key.strip() or key not in repr(caught.value)
    assert "cret" not in str(caught.value)


def test_keys_are_named_by_their_tail() -> None:
    """Long keys show four characters, short ones none."""
    assert key_label(0, "01234567a3f9") == "key 1 (…a3f9)"
    assert key_label(1, "01234567890") == "key 2"


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda key: quote(key, safe=""),
    "percent, lower case": lambda key: "".join(f"%{ord(c):02x}" for c in key),
    "form": quote_plus,
    "JSON": lambda key: json.dumps(key)[1:-1],
    "JSON with its slashes escaped": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "JSON, all escaped": lambda key: "".join(f"\\u{ord(c):04X}" for c in key),
    "HTML": escape,
    "HTML, all as numbers": lambda key: "".join(f"&#{ord(c):04};" for c in key),
    "HTML, all as hexadecimal numbers": lambda key: "".join(f"&#X{ord(c):04X};" for c in key),
    "repr": lambda key: repr(key)[1:-1],
    "base64": lambda key: base64.b64encode(key.encode()).decode().rstrip("="),
    "base64 of a header": lambda key: base64.b64encode(f"x-api-key: {key}\r\n".encode()).decode(),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(f"a:{key}:b".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_keys_are_found_in_disguise(form: str) -> None:
    """Percent-encoding, JSON, HTML and base64 do not carry a key past the redaction."""
    disguised = FORMS[form](KEY)
    text = redact(f"<a {disguised} z>", [KEY])
    assert "…a3f9…" in text
    assert "base64" in form or text == "<a …a3f9… z>"
    assert KEY[:12] not in text
    assert disguised[4:-4] not in text


@pytest.mark.parametrize("key", [KEY, "0123456789ab", "0123456789abc"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", [b"", b":", b"::", b":::"])
def test_of_a_key_in_base64_nothing_is_left(key: str, encode: Callable[[bytes], bytes], before: bytes) -> None:
    """All characters whose bits are the key's go; those that hold bits of its neighbours stay."""
    text = encode(before + key.encode() + b"::").decode()
    first, end = math.ceil(len(before) * 8 / 6), (len(before) + len(key)) * 8 // 6
    assert redact(text, [key]) == f"{text[:first]}…{key[-4:]}…{text[end:]}"


@pytest.mark.parametrize("key", ["\ud800", "\ud8000123456789ab"])
def test_a_key_that_is_no_unicode_text_is_redacted_too(key: str) -> None:
    """A lone surrogate, as the system gives for bytes that it cannot read, ends no redaction."""
    assert key not in redact(f"x{key}y", [key])


keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(st.lists(keys, min_size=1, max_size=4), st.data())
@example(["abcdabcdabcd"], None)
def test_no_key_survives_redaction(known: list[str], data: st.DataObject | None) -> None:
    """However keys overlap, repeat, contain each other or touch, none is left whole."""
    pieces = [*known, *(key[:-1] for key in known), *(key[-4:] for key in known), "x", ")"]
    text = "".join(data.draw(st.lists(st.sampled_from(pieces)))) if data else known[0] + known[0][4:] * 2
    clean = redact(text, known)
    assert [key for key in known if key in clean] == []


def test_each_key_is_replaced_whole_by_its_own_mask() -> None:
    """Of a key that begins with another one nothing is left, and each shows the end of its own."""
    one, other = "0123456789ab", "0123456789ab-0123456789cd"
    assert redact(f"{other} {one}", [one, other]) == "…89cd… …89ab…"


@given(st.text())
def test_text_without_a_key_is_left_alone(text: str) -> None:
    """Redaction changes nothing else."""
    assume(KEY not in text)
    assert redact(text, [KEY, ""]) == text
    assert redact(text, []) == text


def test_headers_are_shown_by_allowlist() -> None:
    """The key's header, cookies and redirect targets are not shown; the rest is made printable and short."""
    headers = {"X-API-Key": KEY, "Set-Cookie": "a", "Location": "b", "Retry-After": "3", "server": f"a\x1b[1m{KEY}"}
    assert shown(headers | {"Via": "v" * 999}, [KEY]) == {
        "retry-after": "3",
        "server": "a [1m…a3f9…",
        "via": "v" * 299 + "…",
    }


# --- reports


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(REPORT, mtime=0)),
        ("x-gzip", gzip.compress(REPORT, mtime=0)),
        ("GZIP, identity", gzip.compress(REPORT, mtime=0)),
        ("gzip, ", gzip.compress(REPORT, mtime=0)),
        ("deflate", zlib.compress(REPORT)),
        ("", REPORT),
        ("identity", REPORT),
    ],
)
def test_a_report_is_kept_as_received(encoding: str, body: bytes) -> None:
    """The payload holds the bytes off the wire, and the inflated ones once for the first decode."""
    payload = read(answer(200, body, content_encoding=encoding))
    assert (payload.handle, payload.body, payload.received_at) == ("river.kites", body, NOW)
    assert payload.encoding in {"gzip", "deflate", "identity"}
    assert payload.take_inflated() == REPORT
    assert payload.take_inflated() is None


@pytest.mark.parametrize(
    ("encoding", "body", "right"),
    [
        ("gzip", REPORT, "identity"),
        ("gzip", b"\r\n " + REPORT, "identity"),
        ("identity", gzip.compress(REPORT, mtime=0), "gzip"),
    ],
)
def test_a_wrong_encoding_header_costs_no_report(encoding: str, body: bytes, right: str) -> None:
    """A proxy that changed the body and not the header is seen through by the first bytes."""
    payload = read(answer(200, body, content_encoding=encoding))
    assert (payload.encoding, (payload.take_inflated() or b"").lstrip()) == (right, REPORT)


@pytest.mark.parametrize(
    ("body", "what"), [(b"", "is empty"), (b" \n", "is empty"), (b"\n<p>Sign in", "is a web page")]
)
def test_what_was_never_compressed_is_told_for_what_it_is(body: bytes, what: str) -> None:
    """Nothing and a page are no damaged report, although the header says gzip."""
    error = refusal(200, body, content_encoding="gzip")
    assert isinstance(error, UnexpectedAnswerError)
    assert error.detail == f"the answer {what} (HTTP 200)"


@pytest.mark.parametrize(("encoding", "told"), [("gzip, br", "'gzip,br'"), (KEY, "'…a3f9…'")])
def test_an_encoding_that_cannot_be_undone_is_named_without_the_key(encoding: str, told: str) -> None:
    """All of several, in order; a gateway that repeats the key there does not bring it into the error or the store."""
    with pytest.raises(InflateError) as caught:
        read(answer(200, REPORT, content_encoding=encoding), keys=(KEY,))
    assert f"content encoding {told} is none of" in caught.value.detail
    assert caught.value.payload is not None
    assert caught.value.payload.encoding == told.strip("'")


def test_an_encoding_with_a_byte_past_ascii_can_be_kept() -> None:
    """The HTTP client hands such a byte on as half a surrogate, which no store takes; the report was bought."""
    with pytest.raises(InflateError) as caught:
        read(answer(200, REPORT, content_encoding="gzip, \udcff"))
    assert caught.value.payload is not None
    assert (caught.value.payload.body, caught.value.payload.encoding) == (REPORT, "gzip,\\udcff")


@pytest.mark.parametrize(
    "body",
    [
        b' {\n"success" : true , "message": "a \\\\\\" }" , "payload" : { "success" : true , "version": "2"}}',
        b'{"payload":{"version":"2","success":true},"message":null,"success":true}',
        b'{"success":true,"message":"m","payload":{"version":"2"}}',
        b'{"message":"m","payload":{"user_profile":{}}}',
        b'{"success":true,"message":"m","payload":{"success":true,"user_pro',
        b'{"success":true,"message":"m","payload":{"success":tr',
        b'{"success":true,"payload":["a report, oddly wrapped"]}',
        b"\xef\xbb\xbf" + REPORT,
        b'{"a":' + b"[" * 100_000,
        b'{"payload":{"success":true,"error":"none","version":"2"},"success":true}',
        b'{"success":true,"message":"m","payload":{"error": null,"version":"2"}}',
    ],
    ids=[
        *("spaces", "order", "no inner flag", "no outer flag", "cut", "cut early", "no object", "BOM", "deep"),
        *("error", "no error"),
    ],
)
def test_whatever_may_have_been_bought_is_handed_on(body: bytes) -> None:
    """A body that begins like JSON and does not say no is a payload, for the decoder to judge with the bytes kept."""
    assert read(answer(200, body)).body == body


@pytest.mark.parametrize(
    ("body", "what", "message"),
    [
        (b"", "is empty", None),
        (b" \n", "is empty", None),
        (b" <html><title>Sign in</title></html> ", "is a web page", "Sign in"),
        (b"OK", "is not JSON", "OK"),
        (b'"text"', "is not JSON", '"text"'),
        (b"[]", "is not JSON", None),
    ],
)
def test_a_success_that_is_no_json_object_is_unexpected(body: bytes, what: str, message: str | None) -> None:
    """A page or nothing at all under status 200 is no report, and nobody knows whether one was bought."""
    error = refusal(200, body)
    assert isinstance(error, UnexpectedAnswerError)
    assert (error.detail, error.message) == (f"the answer {what} (HTTP 200)", message)
    assert charge_of(error) is Charge.AMBIGUOUS


@pytest.mark.parametrize("payload", [b"null", b"{}", b"[]", b'""', b'{"success":true}', None])
def test_a_success_without_a_report_is_unexpected(payload: bytes | None) -> None:
    """Flags that are true over an empty payload make no report."""
    body = (
        b'{"success":true,"message":"fetched"}' if payload is None else b'{"success":true,"payload":' + payload + b"}"
    )
    error = refusal(200, body)
    assert isinstance(error, UnexpectedAnswerError)
    assert error.detail == "the answer says success and holds no report (HTTP 200)"


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (envelope(error="account_is_private"), NoReportError, "account_is_private"),
        (envelope(message="retry_later"), NotReadyError, "retry_later"),
        (envelope(success=True, payload={"success": False, "error": "no_tokens_remaining"}), ExhaustedKeyError, None),
        (envelope(success=True, payload={"error": "account_removed"}), NoReportError, "account_removed"),
        (envelope(success=True, payload=None, code="rate_limit_exceeded"), RateLimitError, "rate_limit_exceeded"),
        (envelope(error="internal_server_error"), ServerError, "internal_server_error"),
        (envelope(error="invalid_api_key"), RefusedKeyError, "invalid_api_key"),
        (envelope(error="some_new_code"), NoReportError, "some_new_code"),
        (envelope(), NoReportError, None),
        (DOCUMENTED_400, NoReportError, None),
        (b'{"success": false, "error": "retry_later", "mess', NotReadyError, "retry_later"),
        (b"\xef\xbb\xbf" + envelope(error="retry_later"), NotReadyError, "retry_later"),
        (b'\xef\xbb\xbf{"success": false, "error": "retry_later", "mess', NotReadyError, "retry_later"),
    ],
)
def test_a_false_flag_in_a_200_is_judged_by_its_code(body: bytes, kind: type[GatewayError], code: str | None) -> None:
    """Either flag can be false; what is unknown is final for the handle."""
    error = refusal(200, body)
    assert type(error) is kind
    assert code is None or error.code == code
    assert error.handle == "river.kites"


def test_a_byte_order_mark_costs_no_report() -> None:
    """What stands before the JSON is kept with it, and read over."""
    payload = read(answer(200, b"\xef\xbb\xbf" + REPORT))
    assert payload.body == b"\xef\xbb\xbf" + REPORT
    assert decode(payload, dict) == msgspec.json.decode(REPORT)["payload"]


def test_the_audience_blocks_flags_are_no_refusal() -> None:
    """A report whose audience is empty is a report."""
    body = envelope(success=True, payload={"audience_likers": {"success": False, "error": "empty_audience"}})
    assert read(answer(200, body)).take_inflated() == body


@pytest.mark.parametrize(
    "body", [gzip.compress(REPORT, mtime=0)[:-9], b"\x1f\x8bgarbage", gzip.compress(bytes(CAP + 1), mtime=0)]
)
def test_what_does_not_inflate_keeps_its_bytes(body: bytes) -> None:
    """Cut, garbled or past the cap: the error carries the handle, the status and the payload, also through a pickle."""
    with pytest.raises(InflateError) as caught:
        read(answer(200, body, content_encoding="gzip"))
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert (error.handle, error.status) == ("river.kites", 200)
        assert error.payload is not None
        assert error.payload.body == body
        assert charge_of(error) is Charge.BILLED


# --- refusals

HANDLE_CODES = [
    "account_not_found",
    "account_removed",
    "account_data_removed",
    "account_is_private",
    "empty_audience_data",
    "bad_request",
]
EXHAUSTED_CODES = [
    "no_tokens_remaining",
    "no_quota_remaining",
    "daily_tokens_limit_exceeded",
    "tokens_expired",
    "subscription_expired",
    "subscription_not_found",
]
KEY_CODES = ["invalid_api_key", "token_is_disabled", "permission_denied", "not_authenticated"]
MEANINGS: dict[str, type[GatewayError]] = {
    **dict.fromkeys(HANDLE_CODES, NoReportError),
    "retry_later": NotReadyError,
    **dict.fromkeys(EXHAUSTED_CODES, ExhaustedKeyError),
    **dict.fromkeys(KEY_CODES, RefusedKeyError),
    "rate_limit_exceeded": RateLimitError,
    "conn_limit_exceeded": RateLimitError,
    "internal_server_error": ServerError,
}
SPOTS: dict[str, Callable[[str], bytes]] = {
    "error": lambda code: envelope(error=code),
    "code": lambda code: envelope(code=code),
    "message": lambda code: envelope(message=code),
    "message in words": lambda code: envelope(message=code.replace("_", " ").capitalize() + "."),
    "inside a message": lambda code: envelope(message=f"upstream said: {code}!"),
    "payload.error": lambda code: envelope(payload={"error": code}),
    "payload.message": lambda code: envelope(payload={"success": False, "message": code}),
    "error object": lambda code: envelope(error={"code": code, "message": "no"}),
    "error list": lambda code: envelope(errors=[{"type": code}]),
    "invalid JSON": lambda code: f'{{\n"success": false,\n"message": "{code}"\n"payload": {{}}\n}}'.encode(),
    "cut": lambda code: f'{{"success": false, "error": "{code}", "mess'.encode(),
    "bare text": lambda code: code.encode(),
    "gzip": lambda code: gzip.compress(envelope(error=code)),
    "after spaces": lambda code: b"\r\n " + envelope(error=code),
}


@pytest.mark.parametrize("spot", SPOTS)
@pytest.mark.parametrize("code", MEANINGS)
def test_known_codes_are_found_wherever_they_stand(code: str, spot: str) -> None:
    """The gateway answers 400 for nearly everything, with a code in one field or another."""
    error = refusal(400, SPOTS[spot](code))
    assert (type(error), error.code) == (MEANINGS[code], code)
    assert (error.handle, error.status) == ("river.kites", 400)


@pytest.mark.parametrize("text", ["account_not_founded", "xaccount_not_found", "my_retry_later", "account-not-found"])
def test_codes_are_whole_words(text: str) -> None:
    """A longer word that holds a code is another word."""
    assert refusal(400, envelope(error=text, message="m")).code not in MEANINGS


def test_a_new_code_is_one_only_where_codes_stand() -> None:
    """What looks like a code and is not known is one in the fields for codes, and words in a message."""
    assert [refusal(400, envelope(**{field: "some_new_code"})).code for field in ("error", "code", "message")] == [
        "some_new_code",
        "some_new_code",
        None,
    ]


def test_the_error_field_outranks_the_message() -> None:
    """The more exact field is believed first."""
    assert refusal(400, envelope(message="bad_request", error="retry_later")).code == "retry_later"


@pytest.mark.parametrize("before", [b"", b"\r\n ", b"\xef\xbb\xbf"])
def test_a_page_is_not_searched_for_codes(before: bytes) -> None:
    """A word in a proxy's page is no code of the gateway's; its title is the message."""
    page = b"<html><head><title>502 Bad\n Gateway</title></head><body>bad_request invalid_api_key"
    error = refusal(502, before + page)
    assert (type(error), error.code, error.message) == (ServerError, None, "502 Bad Gateway")
    assert "(HTTP 502, with a web page as a proxy or firewall gives)" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, DOCUMENTED_400, NoReportError, "Failed to fetch creator report"),
        (500, DOCUMENTED_500, ServerError, "Something went wrong. Please try again later."),
        (400, DOCUMENTED_400[:50], NoReportError, "Failed to"),
        (
            500,
            gzip.compress(DOCUMENTED_500, mtime=0)[:-12],
            ServerError,
            "Something went wrong. Please try again later.",
        ),
    ],
)
def test_the_documented_errors_are_read_though_invalid(
    status: int, body: bytes, kind: type[GatewayError], message: str
) -> None:
    """A comma is missing in both, and a cut body is read as far as it goes."""
    error = refusal(status, body)
    assert type(error) is kind
    assert error.code is None
    assert (error.message or "").startswith(message)
    assert f"the gateway said: {message}" in str(error)


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"{", b'{"success":false}', b"\xff\xfe\x00"])
@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ((400,), NoReportError),
        ((401, 403), RefusedKeyError),
        ((402,), ExhaustedKeyError),
        ((420, 429), RateLimitError),
        ((408, 500, 501, 502, 503, 504, 520, 521, 522, 523, 524, 599), ServerError),
        ((404, 405, 407, 410, 418, 422), UnexpectedAnswerError),
        ((300, 301, 302, 303, 304, 307, 308), UnexpectedAnswerError),
        ((100, 0, 600, 999, -1), UnexpectedAnswerError),
    ],
)
def test_a_status_speaks_where_no_code_does(statuses: tuple[int, ...], kind: type[GatewayError], body: bytes) -> None:
    """Whatever the body is, the status has its meaning and the sentence names it; but no page refuses an account."""
    for status in statuses:
        error = refusal(status, body)
        assert type(error) is (UnexpectedAnswerError if body[:1] == b"<" and issubclass(kind, AccountError) else kind)
        assert f"HTTP {status}" in str(error)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_page_that_refuses_is_not_the_gateways_own_word(status: int) -> None:
    """A firewall's page costs the key nothing, unless it carries one of the gateway's codes; nothing was bought."""
    error = refusal(status, b"<html><title>403 Forbidden</title><body>invalid_api_key</body></html>")
    assert (type(error), error.code, charge_of(error)) == (UnexpectedAnswerError, None, Charge.FAILED)
    assert (
        error.detail
        == f"the request was refused on its way (HTTP {status}, with a web page as a proxy or firewall gives)"
    )
    assert type(refusal(status, b'<script>{"error": "invalid_api_key"}</script>')) is RefusedKeyError


@pytest.mark.parametrize(
    ("status", "detail"),
    [
        (503, "the gateway failed (HTTP 503)"),
        (420, "too many open connections (HTTP 420)"),
        (429, "too many requests (HTTP 429)"),
        (300, "it redirects within its own host, and a redirect could carry the key away (HTTP 300)"),
        (418, f"the answer is outside the contract: {HTTPStatus(418).phrase} (HTTP 418)"),
        (999, "the answer is outside the contract: an unknown status (HTTP 999)"),
    ],
)
def test_a_status_is_told_in_words(status: int, detail: str) -> None:
    """Where no code tells more, by its standard name, if it has one."""
    assert refusal(status).detail == detail


def test_a_refusal_without_a_code_is_no_report_for_this_handle() -> None:
    """A false flag under status 200 says no more than that, and JSON without a message is none."""
    error = refusal(200, b'{"success": false}')
    assert (error.detail, error.message) == ("the gateway has no report for this handle (HTTP 200)", None)


@pytest.mark.parametrize("status", [420, 429])
@pytest.mark.parametrize("code", MEANINGS)
def test_too_fast_is_too_fast_unless_the_account_cannot_buy(code: str, status: int) -> None:
    """A 429 means wait, except for an account that has nothing left: waiting would hide that another key may do."""
    error = refusal(status, envelope(error=code), retry_after="7")
    assert type(error) is (ExhaustedKeyError if code in EXHAUSTED_CODES else RateLimitError)
    assert charge_of(error) is Charge.REJECTED


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "bad_request", RefusedKeyError),
        (403, "internal_server_error", RefusedKeyError),
        (402, "bad_request", ExhaustedKeyError),
        (500, "bad_request", ServerError),
        (404, "internal_server_error", ServerError),
        (404, "account_not_found", NoReportError),
        (403, "account_is_private", NoReportError),
        (403, "rate_limit_exceeded", RateLimitError),
        (500, "no_tokens_remaining", ExhaustedKeyError),
        (302, "account_not_found", UnexpectedAnswerError),
    ],
)
def test_exact_codes_outrank_statuses_and_vague_ones_do_not(status: int, code: str, kind: type[GatewayError]) -> None:
    """`account_not_found` says more than 404 does; `bad_request` says less than 401."""
    assert type(refusal(status, envelope(error=code))) is kind


@pytest.mark.parametrize(
    ("body", "eta"),
    [
        (envelope(error="retry_later", payload={"report_info": {"eta": 7}}), 420.0),
        (envelope(error="retry_later", report_info={"eta": "2.5"}), 150.0),
        (b'{"error": "retry_later" "report_info": {"eta": 10', 600.0),
        (envelope(error="retry_later"), None),
        (envelope(error="retry_later", report_info={"eta": None}), None),
        (envelope(error="retry_later", report_info={"eta": -3}), None),
    ],
)
def test_a_report_in_the_making_says_when(body: bytes, eta: float | None) -> None:
    """The gateway's minutes are seconds here, also after a pickle; no estimate is None."""
    error = refusal(400, body)
    assert isinstance(error, NotReadyError)
    assert error.eta == eta
    assert pickle.loads(pickle.dumps(error)).eta == eta


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_asked_for_is_on_the_error(status: int) -> None:
    """Both a closed door and a failure may say how long."""
    dated = refusal(status, retry_after="Tue, 14 Nov 2023 22:13:50 GMT")
    assert isinstance(dated, RateLimitError | ServerError)
    assert dated.retry_after == 30.0
    error = refusal(status, retry_after="12")
    assert isinstance(error, RateLimitError | ServerError)
    assert error.retry_after == 12.0
    assert pickle.loads(pickle.dumps(error)).retry_after == 12.0


def test_a_used_up_quota_is_a_wait_asked_for() -> None:
    """A 429 without Retry-After waits for the reset of the quota it tells of; a failure does not."""
    limited, failed = (refusal(s, x_ratelimit_remaining="0", x_ratelimit_reset="9") for s in (429, 503))
    assert isinstance(limited, RateLimitError)
    assert isinstance(failed, ServerError)
    assert (limited.retry_after, failed.retry_after) == (9.0, None)
    dated = refusal(429, x_ratelimit_remaining="0", x_ratelimit_reset="1700000012")
    assert isinstance(dated, RateLimitError)
    assert dated.retry_after == 12.0


@pytest.mark.parametrize(
    ("location", "where"),
    [
        (f"https://user:pw@evil.example:8443/x?key={KEY}", "to https://evil.example:8443,"),
        ("//cdn.example/x", "to https://cdn.example,"),
        ("/login?token=pw", "within its own host,"),
        ("http://[", "elsewhere,"),
        (f"https://{'x' * 300}/", f"to https://{'x' * 108}…,"),
    ],
)
def test_a_redirect_names_only_where_it_leads(location: str, where: str) -> None:
    """The origin is told; what else the address holds may be a secret."""
    error = refusal(302, location=location)
    assert where in error.detail
    assert "pw" not in repr(error.__dict__)


def test_messages_are_short_and_printable() -> None:
    """Control characters, direction marks and length do not reach a terminal."""
    error = refusal(400, envelope(message="a\x1b[31m\n\u202eb" + "c" * 999))
    assert error.message is not None
    assert error.message.startswith("a [31m bcc")
    assert error.message.isprintable()
    assert len(error.message) == 300
    assert refusal(400, envelope(message="d" * 300)).message == "d" * 300


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 429, 500])
def test_a_key_the_gateway_repeats_is_kept_out(status: int, form: str) -> None:
    """Neither the error nor the excerpt nor a pickle holds a key that the answer repeats."""
    said = FORMS[form](KEY)
    body = b'{"success":false,"message":"no such key: %b","error":"%b"}' % (said.encode(), said.encode())
    given_answer = answer(status, body, location=f"https://{said}/")
    with pytest.raises(WaleeError) as caught:
        read(given_answer, keys=(KEY,))
    seen = f"{caught.value} {caught.value.__dict__} {pickle.dumps(caught.value)!r} {excerpt(given_answer, [KEY])}"
    middle = len(said) // 2
    assert said[middle - 5 : middle + 5] not in seen
    assert KEY[:12] not in seen


def test_an_excerpt_is_short_and_printable() -> None:
    """It is the beginning of the text, inflated, on one line, at most 2,048 characters."""
    body = gzip.compress(f"\x00<p>\n{KEY} ".encode() + b"x" * 100_000)
    text = excerpt(answer(502, body, content_encoding="gzip"), [KEY])
    assert text.startswith("<p> …a3f9… xx")
    assert text.isprintable()
    assert len(text) == 2048


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", b"\x00garbage", "garbage"),
        ("deflate", b"\x00garbage", "garbage"),
        ("br", b"\x00garbage", None),
        ("zstd", b"\x00garbage", None),
        ("nonsense", b"\x00garbage", None),
        ("identity", b"Not now" + b" " * 100_000, "Not now"),
        ("deflate", zlib.compress(b"Not now"), "Not now"),
        ("deflate", raw_deflate(b"Not now"), "Not now"),
    ],
)
def test_an_error_body_may_be_in_any_state(encoding: str, body: bytes, message: str | None) -> None:
    """What cannot be decompressed takes nothing from the meaning of the status, and is told where it is text."""
    error = refusal(503, body, content_encoding=encoding)
    assert (type(error), error.message) == (ServerError, message)


def test_a_bomb_in_an_error_body_is_read_in_part() -> None:
    """Of an error answer, only the beginning is ever decompressed, whatever it is compressed with."""
    body = b'{"error":"retry_later"}' + bytes(20_000_000)
    for encoding, bomb in (("gzip", gzip.compress(body)), ("deflate", raw_deflate(body))):
        tracemalloc.start()
        assert type(refusal(400, bomb, content_encoding=encoding)) is NotReadyError
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2_000_000


@pytest.mark.parametrize(
    ("error", "charge"),
    [
        (ConfigError("x"), Charge.NOT_SENT),
        (InvalidHandleError("x"), Charge.NOT_SENT),
        (NotAttemptedError("x"), Charge.NOT_SENT),
        (NotSentError("x"), Charge.NOT_SENT),
        (AmbiguousError("x"), Charge.AMBIGUOUS),
        (DeadlineError("x"), Charge.AMBIGUOUS),
        (RateLimitError("x", status=429), Charge.REJECTED),
        (RefusedKeyError("x", status=401), Charge.REJECTED),
        (ExhaustedKeyError("x", status=200), Charge.REJECTED),
        (NoReportError("x", status=200), Charge.FAILED),
        (NotReadyError("x", status=400), Charge.FAILED),
        (ServerError("x", status=500), Charge.FAILED),
        (UnexpectedAnswerError("x", status=300), Charge.FAILED),
        (UnexpectedAnswerError("x", status=200), Charge.AMBIGUOUS),
        (UnexpectedAnswerError("x", status=299), Charge.AMBIGUOUS),
        (InflateError("x"), Charge.BILLED),
        (DecodeError("x"), Charge.BILLED),
    ],
)
def test_every_error_has_its_charge(error: WaleeError, charge: Charge) -> None:
    """What an attempt may have cost follows from how it ended."""
    assert charge_of(error) is charge


statuses = st.one_of(st.sampled_from([200, 203, 302, 400, 401, 404, 429, 500, 522]), st.integers())
names = st.sampled_from(
    ["content-encoding", "content-type", "location", "retry-after", "ratelimit", "x-ratelimit-reset", "date"]
)
values = st.one_of(st.sampled_from(["gzip", "deflate", "zstd", "identity", "0", "https://["]), st.text())
bodies = st.one_of(
    st.binary(),
    st.text().map(lambda text: text.encode(errors="replace")),
    st.binary().map(gzip.compress),
    st.tuples(st.sampled_from([REPORT, DOCUMENTED_400, envelope(error="retry_later")]), st.integers(0, 90)).map(
        lambda cut: cut[0][: cut[1]]
    ),
    st.dictionaries(
        st.sampled_from(["success", "message", "payload", "error"]),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
            lambda inner: st.dictionaries(st.sampled_from(["success", "error", "x"]), inner),
        ),
    ).map(lambda value: json.dumps(value).encode()),
)


@given(statuses, st.dictionaries(names, values), bodies)
def test_any_answer_is_a_payload_or_a_typed_error(status: int, headers: dict[str, str], body: bytes) -> None:
    """No answer at all makes the reader fail in a way of its own, and its errors can be shown and pickled."""
    given_answer = Answer(status=status, headers=headers, body=body, received_at=NOW)
    assert len(excerpt(given_answer, [KEY])) <= 2048
    error: WaleeError | None = None
    try:
        payload = read(given_answer)
    except WaleeError as raised:
        error = raised
    else:
        assert 200 <= status < 300
        assert payload.body == body
    if error is not None:
        assert isinstance(error, GatewayError | InflateError)
        assert (error.handle, error.status) == ("river.kites", status)
        assert error.message is None or (error.message.isprintable() and 0 < len(error.message) <= 300)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        assert charge_of(error) in Charge
