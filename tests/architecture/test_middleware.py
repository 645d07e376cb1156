"""The README's picture of a request is the list of middleware in `app.py`."""

import inspect
import re
from pathlib import Path
from typing import Any

from tests.support.routes import make_app
from todo_api.http.dispatch import DirectDispatch

ROOT = Path(__file__).parents[2]
EVERYTHING = {"METRICS_TOKEN": "x" * 32, "RATE_LIMIT": "50/100", "SERVER_TIMING": "true"}
"""The settings that turn on all optional middleware."""


def layers_of(**settings: str) -> list[Any]:
    """The ASGI middleware of an app, outermost first, without Litestar's router."""
    layers: list[Any] = []
    app = make_app(**settings)
    layer: Any = app.asgi_handler
    while layer is not app.asgi_router:
        layers.append(type(layer))
        layer = layer.app
    return layers


def picture(layers: list[type]) -> str:
    """One line for each layer: its name, and the file that it is in."""
    steps = [(layer.__name__, inspect.getfile(layer)) for layer in layers]
    return "\n".join(f"{name:<29} {Path(file).relative_to(ROOT / 'src/todo_api')}" for name, file in steps)


def test_the_picture_of_a_request_in_the_readme_is_the_list_in_app_py() -> None:
    section = (ROOT / "README.md").read_text().partition("\n## How it is made\n")[2].partition("\n## ")[0]
    drawn = re.search(r"```text\n(.*?)\n```", section, re.DOTALL)
    expected = picture([*layers_of(**EVERYTHING), DirectDispatch])
    assert drawn is not None
    assert drawn[1] == expected, f"Write this into the README:\n{expected}"


def test_optional_middleware_is_left_out() -> None:
    everything = {layer.__name__ for layer in layers_of(**EVERYTHING)}
    assert everything - {layer.__name__ for layer in layers_of()} == {
        "MetricsMiddleware",
        "AnonymousRateLimitMiddleware",
        "UserRateLimitMiddleware",
        "ServerTimingMiddleware",
    }
