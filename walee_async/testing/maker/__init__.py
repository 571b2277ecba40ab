"""Seeded, made-up creators whose reports have the measured shape of real ones."""

from __future__ import annotations

from walee_async.testing.maker.creator import CREATED, Creator
from walee_async.testing.maker.maker import Maker

__all__ = ["CREATED", "Creator", "Maker"]
