"""The reasons of `--retry-failed`, in the words of the summary, of the errors or of the gateway."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from walee_async import errors
from walee_async.cli.keys import mask
from walee_async.cli.kinds import KINDS
from walee_async.errors import ConfigError, WaleeError
from walee_async.retry import DOUBTFUL, FINAL
from walee_async.wire.verdict import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OPTION: Final = "--retry-failed"
ALL: Final = "all"
_KINDS: Final = {kind.replace(" ", "-") for kind in KINDS.values()}
_HELD: Final = {"NotReadyError"} | FINAL | DOUBTFUL
"""What later runs hold back; all else they try again anyway, so that to name it changes nothing."""
_OFFERED: Final = sorted(kind.replace(" ", "-") for name, kind in KINDS.items() if name in _HELD)
_BARE: Final = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
"""A word with nothing in it that reasons do not have; most handles and all names of lists have a dot, _ or digit."""
_CLASSES: Final = {
    name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, WaleeError)
}


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """The arguments with every `--retry-failed` followed by its reason, which may be left out.

    The word after it is its reason only if it is a known one: any other is a handle or a list.

    Raises:
        ConfigError: it could be a reason that there is none of, as well as a handle.
    """
    spelled: list[str] = []
    rest = iter(enumerate(arguments, 1))
    for following, argument in rest:
        if argument != OPTION:
            spelled.append(argument)
        elif following < len(arguments) and _meaning(arguments[following]):
            spelled.append(f"{OPTION}={next(rest)[1]}")
        elif following < len(arguments) and (near := _near(arguments[following])):
            # Taken for a handle it would be bought, and everything tried again.
            raise ConfigError(
                f"{OPTION} {arguments[following]}: did you mean {near}? If it is a handle, put an @ before it"
            )
        elif following < len(arguments) and _is_bare(arguments[following]):
            raise ConfigError(f"{_no_reason(arguments[following])}. If it is a handle, put an @ before it")
        else:
            spelled.append(f"{OPTION}={ALL}")
    return spelled


def reasons(words: Iterable[str]) -> frozenset[str]:
    """What the words mean to a run: classes of errors, codes, or all.

    Raises:
        ConfigError: one means nothing.
    """
    found: set[str] = set()
    for word in words:
        meaning = _meaning(word)
        if not meaning:
            raise ConfigError(_no_reason(word))
        found |= meaning
    return frozenset(found)


def _no_reason(word: str) -> str:
    near = _near(word)
    hint = f"did you mean {near}?" if near else f"it knows {', '.join(_OFFERED)}, and the gateway's codes"
    return f"{OPTION} knows no reason {mask(word)!r}; {hint}"


def _is_bare(word: str) -> bool:
    """Whether a word is written like a reason, and is no list."""
    return _BARE.fullmatch(word) is not None and not os.path.lexists(word)


def _near(word: str) -> str | None:
    """The reason that a word which is none was probably meant for."""
    plain = word.lower().replace("_", "-")
    if plain in _KINDS:
        return plain
    return next(iter(get_close_matches(word, [ALL, *CODES, *_CLASSES, *_KINDS], 1, cutoff=0.8)), None)


def _meaning(word: str) -> set[str]:
    """What a word surely means; nothing if it may be something else."""
    if word == ALL or word in CODES or word in _CLASSES:
        return {word}
    plain = word.lower().replace("-", " ")
    return {name for name, kind in KINDS.items() if kind == plain}
