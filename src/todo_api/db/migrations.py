"""Where the migrations are, and Alembic's configuration for them."""

from pathlib import Path
from typing import Final

from alembic.config import Config

_PACKAGE: Final = Path(__file__).parents[1]


def alembic_config(url: str) -> Config:
    """For `alembic.command.*`. From a checkout the migrations are the repository's, else the wheel's own copy."""
    in_checkout = _PACKAGE.parents[1] / "migrations"
    directory = in_checkout if in_checkout.is_dir() else _PACKAGE / "migrations"
    config = Config()
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    config.attributes["url"] = url
    return config
