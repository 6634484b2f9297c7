"""Draws a sales report, light on light pages and dark on dark ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pygal
from pygal.style import Style

from .results import SalesRow

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

# For plugins of its own, pygal hooks into every import of the process, in a way that Python has dropped and warns of.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#5b6470",
    foreground_strong="#1d2430",
    foreground_subtle="#d9dee5",
    colors=("#4f63d9",),
    opacity=".9",
    opacity_hover="1",
    transition="0s",
    font_family=_FONT,
    label_font_size=13,
    major_label_font_size=13,
    title_font_size=17,
    value_font_size=12,
)
# The chart is shown as an image, whose media queries follow the page's scheme.
_SCHEMES = """inline:
.axis .line, .axis .guide.line, .axis .guides path { stroke: #d9dee5 !important; stroke-dasharray: none !important }
@media (prefers-color-scheme: dark) {
  .axis text, .title { fill: #c3cad5 !important }
  .axis .line, .axis .guide.line, .axis .guides path { stroke: #3a4250 !important }
  .reactive { fill: #8b9bff !important; stroke: #8b9bff !important }
}"""


def draw_sales(rows: Sequence[SalesRow], title: str) -> bytes:
    """Return an SVG picture with a bar for each row's revenue."""
    chart = pygal.HorizontalBar if max(map(_length, rows)) > 12 else pygal.Bar
    horizontal = chart is pygal.HorizontalBar
    picture = chart(
        width=960,
        height=max(420, 28 * len(rows) + 90) if horizontal else 420,
        style=_STYLE,
        css=["file://style.css", "file://graph.css", _SCHEMES],
        js=[],
        no_prefix=True,
        show_legend=False,
        print_values=False,
        title=title,
        margin=16,
        rounded_bars=3,
        truncate_label=-1,
        x_label_rotation=35 if not horizontal and len(rows) > 9 else 0,
        value_formatter=lambda value: f"€ {value:,.0f}",
    )
    shown = list(reversed(rows)) if horizontal else list(rows)
    picture.x_labels = [row.label for row in shown]
    picture.add("Revenue", [float(row.revenue) for row in shown])
    picture.add_xml_filter(_without_scripts)
    svg: bytes = picture.render()
    return svg


def _without_scripts(tree: Element) -> Element:
    for parent in list(tree.iter()):
        for child in list(parent):
            if str(child.tag).endswith("script"):
                parent.remove(child)
    return tree


def _length(row: SalesRow) -> int:
    return len(row.label)
