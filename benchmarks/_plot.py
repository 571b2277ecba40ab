"""A bar chart as SVG, legible on light pages and on dark ones."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

WIDTH, NAMES, ROW, HEAD = 760, 190, 26, 40
"""Pixels: the drawing, the column of names, a row, and the heading."""
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.head{font-weight:600}.own{fill:#0969da}.other{fill:#8c959f}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.own{fill:#4493f8}.other{fill:#768390}}"
)


def bars(heading: str, values: Mapping[str, float], *, own: str) -> str:
    """Horizontal bars, the shortest first; those whose name begins with `own` stand out."""
    ranked = sorted(values.items(), key=lambda pair: pair[1])
    scale = (WIDTH - NAMES - 80) / max(values.values())
    rows = [
        f'<text x="{NAMES - 8}" y="{y + 17}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{NAMES}" y="{y + 4}" width="{value * scale:.1f}" height="{ROW - 8}" rx="2" '
        f'class="{"own" if name.startswith(own) else "other"}"/>'
        f'<text x="{NAMES + value * scale + 6:.1f}" y="{y + 17}">{value:,.0f}</text>'
        for y, (name, value) in zip(range(HEAD, HEAD + ROW * len(ranked), ROW), ranked, strict=True)
    ]
    height = HEAD + ROW * len(ranked) + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(heading)}"><style>{STYLE}</style>'
        f'<text class="head" x="8" y="22">{escape(heading)}</text>{"".join(rows)}</svg>\n'
    )
