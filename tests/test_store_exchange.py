"""Reports on their way between stores, and the examination of a whole store."""

from __future__ import annotations

import asyncio
import base64
import errno
import gzip
import hashlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from walee_async.decode import decode
from walee_async.errors import ConfigError, NoReportError, StoreDamagedError
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Finding, Imported, Rejected, Store

pytestmark = pytest.mark.anyio

CREATED = "2026-01-02T03:04:05.000+00:00"
CREATED_AT = 1767323045.0


def report(name: str, **more: object) -> dict[str, object]:
    """The inner object of an answer."""
    info = {"report_id": f"report of {name}", "created": CREATED}
    return {"success": True, "report_info": info, "user_profile": {"username": name, **more}}


def answer(name: str, **more: object) -> bytes:
    return msgspec.json.encode({"success": True, "message": "fetched", "payload": report(name, **more)})


def payload(handle: str, at: float = 1.5, body: bytes | None = None, encoding: str = "gzip") -> Payload:
    body = gzip.compress(answer(handle), mtime=0) if body is None else body
    return Payload(handle=handle, body=body, encoding=encoding, key="key 1 (…a3f9)", received_at=at)


async def buy(store: Store, bought: Payload) -> None:
    intent = store.intend(bought.handle, 1, bought.key)
    await intent
    billed = Attempt(handle=bought.handle, number=1, key=bought.key, charge=Charge.BILLED, status=200)
    await store.settle(intent, billed, bought)


async def everything(store: Store) -> list[Payload]:
    return [kept async for kept in store.payloads(every=True)]


async def test_an_export_brought_in_elsewhere_is_the_same(tmp_path: Path) -> None:
    """Bodies, encodings, labels and times survive; a second import adds nothing, and says so."""
    kept = [
        payload("a"),
        payload("a", 2.5),
        payload("b", 1.0, answer("b", text="x" * 999), "identity"),
        payload("c", 3.0, b"?"),
    ]
    file = tmp_path / "reports.jsonl.gz"
    async with Store.open(tmp_path / "one.db") as one, Store.open(tmp_path / "other.db") as other:
        for each in kept:
            await buy(one, each)
        assert await one.export(file) == 4
        assert await other.import_(file) == Imported(4, 0, 0, ())
        assert await other.import_(file) == Imported(0, 4, 0, ())
        assert await everything(other) == await everything(one) == kept
        (version, *_) = await other.history("b")
        assert (version.source, version.attempt, version.status) == ("import", None, 200)
        totals = await other.totals()
        assert (totals.imported, totals.charges.total()) == (4, 0)
        assert await one.import_(file) == Imported(0, 4, 0, ())


async def test_stores_are_merged_whatever_they_share(tmp_path: Path) -> None:
    """Two stores exported into a third make their union, in any order, each report once."""
    common, left, right = payload("common"), payload("left"), payload("right")
    for name, kept in (("one", [common, left]), ("two", [right, common])):
        async with Store.open(tmp_path / f"{name}.db") as store:
            for each in kept:
                await buy(store, each)
            await store.export(tmp_path / name)
    async with Store.open(tmp_path / "union.db") as store:
        added = [(await store.import_(tmp_path / name)).added for name in ("one", "two", "one")]
        assert added == [2, 1, 0]
        assert sorted(kept.handle for kept in await everything(store)) == ["common", "left", "right"]


async def test_an_export_may_be_of_the_newest_only(tmp_path: Path) -> None:
    """Without the older versions, it holds one report for each handle."""
    async with Store.open(tmp_path / "reports.db") as store:
        for at in (1.0, 2.0):
            await buy(store, payload("a", at))
        assert await store.export(tmp_path / "x", every=False) == 1
    exported = (tmp_path / "x").read_bytes()
    assert exported[3:8] == bytes(5)  # neither name nor time, so that the same reports make the same file
    (line,) = gzip.decompress(exported).splitlines()
    fields = msgspec.json.decode(line)
    assert fields["received_at"] == 2.0
    assert hashlib.sha256(base64.b64decode(fields["body"])).hexdigest() == fields["sha256"]


