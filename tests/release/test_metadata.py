"""What an index and a reader of the sdist see: README, metadata, versions. Nothing is built."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import superstaq_jobs as sj

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
LINK = re.compile(r"\]\(([^)\s]+)|<(?:img|a)\b[^>]*(?:src|href)=[\"']([^\"']+)")
FILE = re.compile(r"`([\w./-]+\.(?:md|py|cff|toml)|docs/)`")


def test_no_link_of_the_readme_is_relative():
    links = [first or second for first, second in LINK.findall(README)]
    assert links
    assert [link for link in links if not link.startswith("https://")] == []


def test_what_the_readme_names_is_in_the_sdist():
    named = {*FILE.findall(README)} - {"use.py", "test_bell.py"}  # which the reader writes
    assert named >= {"docs/study.md", "CONTRIBUTING.md", "SECURITY.md"}
    included = tuple(PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    for name in [*named, "dev.py"]:
        assert (ROOT / name).exists(), name
        assert name.startswith(included), name


@pytest.mark.parametrize("page", ["README.md", "docs/install.md"])
def test_to_install_from_a_clone_comes_first(page):
    text = (ROOT / page).read_text()
    commands = re.findall(r"pip install (?:-e )?'?([\w.-]+)", text)
    assert commands[0] == "."
    assert not any(each.strip("'\"").startswith("superstaq") for each in commands)


def test_the_metadata_are_complete():
    for name in ("description", "readme", "license", "authors", "keywords", "urls", "classifiers"):
        assert PROJECT[name]
    for name in PROJECT["license-files"]:
        assert (ROOT / name).is_file()
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert (Path(sj.__file__).parent / "py.typed").is_file()
    versions = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c}
    install = (ROOT / "docs" / "install.md").read_text()
    assert [version for version in versions if version not in install] == []


def test_the_citation_is_of_this_version():
    cited = (ROOT / "CITATION.cff").read_text()
    assert f"version: {sj.__version__}\n" in cited
    assert PROJECT["description"] in cited
    assert PROJECT["license"] in cited


def test_every_extra_is_in_the_pages_about_installing():
    extras = PROJECT["optional-dependencies"]
    for page in ("README.md", "docs/install.md"):
        text = (ROOT / page).read_text()
        assert [name for name in extras if name not in text] == []
