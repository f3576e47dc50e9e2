"""One picture of a soak: a panel for each kind of thing, as SVG."""

from collections.abc import Sequence
from html import escape

from tests.chaos.soak.trends import Series

WIDTH, PANEL, LEFT, RIGHT, TOP = 860, 150, 70, 210, 26
FONT = 'font-family="sans-serif" font-size="11"'
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")


def picture(panels: Sequence[tuple[str, Sequence[Series]]], kills: Sequence[float]) -> str:
    """Panels (title, what is drawn in it) below each other, over the same time; `kills` in seconds."""
    end = max(x for _, drawn in panels for series in drawn for x, _ in series.points)
    height = len(panels) * (PANEL + TOP) + 30
    body = [
        line
        for n, (title, drawn) in enumerate(panels)
        for line in _panel(title, drawn, kills, end, top=n * (PANEL + TOP) + TOP)
    ]
    minutes = [
        f'<text x="{_x(60 * m, end):.0f}" y="{height - 10}" text-anchor="middle">{m} min</text>'
        for m in range(0, int(end / 60) + 1, 5)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            *body,
            *minutes,
            "</svg>\n",
        ]
    )


def _x(seconds: float, end: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * seconds / end


def _panel(
    title: str, drawn: Sequence[Series], kills: Sequence[float], end: float, *, top: int
) -> list[str]:
    most = max((y for series in drawn for _, y in series.points), default=1.0) * 1.1 or 1.0
    right, bottom = WIDTH - RIGHT, top + PANEL - 10

    def y(value: float) -> float:
        return bottom - (bottom - top) * value / most

    lines = [
        f'<text x="{LEFT}" y="{top - 6}" font-weight="bold">{escape(title)}</text>',
        *(
            f'<line x1="{_x(at, end):.1f}" x2="{_x(at, end):.1f}" y1="{top}" y2="{bottom}" stroke="#eee"/>'
            for at in kills
        ),
        f'<path d="M{LEFT} {top}V{bottom}H{right}" fill="none" stroke="#888"/>',
        f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">0</text>',
        f'<text x="{LEFT - 6}" y="{top + 8}" text-anchor="end">{most:.4g}</text>',
    ]
    for n, series in enumerate(drawn):
        colour = COLOURS[n % len(COLOURS)]
        path = " ".join(f"{_x(x, end):.1f},{y(v):.1f}" for x, v in series.points)
        lines += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
            f'<text x="{right + 8}" y="{top + 12 + 14 * n}" fill="{colour}">{escape(series.name)}</text>',
        ]
    return lines
