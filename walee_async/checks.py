"""Whether what a caller gives is what it is taken for; a wrong one is told before anything is sent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from walee_async.errors import ConfigError

if TYPE_CHECKING:
    from types import UnionType


def check_kind(what: str, value: object, kind: type | UnionType, wanted: str) -> None:
    """Make sure that a value is of a kind. `what` begins the sentence that says it is not, `wanted` ends it.

    Raises:
        ConfigError: it is not. The sentence names its type alone, for it may be a key in the wrong place.
    """
    if not isinstance(value, kind):
        raise ConfigError(f"{what} is of type {type(value).__name__}; it must be {wanted}")


def check_whole(what: str, value: object, least: int = 1) -> None:
    """Make sure that a count is one. `what` begins the sentence that says it is not.

    Raises:
        ConfigError: it is no whole number, or less than `least`.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{what} is {value!r}; it must be a whole number of at least {least}")


def check_seconds(what: str, value: Any, least: float | None = None, *, endless: bool = False) -> None:
    """Make sure that a time is one: above 0, or with a `least` at least that; infinite only if `endless`.

    Raises:
        ConfigError: it is not.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (value > 0 if least is None else value >= least) or not (endless or value < math.inf):
        bound = "above 0" if least is None else f"at least {least}"
        limit = "" if endless else ", and finite"
        raise ConfigError(f"{what} is {value!r}; it must be a number of seconds, {bound}{limit}")
