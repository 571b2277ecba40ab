"""From bytes to Structs: what is forgiven, what is refused, and how the refusal says where."""

from __future__ import annotations

import gzip
import json
import pickle
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from walee_async.decode import decode, decode_bytes, decoder_for
from walee_async.errors import ConfigError, DecodeError, InflateError, PayloadError
from walee_async.models import CreatorReport, Headline, ReportInfo
from walee_async.outcomes import Attempt, Charge, Payload

BODY = (Path(__file__).parent / "data" / "tiktok-macro.json.gz").read_bytes()
DATA = gzip.decompress(BODY)
REPORT = decode_bytes(DATA)

Steps = tuple[str | int, ...]


def walk(value: object, steps: Steps = ()) -> Iterator[tuple[Steps, object]]:
    """Every place of a JSON value with what stands there, owners before owned."""
    yield steps, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, (*steps, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, (*steps, index))


def written(steps: Steps) -> str:
    """A place as a JSON path."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def owner(answer: Any, steps: Steps) -> Any:
    for step in steps[:-1]:
        answer = answer[step]
    return answer


PLACES = [(steps, value) for steps, value in walk(json.loads(DATA)["payload"]) if steps]
KEYS = [steps for steps, _ in PLACES if isinstance(steps[-1], str)]
OBJECTS = [(), *(steps for steps, value in PLACES if isinstance(value, dict))]
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


def payload(body: bytes = BODY, encoding: str = "gzip") -> Payload:
    attempt = Attempt(handle="river.kites", number=1, key="key 1", charge=Charge.BILLED)
    return Payload(handle="river.kites", body=body, encoding=encoding, attempts=(attempt,))


def answer(report: str) -> bytes:
    return b'{"success": true, "payload": ' + report.encode() + b"}"


# What decodes


def test_a_real_report_decodes_whole() -> None:
    """A gzipped body becomes the report, and every value of it is there."""
    report = decode(payload())
    assert msgspec.json.decode(msgspec.json.encode(report)) == json.loads(DATA)["payload"]
    assert report.user_profile is not None
    assert report.user_profile.followers == 92690266


def test_bytes_at_hand_are_used_once_and_the_body_afterwards() -> None:
    """What was decompressed already is not decompressed again, and a second decode needs nobody's leave."""
    kept = Payload(handle="a", body=BODY, encoding="gzip", _inflated=answer('{"version": "inflated"}'))
    assert decode(kept).version == "inflated"
    assert decode(kept) == REPORT


def test_any_struct_dict_or_dataclass_is_a_view() -> None:
    """The caller's own type decodes the same payload; a dict holds the inner payload object as it came."""

    class Mine(msgspec.Struct):
        report_info: ReportInfo
        version: str = ""

    @dataclass
    class Small:
        version: str

    mine = decode(payload(), Mine)
    assert (mine.report_info, mine.version) == (REPORT.report_info, "2")
    assert decode(payload(), Small) == Small("2")
    assert decode(payload(), dict) == json.loads(DATA)["payload"]
    assert json.loads(bytes(decode(payload(), msgspec.Raw))) == json.loads(DATA)["payload"]
    assert decode(payload(), Headline).report_info == REPORT.report_info


@given(data=st.data())
def test_absent_null_and_unknown_keys_never_fail(data: st.DataObject) -> None:
    """Keys dropped, nulled and added anywhere in a report leave it decodable, into the whole and into a view."""
    raw = json.loads(DATA)
    for steps in data.draw(st.lists(st.sampled_from(KEYS), max_size=8)):
        with suppress(KeyError, TypeError):  # an earlier change may have taken its owner away
            if data.draw(st.booleans()):
                owner(raw["payload"], steps)[steps[-1]] = None
            else:
                del owner(raw["payload"], steps)[steps[-1]]
    for steps in data.draw(st.lists(st.sampled_from(OBJECTS), max_size=4)):
        with suppress(KeyError, TypeError):
            owner(raw["payload"], (*steps, ""))["_" + data.draw(st.text(max_size=5))] = data.draw(JSON)
    for key in data.draw(st.sets(st.sampled_from(["success", "message"]))):
        del raw[key]
    body = json.dumps(raw).encode()
    assert isinstance(decode_bytes(body), CreatorReport)
    assert isinstance(decode_bytes(body, Headline), Headline)


@given(st.integers(0, 10**19 - 1))
def test_ids_of_any_length_stay_strings(number: int) -> None:
    """An id of up to 19 digits keeps every digit and its leading zeros."""
    for text in (str(number), str(number).zfill(19)):
        profile = decode_bytes(answer(json.dumps({"user_profile": {"user_id": text}}))).user_profile
        assert profile is not None
        assert profile.user_id == text


