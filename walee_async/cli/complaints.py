"""What is wrong with the arguments, in the words of this command rather than of the library that reads them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from cyclopts import CoercionError, CycloptsError, MissingArgumentError, UnknownCommandError
from cyclopts.exceptions import UnusedCliTokensError

from walee_async.cli.keys import mask

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACES: Final = ("first", "second")
_OPTIONS: Final = ("help", "version")
"""Options that people try as commands."""


def complaint(error: CycloptsError, command: str, arguments: Sequence[str]) -> str:
    """One sentence or more; what looks like a key is left out of it."""
    return mask(_said(error, command, arguments)).strip()


def _said(error: CycloptsError, command: str, arguments: Sequence[str]) -> str:
    tokens = error.unused_tokens or [""]
    match error:
        case UnusedCliTokensError():
            return f"{tokens[0]!r} is one argument too many for {command}."
        case UnknownCommandError() if tokens[0] in _OPTIONS:
            return f"{tokens[0]} is an option and no command: `walee --{tokens[0]}`."
        case MissingArgumentError() if error.argument is not None:
            return _missing(error, command, arguments)
        case CoercionError() if error.msg is None and error.token is not None and error.token.keyword is not None:
            wanted = _wanted(error.target_type, error.token.value)
            return f"{error.token.keyword} is {error.token.value!r}; {wanted}." if wanted else str(error)
        case _:
            return str(error)


def _missing(error: MissingArgumentError, command: str, arguments: Sequence[str]) -> str:
    """Arguments that stand by their place are asked for by it, and not as options."""
    argument = error.argument
    assert argument is not None
    metavar = argument.parameter.metavar or argument.names[0].removeprefix("--").upper()
    if error.keyword is not None:
        if (error.keyword, "-") in pairwise(arguments):
            return f"{error.keyword} takes {metavar}, and - is none."
        return f"{error.keyword} lacks its value, {metavar}."
    if argument.index is not None:
        return f"{command} lacks its {_PLACES[argument.index]} argument, {metavar}."
    return f"{command} lacks the option {argument.name} {metavar}."


def _wanted(kind: Any, text: str) -> str:
    """What an option takes that was given something else; nothing where the library says it well."""
    kinds = get_args(kind) or (kind,)
    if bool in kinds:
        return "it takes no value"
    if float in kinds:
        words = [word for other in kinds if get_origin(other) is Literal for word in get_args(other)]
        point = ", with a point and no comma" if "," in text else ""
        return " or ".join([f"it must be a number{point}", *words])
    return "it must be a whole number" if int in kinds else ""
