# SPDX-License-Identifier: GPL-2.0-only
"""Line charts of a figure against a size, both axes logarithmic, as SVG without a library: readable on light and dark."""
import html
import math

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 40, 44
COLOURS = ("#0969da", "#cf222e", "#1a7f37", "#8250df", "#bc4c00", "#57606a")
STYLE = """text{font:12px sans-serif;fill:#57606a}.title{font-weight:bold}.grid{stroke:#8c959f;stroke-opacity:.3}
.axis{stroke:#57606a}@media (prefers-color-scheme:dark){text{fill:#adbac7}.axis{stroke:#adbac7}}"""


def size(value):
    for unit, factor in (("M", 1_000_000), ("k", 1000)):
        if value >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"


class Scale:
    """a logarithmic axis from the step below the least value to the one above the greatest"""

    def __init__(self, values, begin, end, steps):
        low, high = max(min(values), 1e-9), max(values)
        self.steps = [s * 10 ** e for e in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1) for s in steps]
        self.low = max(s for s in self.steps if s <= low * 1.0001)
        self.high = min([s for s in self.steps if s >= high * 0.9999], default=high)
        if self.high <= self.low:
            self.high = self.low * 10
        self.begin, self.end = begin, end

    def at(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self):
        return [s for s in self.steps if self.low <= s <= self.high * 1.0001]


def chart(title, x_name, y_name, series):
    """series: {name: [(x, y), ...]}, x and y above 0; returns the file's text"""
    points = [point for line in series.values() for point in line]
    x = Scale([p[0] for p in points], LEFT, WIDTH - RIGHT, (1,))
    y = Scale([p[1] for p in points], HEIGHT - BOTTOM, TOP, (1, 2, 5))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
           f"<title>{html.escape(title)}</title><style>{STYLE}</style>",
           f'<text class="title" x="{LEFT}" y="20">{html.escape(title)}</text>']
    for tick in x.ticks():
        out.append(f'<line class="grid" x1="{x.at(tick):.1f}" x2="{x.at(tick):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
                   f'<text x="{x.at(tick):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{size(tick)}</text>')
    for tick in y.ticks():
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(tick):.1f}" y2="{y.at(tick):.1f}"/>'
                   f'<text x="{LEFT - 6}" y="{y.at(tick) + 4:.1f}" text-anchor="end">{size(tick)}</text>')
    out.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
               f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(x_name)}</text>'
               f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2})rotate(-90)" text-anchor="middle">{html.escape(y_name)}</text>')
    labels = []  # where the lines end, moved apart
    for (name, line), colour in zip(series.items(), COLOURS):
        line = sorted(line)
        path = "".join(f"{'ML'[i > 0]}{x.at(a):.1f} {y.at(b):.1f}" for i, (a, b) in enumerate(line))
        out.append(f'<path fill="none" stroke="{colour}" stroke-width="2" d="{path}"/>')
        out += [f'<circle cx="{x.at(a):.1f}" cy="{y.at(b):.1f}" r="3" fill="{colour}"><title>{html.escape(name)}, {size(a)}: '
                f"{b:.2f}</title></circle>" for a, b in line]
        labels.append([y.at(line[-1][1]) + 4, name, colour])
    labels.sort()
    for i in range(1, len(labels)):
        labels[i][0] = max(labels[i][0], labels[i - 1][0] + 15)
    out += [f'<text x="{WIDTH - RIGHT + 8}" y="{at:.1f}" style="fill:{colour}">{html.escape(name)}</text>' for at, name, colour in labels]
    return "\n".join(out) + "\n</svg>\n"
