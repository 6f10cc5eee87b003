# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A picture of how time and memory grow with the fleet, as SVG that reads on light and dark ground."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import jinja2

from tools.bench.table import HEADER

WIDTH, HEIGHT = 860, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 108, 34, 44
_GAP = 150
#: Between two names at the ends of lines, at least.
_APART = 15

_TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ label }}"
     font-family="sans-serif" font-size="12">
<!--
{{ header }}
-->
<style>
 .ink { fill: #333 } .line { stroke: #1f77b4; stroke-width: 2; fill: none } .dot { fill: #1f77b4 }
 .second { stroke: #d9822b; stroke-dasharray: 6 4 } .seconddot { fill: #d9822b }
 .grid { stroke: #999; stroke-opacity: .35; stroke-width: 1 }
 @media (prefers-color-scheme: dark) { .ink { fill: #ddd } .line { stroke: #6cb2eb } .dot { fill: #6cb2eb }
 .second { stroke: #f0a65c } .seconddot { fill: #f0a65c } }
</style>
{% for panel in panels %}
<text class="ink" x="{{ panel.left }}" y="16" font-weight="bold">{{ panel.title }}</text>
{% for tick in panel.y_ticks %}
<line class="grid" x1="{{ panel.left }}" x2="{{ panel.right }}" y1="{{ tick.at }}" y2="{{ tick.at }}"/>
<text class="ink" x="{{ panel.left - 6 }}" y="{{ tick.at + 4 }}" text-anchor="end">{{ tick.text }}</text>
{% endfor %}
{% for tick in panel.x_ticks %}
<text class="ink" x="{{ tick.at }}" y="{{ bottom + 18 }}" text-anchor="middle">{{ tick.text }}</text>
{% endfor %}
<text class="ink" x="{{ (panel.left + panel.right) / 2 }}" y="{{ bottom + 36 }}" text-anchor="middle">nodes</text>
{% for line in panel.lines %}
{% set kind = "" if loop.first else "second" %}
<polyline class="line {{ kind }}" points="{{ line.points }}"/>
{% for dot in line.dots %}
<circle class="dot {{ kind }}{{ 'dot' if kind }}" cx="{{ dot[0] }}" cy="{{ dot[1] }}" r="3.5"/>
{% endfor %}
<text class="ink" x="{{ panel.right + 9 }}" y="{{ line.name_at + 4 }}">{{ line.name }}</text>
{% endfor %}
{% endfor %}
</svg>
"""


def nice_step(most: float, ticks: int = 5) -> float:
    """Give a step of 1, 2 or 5 times a power of ten that takes about ``ticks`` steps to the largest value."""
    if most <= 0:
        return 1.0
    raw = most / ticks
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)


def kept_apart(heights: Sequence[float]) -> list[float]:
    """Move heights down as far as their names need not to touch each other; they keep their order."""
    found = list(heights)
    order = sorted(range(len(found)), key=lambda index: found[index])
    for upper, lower in itertools.pairwise(order):
        found[lower] = max(found[lower], found[upper] + _APART)
    return found


def picture(label: str, panels: Sequence[tuple[str, Sequence[tuple[str, Sequence[tuple[float, float]]]]]]) -> str:
    """Draw panels side by side, each a title and named lines of (nodes, value)."""
    width = (WIDTH - _LEFT - _RIGHT - _GAP * (len(panels) - 1)) / len(panels)
    bottom = HEIGHT - _BOTTOM
    drawn = []
    for place, (title, lines) in enumerate(panels):
        left = _LEFT + place * (width + _GAP)
        most_x = max(x for _name, points in lines for x, _y in points)
        step = nice_step(max(y for _name, points in lines for _x, y in points))
        count = math.ceil(max(y for _name, points in lines for _x, y in points) / step)

        def at(
            x: float, y: float, left: float = left, most_x: float = most_x, top: float = count * step
        ) -> list[float]:
            return [round(left + x / most_x * width, 1), round(bottom - y / top * (bottom - _TOP), 1)]

        drawn.append(
            {
                "title": title,
                "left": round(left, 1),
                "right": round(left + width, 1),
                "y_ticks": [{"at": at(0, n * step)[1], "text": f"{n * step:g}"} for n in range(count + 1)],
                "x_ticks": [{"at": at(x, 0)[0], "text": f"{x:g}"} for x, _y in lines[0][1]],
                "lines": [
                    {
                        "name": name,
                        "points": " ".join(f"{x},{y}" for x, y in (at(*point) for point in points)),
                        "dots": [at(*point) for point in points],
                        "name_at": place_of_name,
                    }
                    for (name, points), place_of_name in zip(
                        lines, kept_apart([at(*points[-1])[1] for _name, points in lines]), strict=True
                    )
                ],
            }
        )
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string(_TEMPLATE).render(
        width=WIDTH, height=HEIGHT, label=label, panels=drawn, bottom=bottom, header=HEADER
    )
    return text + "\n"
