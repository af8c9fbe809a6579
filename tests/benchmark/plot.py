# SPDX-License-Identifier: BSD-3-Clause
"""Charts as SVG, by hand: nothing to install."""

import math
from html import escape

COLORS = ("#3b6ea5", "#d98032", "#5a9e5a", "#a05195", "#8c8c8c", "#c0504d", "#4bacc6", "#7f6084")
WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 64, 44


def nice_step(top):
    """A round distance between lines, four to eight of them up to `top`."""
    step = 10 ** len(str(int(top)))
    for divisor in (2, 2.5, 2) * 6:
        if top / step >= 4:
            break
        step /= divisor
    return step


def bars(title, unit, groups, series, stacked=False, marks=()):
    """groups: names along the axis. series: (name, values, one a group). marks: (name, value), lines across."""
    totals = [sum(values) for values in zip(*(values for _, values in series))]
    highest = max([*(totals if stacked else [value for _, values in series for value in values]),
                   *(value for _, value in marks)])
    step = nice_step(highest)
    top = step * -(-highest // step)
    plot_height = HEIGHT - TOP - BOTTOM

    def y(value):
        return HEIGHT - BOTTOM - value / top * plot_height

    out = head(title, unit)
    line = 0.0
    while line <= top:
        out += level(y(line), line)
        line += step
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    width = room * 0.7 / (1 if stacked else len(series))
    for at, group in enumerate(groups):
        left = LEFT + room * (at + 0.15)
        base = 0.0
        for number, (_, values) in enumerate(series):
            x = left if stacked else left + width * number
            bottom = base if stacked else 0.0
            out.append(f'<rect x="{x:.1f}" y="{y(bottom + values[at]):.1f}" width="{width * 0.95:.1f}" '
                       f'height="{y(bottom) - y(bottom + values[at]):.1f}" fill="{COLORS[number % len(COLORS)]}"/>')
            if not stacked:
                out.append(f'<text x="{x + width / 2:.1f}" y="{y(values[at]) - 4:.1f}" text-anchor="middle" '
                           f'font-size="10">{values[at]:.3g}</text>')
            base += values[at]
        if stacked:
            out.append(f'<text x="{left + width / 2:.1f}" y="{y(base) - 4:.1f}" text-anchor="middle" '
                       f'font-size="10">{base:.3g}</text>')
        out.append(f'<text x="{LEFT + room * (at + 0.5):.1f}" y="{HEIGHT - BOTTOM + 18}" '
                   f'text-anchor="middle">{escape(group)}</text>')
    for name, value in marks:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#333" '
                   'stroke-dasharray="6 4"/>')
        out.append(f'<text x="{WIDTH - RIGHT}" y="{y(value) - 4:.1f}" text-anchor="end">{escape(name)}</text>')
    return "\n".join([*out, *legend(series), "</svg>"]) + "\n"


def percentiles(title, unit, series):
    """series: (name, values): the values below which all but 1, 10^(-1/4), 10^(-2/4) and so on of what was measured lie.
    Both axes are logarithmic: each step to the right leaves a tenth of the rest."""
    per_decade = 4
    decades = max(len(values) - 1 for _, values in series) / per_decade
    low = math.floor(math.log10(min(value for _, values in series for value in values if value > 0)))
    high = max(math.ceil(math.log10(max(value for _, values in series for value in values))), low + 1)

    def y(value):
        return HEIGHT - BOTTOM - (math.log10(max(value, 10 ** low)) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def x(decade):
        return LEFT + decade / decades * (WIDTH - LEFT - RIGHT - 20)

    out = head(title, unit)
    for power in range(low, high + 1):
        out += level(y(10 ** power), 10 ** power)
    for decade in range(math.floor(decades) + 1):
        out.append(f'<text x="{x(decade):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                   f'{100 - 100 / 10 ** decade:g} %</text>')
    for number, (_, values) in enumerate(series):
        points = " ".join(f"{x(at / per_decade):.1f},{y(value):.1f}" for at, value in enumerate(values))
        out.append(f'<polyline points="{points}" fill="none" stroke="{COLORS[number % len(COLORS)]}" stroke-width="2"/>')
    return "\n".join([*out, *legend(series), "</svg>"]) + "\n"


def head(title, unit):
    return [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>',
            f'<text x="{LEFT - 8}" y="{TOP - 10}" text-anchor="end" fill="#555">{escape(unit)}</text>']


def level(y, value):
    """A line across at a value."""
    return [f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{value:g}</text>']


def legend(series):
    x = LEFT
    for number, (name, _) in enumerate(series):
        yield f'<rect x="{x}" y="30" width="10" height="10" fill="{COLORS[number % len(COLORS)]}"/>'
        yield f'<text x="{x + 14}" y="39">{escape(name)}</text>'
        x += 26 + 7 * len(name)
