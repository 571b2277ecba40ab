"""Handles: what people write for them, and the lists they keep them in."""

from __future__ import annotations

from walee_async.handles.files import ListFormat, guessed_columns, read_entries
from walee_async.handles.lists import COLUMNS, entries_from_csv, entries_from_jsonl, entries_from_text
from walee_async.handles.parse import Entry, parse_handle, resolve

__all__ = [
    "COLUMNS",
    "Entry",
    "ListFormat",
    "entries_from_csv",
    "entries_from_jsonl",
    "entries_from_text",
    "guessed_columns",
    "parse_handle",
    "read_entries",
    "resolve",
]
