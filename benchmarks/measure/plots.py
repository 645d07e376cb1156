"""Plots for documents: SVG with text as text, no background, and colours that are visible on white and on black."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
from cycler import cycler
from matplotlib import pyplot as plt

from tests.support.performance_page import ROOT

INK: Final = "#808080"
COLOURS: Final = ("#2f81f7", "#e0823d", "#3fa45b", "#c9519e", "#9a6dd7", "#b59b00", "#d9534f", "#2aa5a0", "#8c6d5a")
_STYLE: Final[Any] = {
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "todo-api",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.prop_cycle": cycler(color=COLOURS),
}


@contextmanager
def drawn(name: str, *, width: float, height: float, panels: int = 1) -> Iterator[Any]:
    """Yields the axes, a list of them if `panels` is more than one, then writes docs/`name`.svg."""
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(1, panels, figsize=(width, height), layout="constrained")
        yield axes
        # No date, so that the same figures give the same file.
        figure.savefig(ROOT / f"docs/{name}.svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close(figure)