async def test_reports_bought_elsewhere_are_brought_in(tmp_path: Path) -> None:
    """Lines with a handle and a report, whole answers, and bare reports; dated by their own words."""
    lines = [
        {"handle": "@River.Kites", "report": report("someone")},
        {"handle": "two", "report": msgspec.Raw(answer("two")), "received_at": 7.0},
        msgspec.Raw(answer("three")),
        report("Four"),
    ]
    file = tmp_path / "bought.jsonl"
    file.write_bytes(b"\n\n".join(map(msgspec.json.encode, lines)))
    async with Store.open(tmp_path / "reports.db") as store:
        await store.record_failure("two", NoReportError("none"))
        assert await store.import_(file) == Imported(4, 0, 0, ())
        assert await store.import_(file) == Imported(0, 4, 0, ())
        assert await store.failed(["two"]) == {}
        held = await store.lookup(["river.kites", "two", "three", "four"])
        assert {handle: one.received_at for handle, one in held.items()} == {
            "river.kites": CREATED_AT, "two": 7.0, "three": CREATED_AT, "four": CREATED_AT,
        }  # fmt: skip
        assert {one.created for one in held.values()} == {CREATED_AT}
        assert [finding async for finding in store.verify()] == []
        three = await store.latest("three")
        assert three is not None
        assert three.body == answer("three")


async def test_a_report_without_a_date_is_brought_in_once(tmp_path: Path) -> None:
    """It is dated by when it came, and is not another report the next time; where the line says when, it is."""
    bare = {"handle": "a", "report": {"user_profile": {"username": "a"}}}
    file = tmp_path / "bought.jsonl"
    async with Store.open(tmp_path / "reports.db") as store:
        for line, added in ((bare, 1), (bare, 0), (bare | {"received_at": 5.0}, 1), (bare | {"received_at": 6.0}, 1)):
            file.write_text(json.dumps(line))
            assert await store.import_(file) == Imported(added, 1 - added, 0, ())


@pytest.mark.parametrize("space", [b"", b"\n  "])
@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_document_over_many_lines_is_brought_in(tmp_path: Path, wrapped: bool, space: bytes) -> None:
    """One answer saved for reading, or a list of them, is as good as lines."""
    document = b"[" + answer("a") + b"," + answer("b") + b"]" if wrapped else answer("a")
    file = tmp_path / "saved.json"
    file.write_bytes(b"\xef\xbb\xbf" + space + msgspec.json.format(document, indent=2))
    async with Store.open(tmp_path / "reports.db") as store:
        assert (await store.import_(file)).added == 1 + wrapped


@pytest.mark.parametrize("lines", [True, False])
async def test_half_an_emoji_keeps_no_report_out(tmp_path: Path, lines: bool) -> None:
    """A text that was cut within an emoji has the mark of what is lost; the report beside it is as it was."""
    reports = [report("a", fullname="cut \ud83d"), report("b", fullname="\U0001f600")]
    file = tmp_path / "bought.json"
    file.write_text("\n".join(map(json.dumps, reports)) if lines else json.dumps(reports, indent=1))
    async with Store.open(tmp_path / "reports.db") as store:
        assert await store.import_(file) == Imported(2, 0, 0, ())
        names = {kept.handle: decode(kept).user_profile for kept in await everything(store)}
    assert [names[handle] and names[handle].fullname for handle in "ab"] == ["cut \ufffd", "\U0001f600"]


