"""Plain words: refuses the phrases that readers stumbled over, in all prose of the repository.

Code in backticks or fences is not read. Of strings, only those of the service are read: its users see them.
"""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.architecture.prose import ROOT, Text, files, sentences, texts_of, without_code

PHRASES: Final = {
    r"(?<!there\s)is no (?!longer\b|more\b|less\b|fewer\b)": '"is not a …" or "has no …"',
    r"\bbut for\b": '"except", or name the exception in a sentence of its own',
    r"\bwhoever\b": '"everybody who", or the role: the client, the operator',
    r"\bknock(s|ed|ing)?\b": '"tries to connect"',
    r"\bby then\b": '"before that", or the time',
    r"\blast words?\b": '"the last result", "the last message"',
    r"\bmend(s|ed|ing)?\b": '"repair", "fix"',
    r"\bheard (of|from)\b": '"known", or the event that was received',
    r"\bin vain\b": '"without an answer", "is refused"',
    r"\bcondemn(s|ed|ing)?\b": '"close", "mark as broken"',
    r"\blives (in|on|at|as|here|there|outside|inside|beside|behind|below|under|longer|until|for)\b": (
        '"is in", "is kept", "is open"'
    ),
    r"\bconnections?\b[^.]{0,60}\b(is|are|was|were|be|been) asked\b": '"is tested", "a test query is sent"',
    r"\blets? (us|them|him|anybody|nobody|somebody) (in|past|through)\b": '"accepts", "can connect", "can reach"',
}
"""Regular expression, without regard to case → what to write instead."""

_INDIRECT: Final = re.compile(r"(What|Whatever|Who|One that|One who)\b")
_DIRECT: Final = "a subject, a verb, an object: begin with the thing or the person"

BAD: Final = [
    "This is no cursor of the list.",
    "Closes all but\n    for the newest.",
    "It answers whoever asks.",
    "Clients knock again.",
    "All are closed by then.",
    "Readiness repeats the last word of the database.",
    "Formats, and mends what it can.",
    "A version that it never heard of.",
    "They connect in vain.",
    "The first silence condemns the others.",
    "A connection lives for an hour.",
    "A connection that was quiet is asked first.",
    "It lets nobody past.",
    "Reads the page. What follows is left out.",
    "Who waits asks again.",
    "- One that waits is first.",
    "| route | What it answers |",
    "## Who gets what",
]


def refusals(text: Text) -> Iterator[tuple[int, str]]:
    """Line and reason of each phrase in `text` that readers stumble over."""
    for phrase, instead in PHRASES.items():
        for match in re.finditer(phrase.replace(" ", r"\s+"), text.prose, re.IGNORECASE):
            yield text.line + text.prose.count("\n", 0, match.start()), f"“{' '.join(match[0].split())}”: {instead}"
    for offset, sentence in sentences(text.prose):
        start = _INDIRECT.match(sentence[:1].upper() + sentence[1:] if text.is_name else sentence)
        if start and not sentence.endswith("?"):
            yield text.line + text.prose.count("\n", 0, offset), f"a sentence that begins with “{start[0]}”: {_DIRECT}"


def test_no_text_has_a_refused_phrase() -> None:
    refused = sorted(
        (path.relative_to(ROOT).as_posix(), line, reason)
        for path in files()
        for text in texts_of(path)
        for line, reason in refusals(text)
    )
    assert not refused, "\n" + "\n".join(f"{path}:{line}: {reason}" for path, line, reason in refused)


@pytest.mark.parametrize("prose", BAD)
def test_a_bad_sentence_is_refused(prose: str) -> None:
    assert len(list(refusals(Text(1, prose)))) == 1


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_has_a_bad_sentence(phrase: str) -> None:
    assert any(re.search(phrase.replace(" ", r"\s+"), prose, re.IGNORECASE) for prose in BAD)


@pytest.mark.parametrize(
    "prose",
    [
        "There is no Python here. It is no longer than 80 lines.",
        "What is in the way?",
        "Tell the operator what is missing.",
        "The commandment of amendments.",
        "Write `is no `, `whoever` and `What follows.` in code only.",
        "```text\nWhat follows is no prose.\n```",
    ],
)
def test_a_plain_sentence_is_let_through(prose: str) -> None:
    assert list(refusals(Text(1, without_code(prose)))) == []


def test_a_name_of_a_test_is_a_sentence_too() -> None:
    assert len(list(refusals(Text(1, "what is refused costs nothing", is_name=True)))) == 1


def test_a_line_is_counted_from_the_start_of_its_text() -> None:
    assert [line for line, _ in refusals(Text(10, "Fine.\nFine.\nThis is\nno list."))] == [12]


def test_every_kind_of_text_is_read() -> None:
    read = {path.relative_to(ROOT).parts[0]: 0 for path in files()}
    for path in files():
        read[path.relative_to(ROOT).parts[0]] += sum(1 for _ in texts_of(path))
    assert min(read.values()) > 0, read
    assert read["src"] > 500