# Numbers


def test_a_report_with_every_count_as_a_float_is_the_same_report() -> None:
    """5.0 is taken for the count 5 wherever it stands, and the counts are ints again."""
    floats = re.sub(rb'(":)(-?\d+)(?=[,}])', rb"\1\2.0", DATA)
    assert floats.count(b".0,") + floats.count(b".0}") > 500
    report = decode_bytes(floats)
    assert report == REPORT
    assert report.user_profile is not None
    assert type(report.user_profile.followers) is int


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_any_count_a_float_holds_exactly_is_read_from_it(count: int) -> None:
    """An integral float becomes the very int, also where the wire writes an exponent."""
    for number in (f"{count}.0", f"{count}e0", f"{count}.000E+0"):
        profile = decode_bytes(answer(f'{{"user_profile": {{"total_likes": {number}}}}}')).user_profile
        assert profile is not None
        assert profile.total_likes == count
        assert type(profile.total_likes) is int


@pytest.mark.parametrize("number", ["5.5", "-0.1", "1e300", "9007199254740993.0", "9007199254740993.0e3"])
def test_a_float_that_is_no_exact_count_is_refused_where_it_stands(number: str) -> None:
    """Half a follower, and a float too large to count in ones, are the wrong type, also behind a good 5.0."""
    with pytest.raises(DecodeError) as caught:
        decode_bytes(answer(f'{{"user_profile": {{"posts_count": 5.0, "followers": {number}}}}}'))
    error = caught.value
    assert (error.path, error.expected, error.found) == ("$.user_profile.followers", "int | null", "float")
    place = "$.user_profile.followers: expected `int | null`, got `float`"
    assert error.detail == f"The report does not fit the view at {place}"


def test_floats_of_a_view_stay_floats_on_the_second_reading() -> None:
    """Where an integral float forces the slow way, a field that wants a float still gets one."""

    class Mine(msgspec.Struct):
        user_profile: dict[str, int]
        extra: list[float]

    mine = decode_bytes(answer('{"user_profile": {"a": 1.0}, "extra": [2.0, 2.5]}'), Mine)
    assert (mine.user_profile, mine.extra) == ({"a": 1}, [2.0, 2.5])
    assert [type(value) for value in mine.extra] == [float, float]


# Half characters

HALVES = {
    "cut \ud83d": "cut \ufffd",
    "\ude00 left": "\ufffd left",
    "\ud83d\ud83d\ude00": "\ufffd\U0001f600",
    "\ude00\ud83d": "\ufffd\ufffd",
    r"written \ud83d": r"written \ud83d",
    "\\\ud83d": "\\\ufffd",
}


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize(("text", "read"), HALVES.items(), ids=ascii)
def test_half_an_emoji_does_not_cost_the_report(text: str, read: str, upper: bool) -> None:
    """A text that was cut within an emoji has the mark of what is lost; counts and all else are read as ever."""
    report = json.dumps({"user_profile": {"fullname": text, "description": "\U0001f600", "followers": 5.0}})
    escaped = (
        report
        if not upper
        else re.sub(r"\\(?:u(d...)|.)", lambda found: f"\\u{found[1].upper()}" if found[1] else found[0], report)
    )
    turned = json.dumps({"user_profile": {"followers": 5.0, "description": "\U0001f600", "fullname": text}})
    for written in (escaped, turned):
        profile = decode_bytes(b"\xef\xbb\xbf" + answer(written)).user_profile
        assert profile is not None
        assert (profile.fullname, profile.description, profile.followers) == (read, "\U0001f600", 5)
    assert decode_bytes(answer(escaped), dict)["user_profile"]["fullname"] == read
    assert json.loads(bytes(decode_bytes(answer(escaped), msgspec.Raw)))["user_profile"]["fullname"] == read


@given(st.text(st.sampled_from('\\"ud83de0 \ud83d\ude00\U0001f600'), max_size=12))
def test_whole_characters_are_never_touched(text: str) -> None:
    """Whatever stands around them, halves are replaced and all else comes back as it was written."""
    profile = decode_bytes(answer(json.dumps({"user_profile": {"fullname": text}}))).user_profile
    assert profile is not None
    assert profile.fullname == json.loads(json.dumps(text)).encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )


@pytest.mark.parametrize("text", [rb"\ud83", rb"\ud83d", rb'\ud83"', rb"\ud83x", rb"\uzzzz\ud83d\""])
def test_half_an_emoji_mends_nothing_else(text: bytes) -> None:
    """An escape that is none, and a report that is cut within one, stay malformed."""
    with pytest.raises(DecodeError, match="not valid JSON"):
        decode_bytes(b'{"payload":{"user_profile":{"fullname":"' + text)


