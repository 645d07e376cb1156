"""Reads the prose of the repository: Markdown, docstrings, comments, names of tests and the service's own texts."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
TREES: Final = ("src", "tests", "benchmarks", "migrations", "scripts", "docs", "deploy", "clients", ".ci")
FILES: Final = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", "Containerfile"),
    *("pyproject.toml", "pdm_build.py", ".env.example", ".dockerignore"),
)
_GENERATED: Final = {"node_modules", ".build", "__pycache__"}
_HASH_COMMENTS: Final = {"", ".toml", ".yaml", ".yml", ".env", ".sh", ".example"}
_SLASH_COMMENTS: Final = {".ts", ".mjs"}
_DIRECTIVE: Final = re.compile(r"#\s*(noqa|type:|fmt:|pragma|!)")
_CODE: Final = re.compile(r"```.*?```|`[^`]*`|<!--.*?-->|https?://\S+|\]\([^)]*\)", re.DOTALL)
_NEW_BLOCK: Final = re.compile(r"^\s*(?:#+|[-*]|\d+\.|\||>)\s+|\s*\|\s*|\n\s*\n", re.MULTILINE)


class Text(NamedTuple):
    """One run of prose, with the line of its file that it starts at. Its lines are those of the file."""

    line: int
    prose: str
    is_name: bool = False
    """True for the name of a test, with spaces for underscores."""


def files() -> Iterator[Path]:
    """Every file that may hold prose. Generated files are left out, types of TypeScript (`.d.ts`) among them."""
    for tree in TREES:
        for directory, directories, names in (ROOT / tree).walk():
            directories[:] = sorted(set(directories) - _GENERATED)
            yield from (directory / name for name in sorted(names) if not name.endswith(".d.ts"))
    yield from (ROOT / name for name in FILES)


def texts_of(path: Path) -> Iterator[Text]:
    """The prose of a file; nothing for a kind of file that has none."""
    if path.suffix == ".py":
        yield from _of_python(path)
    elif path.suffix == ".md":
        yield Text(1, without_code(path.read_text()))
    elif path.suffix in _HASH_COMMENTS:
        yield from _blocks(_hash_comments(path.read_text()))
    elif path.suffix in _SLASH_COMMENTS:
        yield from _blocks(_slash_comments(path.read_text()))


def without_code(text: str) -> str:
    """Code, comments and addresses of Markdown become dots of the same length, so that lines and columns stay."""
    return _CODE.sub(lambda code: re.sub(r"[^\n]", "·", code[0]), text)


def sentences(prose: str) -> Iterator[tuple[int, str]]:
    """Each sentence with its offset. Headings, list items and cells of tables are sentences of their own."""
    start = 0
    ends = re.finditer(rf"{_NEW_BLOCK.pattern}|(?<=[.?!])[\"')]?\s+|(?<=:)\s+(?=[A-Z])|\Z", prose, re.MULTILINE)
    for end in ends:
        if sentence := prose[start : end.start()].strip():
            yield start + prose[start:].index(sentence), sentence
        start = end.end()


def _of_python(path: Path) -> Iterator[Text]:
    source = path.read_text()
    comments = (
        (token.start[0], re.sub(r"^#+ ?", "", token.string))
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and not _DIRECTIVE.match(token.string)
    )
    yield from _blocks(comments)
    in_service = path.is_relative_to(ROOT / "src")
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        match node:
            case ast.Constant(value=str(prose)) if id(node) in docstrings or (in_service and " " in prose):
                yield Text(node.lineno, without_code(prose))
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test_"):
                yield Text(node.lineno, name.removeprefix("test_").replace("_", " "), is_name=True)


def _hash_comments(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), start=1):
        comment = re.search(r"(?:^|\s)#+(?!!) ?(.*)", line)
        if comment:
            yield number, comment[1]


def _slash_comments(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), start=1):
        comment = re.search(r"(?:^|\s)//+ ?(.*)|^\s*/?\*+ ?(.*)", line)
        if comment:
            yield number, comment[1] or comment[2] or ""


def _blocks(comments: Iterator[tuple[int, str]]) -> Iterator[Text]:
    """Comments on lines that follow each other, joined: a sentence may go over several."""
    first, lines = 0, list[str]()
    for number, comment in comments:
        if lines and number != first + len(lines):
            yield Text(first, without_code("\n".join(lines)))
            lines = []
        if not lines:
            first = number
        lines.append(comment)
    if lines:
        yield Text(first, without_code("\n".join(lines)))