async def test_lines_that_hold_no_report_are_told_and_the_others_brought_in(tmp_path: Path) -> None:
    """A broken line, a checksum that does not fit, a handle that is none: each with its number and reason."""
    good = {
        "handle": "a",
        "body": base64.b64encode(b"{}").decode(),
        "sha256": hashlib.sha256(b"{}").hexdigest(),
        "received_at": 1,
    }
    lines = [
        msgspec.json.encode(good | {"sha256": "00"}),
        b"{broken",
        b"",
        msgspec.json.encode(good),
        msgspec.json.encode(good | {"handle": "no body"}),
        msgspec.json.encode({"report": {"user_profile": {}}}),
        msgspec.json.encode(good | {"body": "***"}),
        b"[]",
        msgspec.json.encode(good | {"status": 10**30}),
        b'{"report": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ]
    file = tmp_path / "mixed.jsonl"
    file.write_bytes(b"\n".join(lines))
    async with Store.open(tmp_path / "reports.db") as store:
        done = await store.import_(file)
        assert (done.added, done.known, done.rejected) == (1, 0, 8)
        assert [rejected.line for rejected in done.first_rejected] == [1, 2, 5, 6, 7, 8, 9, 10]
        assert done.first_rejected[0] == Rejected(1, "its body does not match its checksum.")


async def test_of_many_lines_that_hold_no_report_the_first_hundred_are_told(tmp_path: Path) -> None:
    """All are counted; a file of something else does not fill the memory with reasons, and what it holds comes in."""
    file = tmp_path / "handles.txt"
    file.write_bytes(b"river.kites\n" * 150 + answer("a"))
    async with Store.open(tmp_path / "reports.db") as store:
        done = await store.import_(file)
    assert (done.added, done.rejected) == (1, 150)
    assert [rejected.line for rejected in done.first_rejected] == list(range(1, 101))


async def test_a_file_that_breaks_off_brings_in_what_came_before(tmp_path: Path) -> None:
    """A cut gzip file is an error, after what could be read of it; the whole file then adds the rest."""
    async with Store.open(tmp_path / "one.db") as store:
        for number in range(120):
            await buy(store, payload(f"c{number}", float(number)))
        await store.export(tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) * 2 // 3])
    async with Store.open(tmp_path / "other.db") as store:
        with pytest.raises(ConfigError, match=r"cut cannot be read: Compressed file ended before"):
            await store.import_(tmp_path / "cut")
        some = (await store.totals()).reports
        assert 0 < some < 120
        assert await store.import_(tmp_path / "whole") == Imported(120 - some, some, 0, ())
        with pytest.raises(ConfigError) as caught:
            await store.import_(tmp_path / "missing")
        assert caught.value.detail == f"{tmp_path / 'missing'} cannot be read: {os.strerror(errno.ENOENT)}"
        with pytest.raises(ConfigError, match="cannot be written"):
            await store.export(tmp_path / "missing" / "x")


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".lock", ".reserve", ".views"])
async def test_an_export_does_not_take_the_place_of_its_store(tmp_path: Path, suffix: str) -> None:
    """Neither the store nor a file beside it is written over, by whatever way its name leads there."""
    path = tmp_path / "reports.db"
    async with Store.open(path) as store:
        await buy(store, payload("a"))
        for target in (f"{path}{suffix}", tmp_path / ".." / tmp_path.name / f"reports.db{suffix}"):
            with pytest.raises(ConfigError, match=r"belongs to the store .* name another file"):
                await store.export(target)
        assert await store.latest("a") == payload("a")
    assert [path.name for path in tmp_path.glob("*.part")] == []
    assert len(await everything(Store.open(path, read_only=True))) == 1


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
async def test_a_name_that_no_file_can_have_is_said_so(tmp_path: Path, name: str) -> None:
    """Neither an export nor an import to or from it ends otherwise than with any other file that cannot be used."""
    async with Store.open(tmp_path / "reports.db") as store:
        with pytest.raises(ConfigError, match="cannot be written: "):
            await store.export(tmp_path / name)
        with pytest.raises(ConfigError, match="cannot be read: "):
            await store.import_(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="this system has no such files")
async def test_only_ordinary_files_are_brought_in(tmp_path: Path) -> None:
    """What could keep whoever reads it waiting is refused at once: a pipe, a device; so is a folder."""
    os.mkfifo(tmp_path / "pipe")
    async with Store.open(tmp_path / "reports.db") as store:
        for name, said in (("pipe", "a pipe, no ordinary"), ("/dev/null", "a device, no ordinary"), (".", "a folder;")):
            with pytest.raises(ConfigError, match=f" is {said} "):
                await store.import_(tmp_path / name)


async def test_importing_does_not_hold_up_the_journal(tmp_path: Path) -> None:
    """While thousands of reports are brought in, purchases are still entered, between one portion and the next."""
    async with Store.open(tmp_path / "one.db") as store:
        await asyncio.gather(*(buy(store, payload(f"c{number}")) for number in range(2000)))
        await store.export(tmp_path / "x")
    async with Store.open(tmp_path / "other.db") as store:
        importing = asyncio.create_task(store.import_(tmp_path / "x"))
        bought = 0
        while not importing.done():
            await asyncio.wait_for(buy(store, payload(f"d{bought}")), 2.0)
            bought += 1
        assert (await importing).added == 2000
        assert bought > 5
        assert (await store.totals()).reports == 2000 + bought


