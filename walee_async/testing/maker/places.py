"""Countries and languages as reports name them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Country(Struct, frozen=True):
    """A country: its id in OpenStreetMap, name, ISO code, coordinates of its capital, and its main language's code."""

    id: int
    name: str
    code: str
    latitude: float
    longitude: float
    language: str

    @property
    def geo(self) -> dict[str, Any]:
        """The `geo` block of a profile."""
        coords = {"lat": self.latitude, "lon": self.longitude}
        return {"country": {"id": self.id, "name": self.name, "code": self.code, "coords": coords}}


COUNTRIES: dict[str, Country] = {
    country.code: country
    for country in (
        Country(148838, "United States", "US", 38.89511, -77.03637, "en"),
        Country(307573, "Pakistan", "PK", 33.72148, 73.04329, "ur"),
        Country(304716, "India", "IN", 28.63576, 77.22445, "hi"),
        Country(62149, "United Kingdom", "GB", 51.50853, -0.12574, "en"),
        Country(59470, "Brazil", "BR", -15.77972, -47.92972, "pt"),
        Country(114686, "Mexico", "MX", 19.42847, -99.12766, "es"),
        Country(304751, "Indonesia", "ID", -6.21462, 106.84513, "id"),
        Country(443174, "Philippines", "PH", 14.6042, 120.9822, "tl"),
        Country(174737, "Turkey", "TR", 39.91987, 32.85427, "tr"),
        Country(307584, "Saudi Arabia", "SA", 24.68773, 46.72185, "ar"),
        Country(307763, "United Arab Emirates", "AE", 24.46667, 54.36667, "ar"),
        Country(1473947, "Egypt", "EG", 30.06263, 31.24967, "ar"),
        Country(60189, "Russia", "RU", 55.75222, 37.61556, "ru"),
        Country(51477, "Germany", "DE", 52.52437, 13.41053, "de"),
        Country(2202162, "France", "FR", 48.85341, 2.3488, "fr"),
        Country(1311341, "Spain", "ES", 40.4165, -3.70256, "es"),
        Country(365331, "Italy", "IT", 41.89193, 12.51133, "it"),
        Country(1428125, "Canada", "CA", 45.41117, -75.69812, "en"),
        Country(80500, "Australia", "AU", -35.28346, 149.12807, "en"),
        Country(184640, "Bangladesh", "BD", 23.7104, 90.40744, "bn"),
        Country(49915, "Vietnam", "VN", 21.0245, 105.84117, "vi"),
        Country(2067731, "Thailand", "TH", 13.75398, 100.50144, "th"),
        Country(2108121, "Malaysia", "MY", 3.1412, 101.68653, "ms"),
        Country(192787, "Nigeria", "NG", 9.05785, 7.49508, "en"),
        Country(120027, "Colombia", "CO", 4.60971, -74.08175, "es"),
        Country(286393, "Argentina", "AR", -34.61315, -58.37723, "es"),
        Country(288247, "Peru", "PE", -12.04318, -77.02824, "es"),
        Country(49715, "Poland", "PL", 52.22977, 21.01178, "pl"),
        Country(60199, "Ukraine", "UA", 50.45466, 30.5238, "uk"),
        Country(304934, "Iraq", "IQ", 33.34058, 44.40088, "ar"),
        Country(184633, "Nepal", "NP", 27.70169, 85.3206, "ne"),
        Country(382313, "Japan", "JP", 35.6895, 139.69171, "ja"),
        Country(307756, "South Korea", "KR", 37.566, 126.9784, "ko"),
        Country(87565, "South Africa", "ZA", -25.74486, 28.18783, "en"),
        Country(192798, "Kenya", "KE", -1.28333, 36.81667, "en"),
        Country(52822, "Sweden", "SE", 59.33258, 18.0649, "sv"),
        Country(303427, "Afghanistan", "AF", 34.52813, 69.17233, "fa"),
        Country(2323309, "Netherlands", "NL", 52.37403, 4.88969, "nl"),
    )
}

LANGUAGES: dict[str, str] = {
    "en": "English",
    "es": "Spanish",
    "ar": "Arabic",
    "ur": "Urdu",
    "pt": "Portuguese",
    "hi": "Hindi",
    "id": "Indonesian",
    "tr": "Turkish",
    "ru": "Russian",
    "de": "German",
    "fr": "French",
    "tl": "Tagalog",
    "it": "Italian",
    "bn": "Bengali",
    "vi": "Vietnamese",
    "th": "Thai",
    "ms": "Malay",
    "pl": "Polish",
    "uk": "Ukrainian",
    "ne": "Nepali",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "sv": "Swedish",
    "fa": "Persian",
    "ro": "Romanian",
    "el": "Greek",
    "hu": "Hungarian",
    "fi": "Finnish",
    "da": "Danish",
    "cs": "Czech",
}

AUDIENCE_CODES: tuple[str, ...] = tuple(COUNTRIES)
LANGUAGE_CODES: tuple[str, ...] = tuple(LANGUAGES)
GEO: dict[str, dict[str, Any]] = {code: country.geo for code, country in COUNTRIES.items()}
