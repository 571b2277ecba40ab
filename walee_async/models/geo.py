"""Where a creator is."""

from __future__ import annotations

from walee_async.models.base import Part


class Coordinates(Part, frozen=True, kw_only=True):
    """A point of a country, in degrees: its capital as a rule, never the creator's own place."""

    lat: float | None = None
    """−90 to 90, north positive."""
    lon: float | None = None
    """−180 to 180, east positive."""


class Country(Part, frozen=True, kw_only=True):
    """A country."""

    id: int | None = None
    """The gateway's own number of it."""
    name: str | None = None
    """In English."""
    code: str | None = None
    """ISO 3166-1 alpha-2, such as `PK`."""
    coords: Coordinates | None = None


class Geo(Part, frozen=True, kw_only=True):
    """Where an account is, by the gateway's estimate."""

    country: Country | None = None


def country_code(geo: Geo | None) -> str | None:
    """Return the code of the country, or None when any step to it is unknown."""
    if geo is None or geo.country is None:
        return None
    return geo.country.code
