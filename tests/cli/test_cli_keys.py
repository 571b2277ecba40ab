"""Keys come from the environment or a file, never from an argument, and are shown by nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from walee_async.testing import Drop, Echo, Gateway, Revoke

CANARY = "wk_live_Vq7kZuX9wJ4mRbTz2hG8pYc5dNs"
SPARE = "wk_live_Lw3nBeF6gS1tQjHy8vK5mPa9cRx"
SHOWN = 8
"""How many characters of a key in a row are a leak; its label shows the last four."""


def _leaks(text: str) -> bool:
    secret = CANARY.removeprefix("wk_live_"), SPARE.removeprefix("wk_live_")
    return any(key[start : start + SHOWN] in text for key in secret for start in range(len(key) - SHOWN + 1))


@pytest.fixture
def locked(serve: Callable[..., Gateway]) -> Gateway:
    """A gateway that takes the canary and the spare key only."""
    return serve(keys=[CANARY, SPARE])


@pytest.mark.parametrize(
    ("arguments", "debug"),
    [
        (["fetch", "HANDLE", "OTHER", "no.such.creator", "--out", "reports.jsonl"], ""),
        (["fetch", "HANDLE", "OTHER", "no.such.creator", "--out", "reports.jsonl"], "1"),
        (["fetch", "HANDLE", "OTHER", "--rate", "fast"], "1"),
        (["report", "HANDLE"], "1"),
        (["report", "OTHER", "--json"], "1"),
        (["doctor"], "1"),
    ],
    ids=" ".join,
)
def test_no_output_holds_the_key(
    locked: Gateway, walee_for: Any, tmp_path: Path, arguments: list[str], debug: str
) -> None:
    """Not the screen, not the lines, not the debug log: not even when the gateway echoes the key in its answers."""
    walee = walee_for(locked)
    walee.environment |= {"WALEE_API_KEYS": f"{CANARY}, {SPARE}", "WALEE_DEBUG": debug}
    one, other, *_ = locked.handles
    locked.plan(one, Echo(), Drop(), Echo(400))
    locked.plan(other, Echo(401), Revoke())
    ended = walee(*({"HANDLE": one, "OTHER": other}.get(word, word) for word in arguments))
    written = "".join(path.read_bytes().decode("latin-1") for path in tmp_path.iterdir())
    said = ended.err + ended.out.decode() + written
    assert len(said) > 100
    assert ("asyncio DEBUG" in said or "Traceback" in said) == bool(debug)
    assert not _leaks(said)


@pytest.mark.parametrize(
    "arguments",
    [
        ["fetch", "a.creator", "--api-key", CANARY],
        ["fetch", "a.creator", f"--api-key={CANARY}"],
        ["fetch", "a.creator", f"--key={CANARY}"],
        ["fetch", CANARY],
        ["fetch", "a.creator", "--rate", CANARY],
        ["fetch", "a.creator", f"--passphrase={CANARY}"],
        ["fetch", "a.creator", "--key-file", CANARY],
        ["report", "a.creator", "--token", CANARY],
        ["report", f"--secret={CANARY}", "a.creator"],
        ["doctor", "--key", CANARY],
    ],
    ids=lambda words: " ".join(words).replace(CANARY, "KEY"),
)
def test_a_key_is_refused_as_an_argument(here: Any, gateway: Gateway, arguments: list[str]) -> None:
    """A key among the arguments is refused in a sentence that does not repeat it, and nothing is sent."""
    ended = here(*arguments)
    assert ended.code == 2
    assert ended.err.startswith("walee: ")
    assert not _leaks(ended.err + ended.out.decode())
    assert gateway.requests_seen == 0


@pytest.mark.parametrize("option", ["--out", "--rate", "--column"])
def test_a_known_key_is_found_anywhere(
    here: Any, monkeypatch: pytest.MonkeyPatch, gateway: Gateway, tmp_path: Path, option: str
) -> None:
    """A key that is in the environment is refused in whatever place of the command it stands."""
    monkeypatch.setenv("WALEE_API_KEY", CANARY)
    ended = here("fetch", gateway.handles[0], option, f"x{CANARY}")
    assert ended.code == 2
    assert "stays in the shell's history" in ended.err
    assert not _leaks(ended.err)
    assert list(tmp_path.iterdir()) == []


def test_the_refusal_says_where_keys_come_from(here: Any) -> None:
    """Who gives a key as an argument is told why not, and what to do."""
    ended = here("fetch", "a.creator", "--api-key", "x")
    assert "stays in the shell's history" in ended.err
    assert "set WALEE_API_KEY" in ended.err


def test_a_long_handle_can_be_asked_for(walee: Any, gateway: Gateway) -> None:
    """What looks like a key is taken for a handle when it has an @."""
    assert walee("fetch", "@a_handle_of_more_than_24_characters").code == 3
    assert gateway.requests_seen == 1


def test_a_key_file_holds_one_key_on_each_line(locked: Gateway, walee_for: Any, tmp_path: Path) -> None:
    """Its keys share the work; comments and blank lines are skipped, and a file of one's own is no reason to warn."""
    walee = walee_for(locked)
    file = tmp_path / "keys"
    file.write_text(f"\ufeff# two accounts\n{CANARY}\n\n  {SPARE}  \n", "utf-8")
    file.chmod(0o600)
    ended = walee("fetch", *locked.handles, "--key-file", "keys", "--rate", "20")
    assert ended.code == 0
    assert all(locked.arrivals.values())
    assert "Note" not in ended.err