async def test_examining_tells_damage_from_what_cannot_be_read(tmp_path: Path) -> None:
    """A body as it was bought that is no report is told, and is no damage; each with its handle and report id."""
    path = tmp_path / "reports.db"
    misfit = answer("misfit", followers="many")
    async with Store.open(path) as store:
        await buy(store, payload("good"))
        await buy(store, payload("misfit", 1.0, misfit, "identity"))
        await buy(store, payload("broken", 1.0, gzip.compress(b"{")))
        victim = payload("victim")
        await buy(store, victim)
    path.write_bytes(path.read_bytes().replace(victim.body[20:60], bytes(40)))
    async with Store.open(path, read_only=True) as store:
        findings = [finding async for finding in store.verify()]
        told: list[Finding] = []
        with pytest.raises(StoreDamagedError):
            await store.export(tmp_path / "x")
        assert not (tmp_path / "x").exists()
        assert await store.export(tmp_path / "x", on_damage=told.append) == 3
    assert [(finding.handle, finding.report_id, finding.damage) for finding in findings] == [
        ("misfit", "report of misfit", False), ("broken", None, False), ("victim", "report of victim", True),
    ]  # fmt: skip
    assert "$.user_profile.followers" in findings[0].problem
    assert [(finding.handle, finding.version) for finding in told] == [("victim", 4)]
    assert told[0].problem.startswith("the stored report is damaged: ")
    assert list(tmp_path.glob("*.part")) == []


async def test_a_store_whose_tables_are_wrong_is_not_called_whole(tmp_path: Path) -> None:
    """What makes every report unreadable, though no page of the file is damaged, is a finding for each of them."""
    path = tmp_path / "reports.db"
    async with Store.open(path) as store:
        for handle in ("a", "b"):
            await buy(store, payload(handle))
    async with Store.open(path, read_only=True) as store:
        with sqlite3.connect(path) as other:
            other.execute("DROP TABLE bodies")
        other.close()
        findings = [finding async for finding in store.verify()]
    assert [finding.handle for finding in findings if finding.damage][-2:] == ["a", "b"]


async def test_what_is_pruned_meanwhile_is_left_out_of_an_export(tmp_path: Path) -> None:
    """A report that goes while a backup is made is no error: the file has those that were still there."""
    path = tmp_path / "reports.db"
    victim = payload("victim")
    async with Store.open(path) as store:
        for bought in (victim, *(payload(f"h{n}") for n in range(5))):
            await buy(store, bought)
    path.write_bytes(path.read_bytes().replace(victim.body[20:60], bytes(40)))
    async with Store.open(path) as store:
        loop = asyncio.get_running_loop()

        def prune(finding: Finding) -> None:
            pruned = asyncio.run_coroutine_threadsafe(store.prune(0, keep_latest=False), loop).result()
            assert (finding.handle, pruned.reports) == ("victim", 6)

        assert await store.export(tmp_path / "backup.gz", on_damage=prune) == 0


async def test_a_salvaged_store_goes_on_elsewhere(tmp_path: Path) -> None:
    """What can still be read of a damaged store is exported and brought into a new one."""
    path = tmp_path / "reports.db"
    kept = [payload(f"c{number}", float(number), bytes([number]) * 9000, "gzip") for number in range(50)]
    async with Store.open(path) as store:
        for each in kept:
            await buy(store, each)
    content = bytearray(path.read_bytes())
    at = content.index(bytes([25]) * 4000)
    content[at : at + 4096] = bytes(4096)
    path.write_bytes(content)
    async with Store.open(path, read_only=True) as damaged:
        exported = await damaged.export(tmp_path / "x", on_damage=lambda _: None)
    assert exported >= 48
    async with Store.open(tmp_path / "new.db") as store:
        assert (await store.import_(tmp_path / "x")).added == exported
        assert all(each in kept for each in await everything(store))


