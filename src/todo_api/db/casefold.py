"""Text without its case, the same on every server: a database's own `lower()` depends on its locale."""

from typing import Final
from unicodedata import normalize

FOLDED_TITLE_CHARACTERS: Final = 600
"""At 4 bytes each this fits an index entry (2704 bytes, PostgreSQL). Only of a few characters does folding make more
than three, U+FDFA's eighteen above all: a title of those is sorted and searched by its beginning."""


def fold(text: str) -> str:
    """`text` for comparing: NFKC and case folding, so that ß is ss, ﬁ is fi and é is one character.

    All four letters i of Turkish become one: a search has no language, and İSTANBUL, istanbul and ISTANBUL are one
    place, as are ISPARTA and its own spelling in small letters, without a dot.
    """
    folded = normalize("NFKC", normalize("NFKC", text).casefold())
    return folded.replace("i\u0307", "i").replace("ı", "i")


def fold_title(title: str) -> str:
    return fold(title)[:FOLDED_TITLE_CHARACTERS]