# Wrong types


def wrong_types(value: object) -> list[tuple[object, str]]:
    """Values of other types than this one, with their names; null and the other kind of number are no wrong types."""
    others: list[tuple[type, object, str]] = [
        (dict, {"a": 1}, "object"),
        (list, ["a"], "array"),
        (str, "5", "str"),
        (bool, True, "bool"),
        (int, 5, "int"),
    ]
    kind = int if type(value) is float else type(value)
    return [(other, name) for one, other, name in others if one is not kind]


def test_a_wrong_type_at_any_key_is_named_with_its_path() -> None:
    """Every key of the report, given each wrong type in turn, fails there: path, expected and found types say so."""
    raw = json.loads(DATA)
    seen = set()
    for steps, value in PLACES:
        shape = re.sub(r"\d+", "0", written(steps))
        if shape in seen:
            continue
        seen.add(shape)
        place = owner(raw["payload"], steps)
        for other, name in wrong_types(value):
            place[steps[-1]] = other
            with pytest.raises(DecodeError) as caught:
                decode_bytes(json.dumps(raw).encode())
            error = caught.value
            assert (error.path, error.found) == (written(steps), name)
            assert error.expected is not None
            assert f"at {error.path}: expected `{error.expected}`, got `{name}`" in error.detail
        place[steps[-1]] = value
    assert len(seen) > 150


@given(place=st.sampled_from(PLACES), data=st.data())
def test_a_wrong_type_in_any_row_is_named_with_its_index(place: tuple[Steps, object], data: st.DataObject) -> None:
    """Whichever row of whichever list it is in, the path leads to the wrong value."""
    steps, value = place
    raw = json.loads(DATA)
    other, name = data.draw(st.sampled_from(wrong_types(value)))
    owner(raw["payload"], steps)[steps[-1]] = other
    with pytest.raises(DecodeError) as caught:
        decode_bytes(json.dumps(raw).encode())
    assert (caught.value.path, caught.value.found) == (written(steps), name)


def test_a_null_row_is_a_wrong_type() -> None:
    """Null stands for an absent key; a list's row that is null is refused by its index."""
    with pytest.raises(DecodeError) as caught:
        decode_bytes(answer('{"user_profile": {"top_posts": [{}, null]}}'))
    assert (caught.value.path, caught.value.found) == ("$.user_profile.top_posts[1]", "null")


# Not a report at all


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b'{"success": false, "payload": {"version": "2"}}', "success: false"),
        (b'{"success": true, "payload": {"success": false, "error": "retry_later"}}', "success: false"),
        (b'{"success": false, "message": "Failed to fetch creator report", "payload": {}}', "success: false"),
        (b'{"success": false}', "success: false"),
        (b'{"success": true, "payload": {}}', "payload is empty"),
        (b'{"success": true}', r"the envelope \(\$\): object missing required field `payload`"),
        (b'{"success": true, "payload": null}', r"at \$: expected `object`, got `null`"),
        (b'{"success": true, "payload": []}', r"at \$: expected `object`, got `array`"),
        (b'{"success": "yes", "payload": {"version": "2"}}', r"the envelope \(\$\.success\): expected `bool"),
        (b"[]", r"the envelope \(\$\): expected `object`, got `array`"),
        (b'"text"', r"the envelope \(\$\): expected `object`, got `str`"),
    ],
)
@pytest.mark.parametrize("view", [CreatorReport, Headline, dict])
def test_an_answer_without_a_report_is_never_an_empty_report(data: bytes, sentence: str, view: type) -> None:
    """A refusal, or an envelope with no report in it, is an error in every view, and says which it is."""
    with pytest.raises(DecodeError, match=sentence) as caught:
        decode_bytes(data, view)
    assert caught.value.path == "$"


@pytest.mark.parametrize("level", ["outer", "inner"])
def test_a_long_answer_that_says_false_is_no_report_either(level: str) -> None:
    """Either success flag is heeded however much comes with it."""
    raw = json.loads(DATA)
    (raw if level == "outer" else raw["payload"])["success"] = False
    for view in (CreatorReport, Headline, dict):
        with pytest.raises(DecodeError, match="success: false"):
            decode_bytes(json.dumps(raw).encode(), view)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "cut short after 0 bytes"),
        (b"<html>Bad gateway</html>", r"invalid character \(byte 0\)"),
        (b'{"success": false, "message": "no" "payload": {}}', r"expected ',' or '}' \(byte 35\)"),
        (b'{"payload": {"version": "2"}} tail', "trailing characters"),
        (b'{"payload": {"version": "\xff"}}', r"invalid UTF-8 \(byte 25\)"),
        (b'{"payload": {"unknown": 1, "location": "\xc3("}}', r"invalid UTF-8 \(byte 40\)"),
        (b'{"payload": {"version": NaN}}', r"invalid character \(byte 24\)"),
        (b'{"payload": {"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "nested too deeply"),
    ],
)
def test_what_is_not_json_says_where(data: bytes, sentence: str) -> None:
    """Broken JSON is a decode error with the position in the body."""
    with pytest.raises(DecodeError, match=f"^The report is not valid JSON: (it is )?{sentence}"):
        decode_bytes(data)