async def test_a_report_that_could_not_be_read_is_brought_in_as_it_came(tmp_path: Path) -> None:
    """The line that `walee fetch` writes of it holds its bytes; they are the report, and the line itself never is."""
    body = gzip.compress(b'{"success":true,"payload":{"user_profile":')
    line = {
        "handle": "a.creator",
        "error": {"kind": "DecodeError", "fault": "payload", "detail": "cut short"},
        "payload": {"encoding": "gzip", "body": base64.b64encode(body).decode()},
        "received_at": 7.0,
    }
    file = tmp_path / "lines.jsonl"
    file.write_text(json.dumps(line) + "\n")
    async with Store.open(tmp_path / "reports.db") as store:
        assert (await store.import_(file)).added == 1
        payload = await store.latest("a.creator")
    assert payload is not None
    assert (payload.body, payload.encoding, payload.received_at) == (body, "gzip", 7.0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            {"handle": "a", "report": {"user_profile": {}}, "received_at": 1.7e12},
            "not in Unix seconds, or still to come",
        ),
        (
            {"handle": "a", "report": {"user_profile": {}}, "received_at": 1e300},
            "not in Unix seconds, or still to come",
        ),
        (
            {"handle": "a", "report": {"user_profile": {}}, "received_at": -1e17},
            "not in Unix seconds, or still to come",
        ),
        ({"handle": "a", "body": "e3!0=", "sha256": hashlib.sha256(b"{}").hexdigest(), "received_at": 1.0}, "base64"),
        (
            {"handle": "a", "view": "headline", "report": {"user_profile": {}}},
            "has the headline of a report only",
        ),
        ({"report": {"report_info": {"report_id": "1"}}}, "the line names no handle, nor does its report"),
        ({"handle": "a", "report": {}}, "an answer without a report"),
        ({"handle": "a", "report": {"user_profile": None}}, "an answer without a report"),
        ({"handle": "a", "payload": {"encoding": "gzip", "body": "AAAA"}}, "an answer without a report"),
        ({"handle": "a", "error": {"kind": "NoReportError"}}, "says why there is no report"),
        ({"success": False, "error": {"code": "account_is_private"}}, "says why there is no report"),
        ({"handle": "a", "report": {"success": False, "user_profile": {"username": "a"}}}, "without a report"),
        ({"success": False, "payload": {"user_profile": {"username": "a"}}}, "an answer without a report"),
    ],
)
async def test_what_would_pass_for_a_report_is_refused(tmp_path: Path, line: dict[str, Any], said: str) -> None:
    """A time that would make it the newest for ever, an empty report, a refusal: told, and not brought in."""
    file = tmp_path / "lines.jsonl"
    file.write_text(json.dumps(line) + "\n")
    async with Store.open(tmp_path / "reports.db") as store:
        imported = await store.import_(file)
        assert await store.latest("a") is None
    assert (imported.added, imported.rejected) == (0, 1)
    assert said in imported.first_rejected[0].problem


async def test_a_report_that_says_it_is_from_the_future_grows_old(tmp_path: Path) -> None:
    """Its age counts from when it came then, so that it is bought again some day, and pruned."""
    info = {"report_id": "1", "created": "2999-01-01T00:00:00Z"}
    line = {"handle": "a", "report": {"report_info": info, "user_profile": {}}}
    file = tmp_path / "lines.jsonl"
    file.write_text(json.dumps(line) + "\n" + json.dumps(line | {"handle": "b", "received_at": 7.0}))
    async with Store.open(tmp_path / "reports.db") as store:
        assert (await store.import_(file)).added == 2
        held = await store.lookup(["a", "b"])
        assert held["a"].dated == held["a"].received_at > 1.7e9
        assert held["b"].dated == 7.0
        assert (await store.prune(3600, keep_latest=False)).reports == 1


async def test_an_export_or_import_that_is_cancelled_stops(tmp_path: Path) -> None:
    """It ends at the next report, leaves no half file, and what had been brought in is there."""
    whole, target = tmp_path / "whole.jsonl.gz", tmp_path / "cancelled.jsonl.gz"
    async with Store.open(tmp_path / "reports.db") as store:
        attempts = [(f"h{n}", Payload(handle=f"h{n}", body=os.urandom(4000), received_at=1.0)) for n in range(3000)]
        for handle, bought in attempts:
            billed = Attempt(handle=handle, number=1, key="key 1", charge=Charge.BILLED)
            last = store.settle(store.intend(handle, 1, "key 1"), billed, bought)
        await last
        await store.export(whole)
        for work in (store.export(target), _import(whole, tmp_path / "other.db")):
            task = asyncio.ensure_future(work)
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert sorted(path.name for path in tmp_path.iterdir() if "jsonl" in path.name) == ["whole.jsonl.gz"]
    async with Store.open(tmp_path / "other.db") as store:
        assert (await store.totals()).reports < 3000
        assert [finding async for finding in store.verify() if finding.damage] == []


async def _import(source: Path, path: Path) -> int:
    async with Store.open(path) as store:
        return (await store.import_(source)).added
