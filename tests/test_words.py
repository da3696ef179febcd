"""The house's English: phrases that docstrings, comments, messages and pages do not use."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WHERE = [ROOT / "superstaq_jobs", ROOT / "docs", ROOT / "benchmarks", ROOT / "README.md"]

INSTEAD = {
    r"\b(is|are) no(?! (longer|more|less)\b)\b": "must be X, got Y; is not a",
    r"\bis none of\b": "must be one of",
    r"\bwell or not\b|\b(is|are|was|were|be) over\b": "finished",
    r"\bc[ao]mes? to (its|an|their) end\b": "finishes",
    r"\blives here\b|\bkeeps? book\b|\bmend(ed|s|ing)?\b|\bgoes along\b|\bin hand\b": "plain words",
    (
        r"\b(a|the|no|one|each|every|any|last|first|next|this|another|two|single) looks?\b"
        r"(?! (up|like))|\blook(s|ed|ing)? at\b|\bto look\b(?! (up|for|like|closer)\b)"
    ): "poll",
    r"(?<!plain )(?<!help )\btexts?\b(?! (file|editor))(?![/_]|-align:)": "string, message",
    r"\banswer(s|ed|ing)?\b|\brepl(y|ies|ied)\b": "response, responds",
    r"\brepetitions?\b|\bsent again\b|\bsafe to repeat\b": "retry, retried",
    r"(?<!programming )\blanguages?\b": "format",
    r"\btold\b|\btells\b": "reports",
    r"\bask(s|ed|ing)? (the )?(server|service)\b|\bask(s|ed|ing)? about\b": "queries",
    r"\bthat nobody\b|\bnobody knows\b": "unknown",
    r"\bfor ever\b|\bso many\b|\bat the most\b": "forever; that many; at most",
}
"""Patterns, and what to write instead."""

CODE = re.compile(r"``[^`]*``|`[^`]*`|\{[^}]*\}|>>>.*|\]\([^)]*\)")


def prose_of_python(path):
    """Comments and the strings that have a space in them, line by line."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT or (
            token.type == tokenize.STRING and " " in token.string
        ):
            for offset, line in enumerate(token.string.split("\n")):
                yield token.start[0] + offset, line


def prose_of_markdown(path):
    """The lines outside fenced blocks."""
    fenced = False
    for number, line in enumerate(path.read_text().split("\n"), 1):
        if re.match(r"\s*(```|:::)", line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def files():
    for place in WHERE:
        paths = [place] if place.is_file() else sorted(place.rglob("*"))
        for path in paths:
            if path.suffix in {".py", ".pyi", ".md"} and "_build" not in path.parts:
                yield path


@pytest.fixture(scope="module")
def prose():
    """Every line of prose: where it is, the line, and the line without its code."""
    return [
        (f"{path.relative_to(ROOT)}:{number}", line.strip(), CODE.sub("CODE", line))
        for path in files()
        for number, line in (prose_of_markdown if path.suffix == ".md" else prose_of_python)(path)
    ]


@pytest.mark.parametrize("pattern", INSTEAD)
def test_a_phrase_is_not_used(pattern, prose):
    is_found = re.compile(pattern, re.IGNORECASE).search
    found = [f"{place}: {line}" for place, line, words in prose if is_found(words)]
    assert not found, f"write instead: {INSTEAD[pattern]}"


def test_a_name_in_a_docstring_is_between_two_backticks():
    """Between single ones it would be in italics, on the page that is built of it."""
    single = re.compile(r"(?<![`\w])`[^`\n]+`(?![`_])")
    found = [
        f"{path.relative_to(ROOT)}:{token.start[0]}: {single.findall(token.string)}"
        for path in (ROOT / "superstaq_jobs").rglob("*.py")
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type == tokenize.STRING and token.string.startswith('"""')
        if single.search(token.string)
    ]
    assert not found
