"""The plot of growth, as an SVG file that is identical, byte for byte, for the same times.

It has a light background of its own, so that it can be read on a light page and on a dark one.
Lines differ in marker and stroke as well as in colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

__all__ = ["Panel", "draw"]

INK: Final = "#1f2328"
FAINT: Final = "#d0d7de"
STYLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "general-superstaq": {"color": "#b35900", "marker": "s", "linestyle": "--"},
    "superstaq_jobs": {"color": "#0550ae", "marker": "o", "linestyle": "-"},
    "orjson.loads": {"color": "#57606a", "marker": "^", "linestyle": ":"},
}
"""From the slowest down, in the order of the lines."""


@attrs.frozen(kw_only=True)
class Panel:
    """How the time depends on one size.

    Attributes:
        what: What the sizes count.
        sizes: The sizes.
        times: For each way of decoding, the seconds at each size.
    """

    what: str
    sizes: Sequence[int]
    times: Mapping[str, Sequence[float]]


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Write the plot."""
    # Imported after everything has been measured.
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings = {**mpl.rcParamsDefault, "svg.hashsalt": "growth", "svg.fonttype": "path"}
    settings.pop("backend", None)
    with mpl.rc_context(settings):
        figure = Figure(figsize=(9.6, 3.9), facecolor="white", layout="constrained")
        axes = figure.subplots(1, len(panels), sharey=True)
        for place, (axis, panel) in enumerate(zip(axes, panels, strict=True)):
            _draw_panel(axis, panel)
            if place == 0:
                axis.set_ylabel("time of one decode", color=INK, fontsize=11)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper center", ncols=4, frameon=False, labelcolor=INK
        )
        FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None, "Creator": None})


def _draw_panel(axis: Any, panel: Panel) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for way, style in STYLES.items():
        axis.loglog(panel.sizes, panel.times[way], label=way, markersize=5, linewidth=1.8, **style)
    first, last = panel.sizes[0], panel.sizes[-1]
    # Below all other lines, so that it crosses none.
    lowest = (
        min(
            min(times[at] / size for times in panel.times.values())
            for at, size in enumerate(panel.sizes)
        )
        / 2
    )
    axis.loglog(
        [last / 100, last],
        [lowest * last / 100, lowest * last],
        color="#8c959f",
        linewidth=1,
        label="in proportion (slope 1)",
        zorder=1,
    )
    axis.set_xlim(first / 1.5, last * 1.5)
    axis.set_xlabel(panel.what, color=INK, fontsize=11)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    axis.yaxis.set_major_locator(LogLocator(10, numticks=12))
    axis.yaxis.set_major_formatter(FuncFormatter(_time))
    for each in (axis.xaxis, axis.yaxis):
        each.set_minor_formatter(NullFormatter())
    axis.tick_params(colors=INK, which="both", labelsize=10)
    axis.grid(visible=True, which="major", color=FAINT, linewidth=0.7)
    for spine in axis.spines.values():
        spine.set_color(FAINT)


def _time(seconds: float, _place: object) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.999 * size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds / 1e-9:g} ns"
