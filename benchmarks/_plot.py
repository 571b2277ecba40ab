"""Charts as SVG, legible on light pages and on dark ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

WIDTH, NAMES, ROW, HEAD = 760, 190, 26, 40
"""Pixels: the drawing, the column of names, a row, and the heading."""
EDGE, HIGH, SAID, FOOT = 52, 120, 30, 34
"""Pixels of a timeline: left of its bars, its bars at their highest, the sentence above them, the axis below all."""
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.head{font-weight:600}.own{fill:#0969da}.other{fill:#8c959f}"
    ".ill{fill:#d1702c}.rule{stroke:#8c959f;stroke-width:1;stroke-dasharray:3 3}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.own{fill:#4493f8}.other{fill:#768390}.ill{fill:#e3925a}}"
)


def _drawing(heading: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(heading)}"><style>{STYLE}</style>'
        f'<text class="head" x="8" y="22">{escape(heading)}</text>{"".join(parts)}</svg>\n'
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
    return _drawing(heading, HEAD + ROW * len(ranked) + 8, rows)


class Panel(NamedTuple):
    """Bars over time: each has a part that went well and, upon it, one that did not."""

    sentence: str
    bars: Sequence[tuple[float, float]]


def timelines(heading: str, panels: Sequence[Panel], *, span: float, limit: float, names: tuple[str, str]) -> str:
    """One panel below the other at one scale; a bar is `span` seconds wide, and a line is at `limit`.

    `names` are those of what went well and of what did not.
    """
    most = max(limit, *(sum(bar) for panel in panels for bar in panel.bars))
    width = (WIDTH - EDGE - 16) / max(len(panel.bars) for panel in panels)
    parts, foot = [], HEAD - 10
    for right, name, kind in ((180, names[0], "own"), (90, names[1], "ill")):
        parts.append(f'<rect x="{WIDTH - right}" y="12" width="11" height="11" rx="2" class="{kind}"/>')
        parts.append(f'<text x="{WIDTH - right + 17}" y="22">{escape(name)}</text>')
    for panel in panels:
        foot += SAID + HIGH
        parts.append(f'<text x="8" y="{foot - HIGH - 8}">{escape(panel.sentence)}</text>')
        for number, (well, ill) in enumerate(panel.bars):
            parts += [
                _bar(EDGE + number * width, foot, width, well * HIGH / most, "own"),
                _bar(EDGE + number * width, foot - well * HIGH / most, width, ill * HIGH / most, "ill"),
            ]
        parts += [_rule(foot, "0"), _rule(foot - limit * HIGH / most, f"{limit:g}/s")]
    minutes = range(int(max(len(panel.bars) for panel in panels) * span / 60) + 1)
    parts += [f'<text x="{EDGE + m * 60 / span * width:.1f}" y="{foot + 18}">{m} min</text>' for m in minutes]
    return _drawing(heading, foot + FOOT, parts)


def _bar(x: float, foot: float, width: float, height: float, kind: str) -> str:
    gap = min(1.0, width / 4)
    return f'<rect x="{x:.1f}" y="{foot - height:.1f}" width="{width - gap:.1f}" height="{height:.1f}" class="{kind}"/>'


def _rule(y: float, name: str) -> str:
    return (
        f'<line x1="{EDGE}" x2="{WIDTH - 16}" y1="{y:.1f}" y2="{y:.1f}" class="rule"/>'
        f'<text x="{EDGE - 6}" y="{y + 4:.1f}" text-anchor="end">{name}</text>'
    )