def test_a_key_file_that_others_can_read_is_warned_of(locked: Gateway, walee_for: Any, tmp_path: Path) -> None:
    """The key works, and its owner is told to keep it to themselves."""
    file = tmp_path / "keys"
    file.write_text(CANARY, "utf-8")
    file.chmod(0o644)
    ended = walee_for(locked)("fetch", locked.handles[0], "--key-file", "keys")
    assert ended.code == 0
    assert "keys can be read by others on this machine; `chmod 600`" in ended.err


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"two words\n", b"\xff\xfe\x00"], ids=repr)
def test_a_key_file_without_a_key_is_wrong_usage(here: Any, gateway: Gateway, tmp_path: Path, content: bytes) -> None:
    """A file that holds no key is refused in a sentence, and the environment's key is not used instead."""
    (tmp_path / "keys").write_bytes(content)
    ended = here("fetch", gateway.handles[0], "--key-file", "keys")
    assert ended.code == 2
    assert ended.err.startswith("walee: ")
    assert gateway.requests_seen == 0


@pytest.mark.parametrize("line", [f'"{CANARY}"', f"'{CANARY}'", f"WALEE_API_KEY={CANARY}", f"export API_KEY={CANARY}"])
def test_a_key_with_what_belongs_to_a_shell_is_refused(
    here: Any, monkeypatch: pytest.MonkeyPatch, gateway: Gateway, tmp_path: Path, line: str
) -> None:
    """Quotes and the variable's name are no part of a key: a sentence says so without the key, and nothing is sent."""
    (tmp_path / "keys").write_text(line, "utf-8")
    by_file = here("fetch", gateway.handles[0], "--key-file", "keys")
    monkeypatch.setenv("WALEE_API_KEY", line)
    for ended in (by_file, here("fetch", gateway.handles[0])):
        assert ended.code == 2
        assert ended.err.startswith("walee: A key stands ")
        assert not _leaks(ended.err)
    assert gateway.requests_seen == 0


def test_without_a_key_nothing_is_sent(here: Any, monkeypatch: pytest.MonkeyPatch, gateway: Gateway) -> None:
    """Whoever has no key is told where it goes."""
    monkeypatch.delenv("WALEE_API_KEY")
    for command in (["fetch", gateway.handles[0]], ["report", gateway.handles[0]]):
        ended = here(*command)
        assert ended.code == 2
        assert "There is no API key: set WALEE_API_KEY" in ended.err
    assert gateway.requests_seen == 0
