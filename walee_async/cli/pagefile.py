"""Pages as files: whole or not there, in the place of an older page and of nothing else."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from walee_async.cli.exits import OutputError
from walee_async.cli.text import size
from walee_async.errors import ConfigError
from walee_async.page import MARK, check_extra

HEAD: Final = 4096
"""Bytes at the beginning of a page among which its mark stands."""


def check_page(path: Path) -> None:
    """Make sure that a page can be made and put there, before anything is done for it.

    Raises:
        ConfigError: the extra is missing, or there is something that is no page of ours, or no folder.
    """
    check_extra()
    try:
        if not path.parent.is_dir():
            raise ConfigError(f"{path} cannot be written: there is no folder {path.parent}")
        if os.path.lexists(path) and not _is_ours(path):
            raise ConfigError(f"{path} is there already and is no page of walee's; name another file")
        descriptor, name = _half(path)
        os.close(descriptor)
        Path(name).unlink()
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def write_page(path: Path, text: str) -> str:
    """Write it and move it into place; return how large it is. Only its owner can read it: it was paid for.

    Raises:
        OutputError: the disk is full or refuses.
    """
    data = text.encode()
    half: Path | None = None
    try:
        descriptor, name = _half(path)
        half = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        raise OutputError(str(path), error) from None
    finally:
        if half is not None:
            with suppress(OSError):
                half.unlink(missing_ok=True)
    return size(len(data))


def _half(path: Path) -> tuple[int, str]:
    """A file beside a page, open, and its name."""
    return tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)


def _is_ours(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return MARK.encode() in file.read(HEAD)
    except OSError:
        return False
