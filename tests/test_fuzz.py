"""Any answer, any body and any list at all: what the properties beside the harness of `nox -s fuzz` say of them.

Real reports are changed here, in bytes and in values; what is made up from nothing is in the tests of each module.
"""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties import CAP, KEY, NOW, answer_holds, handle_holds, inflate_holds, list_holds, payload_holds

from walee_async.outcomes import Payload
from walee_async.testing import Maker

REPORTS = [*(Maker(7).body(index) for index in range(3)), *(Maker(7, small=True).body(index) for index in range(3))]
few = settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A report with some bytes changed, put in, taken out or cut off."""
    body = bytearray(draw(st.sampled_from(REPORTS)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body)


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    """A report with other values in some places, still JSON."""
    report = json.loads(draw(st.sampled_from(REPORTS)))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = report
        while True:
            keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 4)):
                place = place[key]
                continue
            place[key] = draw(values)
            break
    return json.dumps(report, ensure_ascii=draw(st.booleans())).encode(errors="replace")


packed = st.sampled_from(
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes), ("", bytes), ("zstd", gzip.compress)]
)
names = st.sampled_from(["location", "retry-after", "retry-after-ms", "ratelimit", "x-ratelimit-reset", "date", "x"])
told = st.sampled_from(
    ["", KEY, f"https://{KEY}.example/?k={KEY}", "5", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "9" * 20]
)
statuses = st.sampled_from(
    [200, 201, 299, 302, 400, 401, 402, 403, 404, 408, 418, 420, 429, 500, 503, 524, 599, 100, 999]
)


@few
@given(statuses, st.dictionaries(names, told | st.text()), damaged() | altered() | st.binary(), packed, st.booleans())
def test_an_answer_made_of_a_report_is_that_report_or_an_error_without_the_key(
    status: int, headers: dict[str, str], body: bytes, pack: Any, echoed: bool
) -> None:
    """Whatever happens to a real answer on its way, it is a payload with its bytes or an error of its class."""
    if echoed and status != 200:  # what was bought keeps its bytes, whatever they are
        body = body[:50] + KEY.encode() + body[50:]
    encoding, compress = pack
    answer_holds(status, {**headers, "content-encoding": encoding}, compress(body))


@few
@given(damaged() | altered(), packed)
def test_all_views_of_a_changed_report_agree(body: bytes, pack: Any) -> None:
    """A report that decodes whole decodes into every smaller view, to the same values; one that does not is kept."""
    encoding, compress = pack
    payload_holds(Payload(handle="river.kites", body=compress(body), encoding=encoding, received_at=NOW))


@few
@given(damaged() | st.binary().map(lambda some: some * 2_000), st.data(), st.sampled_from([0, 1, 1000, CAP]))
def test_no_damage_and_no_bomb_passes_the_cap(content: bytes, data: st.DataObject, cap: int) -> None:
    """Cut, doubled, followed by others or changed, a body gives what zlib gives, within the cap, or one sentence."""
    encoding, compress = data.draw(packed)
    body = compress(content)
    match data.draw(st.sampled_from(["whole", "cut", "doubled", "followed", "changed"])):
        case "cut":
            body = body[: data.draw(st.integers(0, len(body)))]
        case "doubled":
            body += body
        case "followed":
            body += data.draw(st.binary(max_size=8))
        case "changed":
            at = data.draw(st.integers(0, len(body)))
            body = body[:at] + data.draw(st.binary(max_size=4)) + body[at + 2 :]
    inflate_holds(body, encoding, cap)


pieces = st.sampled_from(
    [
        *("river.kites", "@", "https://www.tiktok.com/@river.kites?x=1", "%40", "handle", ".", "9" * 70, "#"),
        *('"', "'", ",", ";", "\t", "\n", "\r", "\r\n", " ", '{"handle":"a"}', "{", "["),
        *("\0", "\ufeff", "\u200b", "\x1b[31m", "\u0130", "\u212a"),  # two of these are ASCII in lower case
    ]
)
texts = st.lists(pieces | st.text(max_size=5), max_size=12).map("".join)


@given(texts)
def test_what_is_taken_for_a_handle_stays_one(text: str) -> None:
    """Any text is a handle that is the same in every spelling, or is refused in one printable sentence."""
    handle_holds(text)


@few
@given(
    format=st.sampled_from([None, "text", "csv", "jsonl"]),
    text=texts,
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-be", "latin-1"]),
    tail=st.binary(max_size=6),
    name=st.sampled_from(["list.txt", "list.csv", "list.jsonl", "list"]),
    column=st.sampled_from([None, "handle", "1", "2", "\0", ""]),
)
def test_any_file_is_a_list_or_says_why_not(
    tmp_path: Path, text: str, encoding: str, tail: bytes, **given: Any
) -> None:
    """Every entry of any file, in any format, has its line, and is a handle or one sentence that names it."""
    data = text.encode(encoding, errors="replace") + tail
    list_holds(tmp_path / given["name"], data, given["format"], given["column"])