@given(st.integers(0, len(DATA) - 1), st.sampled_from([CreatorReport, Headline, dict]))
def test_a_report_cut_anywhere_is_cut_short(length: int, view: type) -> None:
    """Wherever the JSON ends too early, the error says after how many bytes."""
    with pytest.raises(DecodeError, match=f"not valid JSON: it is cut short after {length:,} bytes"):
        decode_bytes(DATA[:length], view)


@given(
    data=st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | JSON.map(lambda v: answer(json.dumps(v)))
)
def test_no_bytes_raise_anything_but_our_own_errors(data: bytes) -> None:
    """Whatever the bytes, the end is a report or a decode error."""
    for view in (CreatorReport, dict):
        with suppress(DecodeError):
            assert isinstance(decode_bytes(data, view), view)


@given(st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damage_anywhere_raises_nothing_but_our_own_errors(changes: list[tuple[int, int]]) -> None:
    """A report with bytes changed decodes or fails as a decode error, also on the second reading."""
    body = bytearray(DATA)
    for index, value in changes:
        body[index] = value
    with suppress(DecodeError):
        decode_bytes(bytes(body))


# What an error carries


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (payload(b'{"payload": {"version": 2}}', "identity"), DecodeError),
        (payload(b"{", "identity"), DecodeError),
        (payload(BODY[:100]), InflateError),
        (payload(b"", "br"), InflateError),
    ],
)
def test_an_error_keeps_the_payload_and_survives_pickling(broken: Payload, kind: type[PayloadError]) -> None:
    """The bytes that were bought stay at hand with the handle and the attempts, also across processes."""
    with pytest.raises(kind) as caught:
        decode(broken)
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert (error.handle, error.payload, error.attempts) == ("river.kites", broken, broken.attempts)
        assert str(error).startswith("river.kites: The ")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert {**vars(copy)} == {**vars(caught.value)}


def test_the_cap_is_the_callers() -> None:
    """A report past the cap is an inflate error; decoding it again with a larger cap gives the report."""
    with pytest.raises(InflateError, match="past the cap of 10,000 bytes"):
        decode(payload(), cap=10_000)
    assert decode(payload(), cap=len(DATA)) == REPORT


# Decoders


@pytest.mark.parametrize("view", [int, str, list, list[int], object, None, "CreatorReport", tuple, lambda: None])
def test_what_cannot_hold_a_report_is_no_view(view: Any) -> None:
    """A view that no JSON object fits is refused before anything is decoded, so it can be asked before buying."""
    with pytest.raises(ConfigError, match="cannot be a view"):
        decoder_for(view)
    with pytest.raises(ConfigError, match="cannot be a view"):
        decode_bytes(DATA, view)


def test_a_view_whose_names_cannot_be_found_is_no_view() -> None:
    """A Struct with an annotation that names nothing is the caller's mistake, said before buying."""
    view = msgspec.defstruct("View", [("version", "Missing")])
    with pytest.raises(ConfigError, match="cannot be a view: name 'Missing' is not defined"):
        decoder_for(view)


def test_a_view_has_one_decoder_and_old_ones_are_let_go() -> None:
    """The decoder of a view is made once, and hundreds of views made at run time do not pile up."""
    assert decoder_for(CreatorReport) is decoder_for(CreatorReport)
    for index in range(200):
        decoder_for(msgspec.defstruct(f"View{index}", [("version", str | None, None)]))
    assert decoder_for.cache_info().currsize <= 64


def test_threads_may_share_decoders() -> None:
    """The same payloads decoded in many threads at once, into several views, give what one thread gives."""
    views: list[type] = [CreatorReport, Headline, dict] * 20
    expected: dict[type, Any] = {view: decode_bytes(DATA, view) for view in views[:3]}
    with ThreadPoolExecutor(8) as threads:
        for view, report in zip(views, threads.map(lambda view: decode_bytes(DATA, view), views), strict=True):
            assert report == expected[view]
