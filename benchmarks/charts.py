"""Line charts as SVG, with logarithmic axes: what grows in proportion is a straight line of slope one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 40, 50
COLOURS = ("#1f6feb", "#d1242f", "#8250df", "#57606a", "#1a7f37", "#9a6700")
_STYLE = "font-family: system-ui, sans-serif; font-size: 12px; fill: #24292f"


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Args:
        name: Stands at its end.
        points: Ascending in x; all values above zero.
        is_dashed: Whether it is a floor, not a result.
    """

    name: str
    points: Sequence[tuple[float, float]]
    is_dashed: bool = False


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis.

    Args:
        low: Least value.
        high: Largest value.
        start: Where the least one is, in pixels.
        end: Where the largest one is.
    """

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where a value is."""
        span = math.log(self.high / self.low) or 1.0
        return self.start + (self.end - self.start) * math.log(value / self.low) / span

    @property
    def decades(self) -> list[float]:
        """The powers of ten on the axis."""
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10.0**exponent for exponent in range(first, last + 1)]


def chart(title: str, across: str, lines: Sequence[Line], write: Callable[[float], str]) -> str:
    """Draw lines over a shared x.

    Args:
        title: Says what y is, with its unit.
        across: Says what x is.
        lines: At least one, with at least one point.
        write: Writes a value of y for the axis.

    Returns:
        An SVG document.
    """
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    x_axis = Axis(xs[0], xs[-1], LEFT, WIDTH - RIGHT)
    y_axis = Axis(min(ys) / 1.2, max(ys) * 1.2, HEIGHT - BOTTOM, TOP)
    parts = [
        _text(LEFT, TOP - 18, title, weight="600"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, across, anchor="middle"),
        *(_grid(y_axis, value, write(value)) for value in y_axis.decades),
        *(_text(x_axis.place(x), HEIGHT - BOTTOM + 18, f"{x:,.0f}", anchor="middle") for x in xs),
        *_labels(lines, y_axis),
    ]
    for line, colour in zip(lines, COLOURS, strict=False):
        parts.extend(_drawn(line, colour, x_axis, y_axis))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" style="{_STYLE}">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *parts, "</svg>", ""])


def _drawn(line: Line, colour: str, x_axis: Axis, y_axis: Axis) -> list[str]:
    places = [(x_axis.place(x), y_axis.place(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dash = ' stroke-dasharray="5 4"' if line.is_dashed else ""
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>', *dots]


def _labels(lines: Sequence[Line], y_axis: Axis) -> list[str]:
    """Name each line at its end, one below the other where they end close together."""
    ends = sorted((y_axis.place(line.points[-1][1]), at) for at, line in enumerate(lines[: len(COLOURS)]))
    labels: list[str] = []
    lowest = -math.inf
    for y, at in ends:
        lowest = max(y + 4, lowest + 15)
        labels.append(_text(WIDTH - RIGHT + 10, lowest, lines[at].name, colour=COLOURS[at]))
    return labels


def _grid(axis: Axis, value: float, text: str) -> str:
    y = axis.place(value)
    rule = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d0d7de"/>'
    return rule + _text(LEFT - 8, y + 4, text, anchor="end")


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", weight: str = "400", colour: str = "#24292f"
) -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
