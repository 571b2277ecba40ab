"""`walee brief`: a brief to begin with, made of what briefs are; or what a brief says, in words."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.text import Text

from walee_async.cli.exits import Exit
from walee_async.cli.screen import console_on
from walee_async.cli.wording import brief_of
from walee_async.fielddocs import field_docs
from walee_async.models.audience import AGES
from walee_async.scoring import SCORING_VERSION, Brief, read_brief

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from msgspec import Struct

EXAMPLES: Final[dict[str, object]] = {
    "min": 10_000,
    "max": 1_000_000,
    "min_quality": 60,
    "min_engagement_percentile": 50,
    "min_target_share": 0.3,
    "min_reachable_share": 0.5,
    "max_days_since_post": 30,
}
"""What might stand where nothing does by default."""

_HEAD: Final = """\
A brief for `walee score --brief`: whom a campaign is after, what counts, what a creator must have.
Every key may be left out; what stands here are the defaults, and what is commented out is not asked for.
A fraction is 0 to 1: 0.3 is 30 %. `walee brief FILE` checks a brief and says it in words."""
_AGES: Final = "`walee_async.models.audience.AGES`"
_WIDTH: Final = 118
"""Columns of a comment, as its lines begin with a # and a blank."""


def brief(file: Path | None) -> Exit:
    """Print a brief to begin with; of a file, what it says and its id.

    Raises:
        ConfigError: the file is no brief.
    """
    if file is None:
        sys.stdout.buffer.write(template().encode())  # TOML is UTF-8, whatever the terminal is
        return Exit.FETCHED
    found = read_brief(file)
    console = console_on(sys.stdout)
    console.print(Text(brief_of(found)), soft_wrap=not console.is_terminal)
    console.print(Text(f"Id {found.id}, scoring version {SCORING_VERSION}.", style="dim"))
    return Exit.FETCHED


def template() -> str:
    """The default brief in TOML, with what the source says of each key above it."""
    return "\n".join([*_comment(_HEAD), "", *_keys(Brief())]) + "\n"


def _keys(table: Struct) -> Iterator[str]:
    said = field_docs(type(table))
    tables: list[tuple[str, Struct]] = []
    for field in msgspec.structs.fields(table):
        value = getattr(table, field.name)
        if isinstance(value, msgspec.Struct):
            tables.append((field.name, value))
            continue
        yield from _comment(said.get(field.name, ""))
        missing = value is None
        line = f"{'# ' if missing else ''}{field.name} = {_toml(EXAMPLES[field.name] if missing else value)}"
        yield from [line] if len(line) <= _WIDTH else _folded(field.name, value)
    for name, part in tables:
        yield ""
        yield from _comment(inspect.getdoc(type(part)) or "")
        yield f"[{name}]"
        yield from _keys(part)


def _toml(value: Any) -> str:
    # JSON's texts, numbers and lists of them are TOML's too.
    return msgspec.json.encode(value).decode()


def _folded(name: str, values: Iterable[Any]) -> Iterator[str]:
    yield f"{name} = ["
    yield from (f"    {_toml(value)}," for value in values)
    yield "]"


def _comment(text: str) -> list[str]:
    """A text as comments; in a file, None is a key that is left out."""
    plain = re.sub(r"\bNone is\b", "left out is", text.replace(_AGES, ", ".join(AGES)))
    return [f"# {line}".rstrip() for part in plain.splitlines() for line in textwrap.wrap(part, _WIDTH) or [""]]
