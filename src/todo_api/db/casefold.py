"""Case folding in Python, so that it is the same on every server: PostgreSQL's `lower()` depends on the locale."""

from typing import Final
from unicodedata import normalize

FOLDED_TITLE_CHARACTERS: Final = 600
"""At 4 bytes each they fit into an index entry of PostgreSQL (2704 bytes). Folding makes more than three characters of
one for a few characters only (18 for U+FDFA). A title of such characters is sorted and searched by its beginning."""


def fold(text: str) -> str:
    """Returns `text` for comparisons: NFKC and case folding, so ß becomes ss, ﬁ becomes fi and é is one character.

    The four letters i of Turkish become one, because a search has no language: İSTANBUL, istanbul and ISTANBUL are the
    same place, and so are ISPARTA and its Turkish spelling in small letters, without a dot.
    """
    folded = normalize("NFKC", normalize("NFKC", text).casefold())
    return folded.replace("i\u0307", "i").replace("ı", "i")


def fold_title(title: str) -> str:
    """Returns `title`, folded and cut to `FOLDED_TITLE_CHARACTERS`."""
    return fold(title)[:FOLDED_TITLE_CHARACTERS]
