"""The picture of the comparison: small multiples, size against median delay, a line for each detector."""
import dataclasses
import math

from common import CHANGED

WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 230, 60, 70, 70
COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c8c8c", "#8c8c8c"]
"""Okabe and Ito's, which colour-blind people tell apart; marks differ as well."""
MARKS = "●■▲◆▼✚✖✖"
DETECTORS = ["Bellwether", "Alibi Detect, MMD online", "Alibi Detect, LSDD online", "Evidently, domain classifier",
             "NannyML, PCA reconstruction", "NannyML, CBPE", "River, ADWIN on 1 − confidence", "River, ADWIN on labelled error"]
STYLE = ("text{font:12px system-ui,sans-serif;fill:#374151}.small{font-size:10px}.head{font-weight:600}.ground{fill:#fff}"
         ".frame{fill:none;stroke:#9ca3af}.grid{stroke:#9ca3af;stroke-opacity:.4}@media(prefers-color-scheme:dark)"
         "{text{fill:#d1d5db}.ground{fill:#111827}}")


@dataclasses.dataclass
class Panel:
    """One kind of change: for each detector its median delay at each size, infinite where fewer than half are found."""

    title: str
    unit: str
    sizes: list[float]
    delays: dict[str, list[float]]


def draw(panels: list[Panel]) -> str:
    """The picture as SVG."""
    width, height = LEFT + 2 * (WIDTH + GAP), TOP + 2 * (HEIGHT + GAP) + 70
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">'
             f'<title>Median delay by size of change</title><style>{STYLE}</style><rect class="ground" width="{width}" height="{height}"/>'
             '<text class="head" x="16" y="24">Median delay until a change is found, at equal false alarms</text>'
             f'<text class="small" x="16" y="40">events, or labels for labelled accuracy; on the top line: fewer than half found within {CHANGED}</text>']
    for number, panel in enumerate(panels):
        parts += draw_panel(panel, LEFT + number % 2 * (WIDTH + GAP), TOP + number // 2 * (HEIGHT + GAP))
    for number, name in enumerate(DETECTORS):
        x, y = LEFT + number % 3 * 235, height - 60 + number // 3 * 20
        parts.append(f'<text x="{x}" y="{y}" style="fill:{COLOURS[number]}">{MARKS[number]}</text><text x="{x + 18}" y="{y}">{name}</text>')
    return "".join(parts) + "</svg>\n"


def draw_panel(panel: Panel, left: int, top: int) -> list[str]:
    """One panel with its axes; delays on a logarithmic scale from 5 events."""
    def across(index: int) -> float:
        return left + 20 + index * (WIDTH - 40) / (len(panel.sizes) - 1)

    def down(delay: float) -> float:
        if math.isinf(delay):
            return top + 8
        return top + HEIGHT - (HEIGHT - 30) * math.log(max(delay, 5) / 5) / math.log(CHANGED / 5)

    parts = [f'<rect class="frame" x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}"/>',
             f'<text class="head" x="{left}" y="{top - 8}">{panel.title}</text>']
    for delay in (10, 30, 100, 300, 1000):
        parts.append(f'<line class="grid" x1="{left}" x2="{left + WIDTH}" y1="{down(delay):.0f}" y2="{down(delay):.0f}"/>'
                     f'<text class="small" text-anchor="end" x="{left - 5}" y="{down(delay) + 4:.0f}">{delay}</text>')
    for index, size in enumerate(panel.sizes):
        label = f"{size:g} sd" if panel.unit == "sd" else f"{100 * size:g} {'%' if '%' in panel.unit else ''}"
        parts.append(f'<text class="small" text-anchor="middle" x="{across(index):.0f}" y="{top + HEIGHT + 14}">{label.strip()}</text>')
    for name, delays in reversed(panel.delays.items()):
        number = DETECTORS.index(name)
        points = [(across(index), down(delay)) for index, delay in enumerate(delays) if not math.isnan(delay)]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[number]}" stroke-width="{3 if number == 0 else 1.5}"/>')
        parts += [f'<text class="small" text-anchor="middle" x="{x:.0f}" y="{y + 4:.0f}" style="fill:{COLOURS[number]}">{MARKS[number]}</text>'
                  for x, y in points]
    return parts
