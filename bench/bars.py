"""Bars on a logarithmic axis, as SVG: on white, so that it can be read on a light and on a dark page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bench.figures import Spread

WIDTH, ROW, TOP, LEFT, RIGHT = 920, 24, 44, 420, 90
FONT = 'font-family="sans-serif" font-size="12"'
OURS, THEIRS, INK, GRID = "#1f77b4", "#b0b7bf", "#333", "#ddd"


@dataclass(frozen=True)
class Bar:
    """A name, its figure with the spread of its rounds, and whether it is ours."""

    name: str
    value: Spread
    ours: bool = False


def bars(title: str, drawn: Sequence[Bar]) -> str:
    """One below the other, from the greatest to the least."""
    rows = sorted(drawn, key=lambda bar: -bar.value.median)
    low, high = _decades(rows)
    height = TOP + ROW * len(rows) + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT} fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="18" font-weight="bold">{escape(title)}</text>',
    ]
    for power in range(low, high + 1):
        x = _x(10.0**power, low, high)
        lines += [
            f'<path d="M{x:.1f} {TOP - 4}V{height - 8}" stroke="{GRID}"/>',
            f'<text x="{x:.1f}" y="{TOP - 10}" text-anchor="middle" fill="#777">{10.0**power:,g}</text>',
        ]
    for n, bar in enumerate(rows):
        lines += _bar(bar, TOP + n * ROW, low, high)
    return "\n".join([*lines, "</svg>\n"])


def _bar(bar: Bar, top: int, low: int, high: int) -> list[str]:
    end, middle = _x(bar.value.median, low, high), top + ROW / 2
    least, most = (_x(value, low, high) for value in (bar.value.least, bar.value.most))
    weight = ' font-weight="bold"' if bar.ours else ""
    return [
        f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end"{weight}>{escape(bar.name)}</text>',
        (
            f'<rect x="{LEFT}" y="{top + 3}" width="{end - LEFT:.1f}" height="{ROW - 6}" '
            f'fill="{OURS if bar.ours else THEIRS}"/>'
        ),
        f'<path d="M{least:.1f} {middle}H{most:.1f}" stroke="{INK}" stroke-width="1.5"/>',
        f'<text x="{max(end, most) + 6:.1f}" y="{middle + 4}"{weight}>{_figure(bar.value.median)}</text>',
    ]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _decades(rows: Sequence[Bar]) -> tuple[int, int]:
    """The powers of ten that the axis begins and ends with."""
    values = [max(edge, 0.1) for bar in rows for edge in (bar.value.least, bar.value.most)] or [1.0]
    low = math.floor(math.log10(min(values)))
    return low, max(low + 1, math.ceil(math.log10(max(values))))


def _x(value: float, low: int, high: int) -> float:
    share = (math.log10(max(value, 10.0**low)) - low) / (high - low)
    return LEFT + (WIDTH - LEFT - RIGHT) * share
