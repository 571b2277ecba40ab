"""Pages as files: whole or not there, in the place of an older page and of nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from walee_async.cli.exits import OutputError
from walee_async.cli.text import size
from walee_async.errors import ConfigError
from walee_async.page import MARK, check_extra
from walee_async.store.files import WholeFile

if TYPE_CHECKING:
    from pathlib import Path

HEAD: Final = 4096
"""Bytes at the beginning of a page among which its mark stands."""
SUFFIXES: Final = (".html", ".htm")


def check_page(path: Path) -> None:
    """Make sure that a page can be made and put there, before anything is done for it.

    Raises:
        ConfigError: the extra is missing, the name is none of a page, or there is something that is no page of ours, or
            no folder.
    """
    check_extra()
    try:
        if not path.parent.is_dir():
            raise ConfigError(f"{path} cannot be written: there is no folder {path.parent}")
        if os.path.lexists(path) and not _is_ours(path):
            raise ConfigError(f"{path} is there already and is no page of walee's; name another file")
        if path.suffix.lower() not in SUFFIXES:
            raise ConfigError(f"{path} would hold a page in HTML, so name it .html")
        WholeFile(path).abort()
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def write_page(path: Path, text: str) -> str:
    """Write it and move it into place; return how large it is. Only its owner can read it: it was paid for.

    Raises:
        OutputError: the disk is full or refuses.
    """
    data = text.encode()
    try:
        with WholeFile(path) as whole:
            whole.file.write(data)
    except OSError as error:
        raise OutputError(str(path), error) from None
    return size(len(data))


def _is_ours(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return MARK.encode() in file.read(HEAD)
    except OSError:
        return False
