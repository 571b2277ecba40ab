"""`walee gateway`: the testing gateway as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from walee_async.cli.exits import Exit
from walee_async.cli.interrupts import Interrupts
from walee_async.cli.screen import Screen
from walee_async.cli.text import plural
from walee_async.errors import ConfigError
from walee_async.testing import Gateway, Maker, Mix
from walee_async.testing.serve import parse_quota, parse_share, plant_named, serve
from walee_async.wire import check_key

if TYPE_CHECKING:
    from pathlib import Path

    from walee_async.cli.options import GatewayOptions


class Announcement(Struct, frozen=True):
    """The first line on standard output."""

    base_url: str
    keys: list[str]
    creators: int


def gateway(options: GatewayOptions) -> Exit:
    """Serve until interrupted, and return the exit code.

    Raises:
        ConfigError: an option cannot be right, the port is taken, or the file of handles is there or cannot be written.
    """
    if options.creators < 1:
        raise ConfigError(f"The number of creators is {options.creators}; it must be at least 1")
    if options.credits is not None and options.credits < 0:
        raise ConfigError(f"--credits is {options.credits}; it must be at least 0")
    _check_file(options)
    # Dated today, so that a store takes them for as new as they are.
    maker = Maker(options.seed, creators=options.creators, small=options.small, created=datetime.now(UTC))
    made = Gateway(
        maker,
        keys=[check_key(key) for key in options.key] or None,
        quota=parse_quota(options.quota) if options.quota is not None else None,
        faults=Mix(parse_share(options.faults), seed=options.seed),
        credits=options.credits,
    )
    asyncio.run(_serve(made, plant_named(made), options))
    return Exit.FETCHED


def _check_file(options: GatewayOptions) -> None:
    """Make sure that no file is overwritten unless that is meant."""
    if options.handles_out is None:
        if options.replace:
            raise ConfigError("--replace is about a file, and there is no --handles-out")
    elif not options.replace and os.path.lexists(options.handles_out):
        raise ConfigError(f"{options.handles_out} is there already; name another file, or add --replace")


async def _serve(made: Gateway, handles: list[str], options: GatewayOptions) -> None:
    screen = Screen()

    def announce(started: Gateway) -> None:
        if options.handles_out is not None:  # before the first line, so that whoever has read that finds the file
            _write(options.handles_out, handles)
        _print_json(Announcement(started.base_url, started.keys, options.creators))
        _tell(started, handles, options, screen)

    with Interrupts() as interrupts:
        serving = asyncio.create_task(serve(made, port=options.port, announce=announce))
        asked = asyncio.create_task(interrupts.asked.wait())
        await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not serving.done():
            serving.cancel()
            await asyncio.wait({serving})
        else:
            serving.result()
    counted = made.statistics()
    _print_json(counted)
    screen.say(
        f"{plural(counted.requests, 'request')}, {counted.billed:,} billed for "
        f"{plural(counted.billed_handles, 'creator')}, {plural(counted.breaches, 'breach', 'breaches')} of the quota."
    )


def _write(path: Path, handles: list[str]) -> None:
    try:
        path.write_text("".join(f"{handle}\n" for handle in handles), "utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def _tell(made: Gateway, handles: list[str], options: GatewayOptions, screen: Screen) -> None:
    quota = f" at {options.quota}" if options.quota else ""
    screen.say(f"A gateway with {plural(options.creators, 'made-up creator')}{quota}. Ctrl-C ends it.")
    target = str(options.handles_out) if options.handles_out is not None else handles[0]
    screen.say("To try it, in another terminal:")
    # Wrapped by the terminal alone, so that each line can be copied however narrow it is.
    for line in (f"export WALEE_BASE_URL={made.base_url} WALEE_API_KEY={made.key}", f"walee fetch {target}"):
        screen.console.print(f"  {line}", style="bold", soft_wrap=True)


def _print_json(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.flush()
