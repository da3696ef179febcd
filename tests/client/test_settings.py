"""Where the key and the host are found, with the official client's own lookup as the judge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from general_superstaq import superstaq_client as official
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs import ApiKeyNotFound, ConfigurationError, Secret, SuperstaqWarning
from superstaq_jobs.client.settings import (
    find_origin,
    locate_api_key,
    provider_credentials,
    token_secret,
)

DEFAULT = "https://default.example.com"
PLACES = [
    (".local/share/super.tech", "superstaq_api_key"),
    (".local/share/super.tech", "superstaq-api-key"),
    (".local/share/coldquanta", "superstaq_api_key"),
    (".local/share/coldquanta", "superstaq-api-key"),
    (".super.tech", "superstaq_api_key"),
    (".super.tech", "superstaq-api-key"),
    (".coldquanta", "superstaq_api_key"),
    (".coldquanta", "superstaq-api-key"),
]


def put(home: Path, folder: str, name: str, text: str) -> Path:
    path = home / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def found(home: Path, given: str | None = None, **environ: str) -> str:
    hidden = Secret(given) if given else None
    return locate_api_key(hidden, environ=environ.get, home=home)[0].reveal()


@pytest.mark.parametrize("first", range(len(PLACES)))
def test_the_first_key_file_that_exists_is_used_as_by_the_official_client(
    first, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SUPERSTAQ_API_KEY", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for place, (folder, name) in enumerate(PLACES[first:], start=first):
        put(tmp_path, folder, name, f"key-{place}\nsecond line\n")
    assert found(tmp_path) == official.find_api_key() == f"key-{first}"


def test_the_data_directory_of_the_environment_is_searched(tmp_path, monkeypatch):
    data = tmp_path / "data"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SUPERSTAQ_API_KEY", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    put(tmp_path, ".local/share/super.tech", "superstaq_api_key", "not this")
    put(data, "coldquanta", "superstaq-api-key", "  this  ")
    assert found(tmp_path, XDG_DATA_HOME=str(data)) == official.find_api_key() == "this"


def test_the_argument_comes_before_the_environment_and_that_before_the_files(tmp_path):
    put(tmp_path, ".super.tech", "superstaq_api_key", "file")
    assert found(tmp_path, "argument", SUPERSTAQ_API_KEY="environment") == "argument"
    assert found(tmp_path, None, SUPERSTAQ_API_KEY="environment") == "environment"
    assert found(tmp_path, "", SUPERSTAQ_API_KEY="") == "file"


def test_an_error_lists_every_place_that_was_searched_in_order(tmp_path):
    put(tmp_path, ".super.tech", "superstaq_api_key", "\n")
    with pytest.raises(ApiKeyNotFound) as caught:
        found(tmp_path)
    looked_in = caught.value.looked_in
    assert looked_in[:2] == (
        "the argument api_key",
        "the environment variable SUPERSTAQ_API_KEY",
    )
    paths = [str(tmp_path / folder / name) for folder, name in PLACES]
    assert [place.split(" (")[0] for place in looked_in[2:]] == paths
    assert looked_in[2 + 4].endswith("(its first line is empty)")
    assert all(place in str(caught.value) for place in looked_in)


def test_a_key_file_that_cannot_be_read_is_named_and_passed_over(tmp_path):
    loop = tmp_path / ".super.tech" / "superstaq_api_key"
    loop.parent.mkdir()
    loop.symlink_to(loop)
    (tmp_path / ".coldquanta").write_text("a file where a folder should be")
    (tmp_path / ".local/share/super.tech/superstaq_api_key").mkdir(parents=True)
    with pytest.raises(ApiKeyNotFound) as caught:
        found(tmp_path)
    assert any("cannot be read" in place for place in caught.value.looked_in)


@pytest.mark.parametrize("bad", ["key\n", " key", "k\x00y", "k\r\nX-Evil: 1", "clé"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(bad, tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        found(tmp_path, bad)
    assert bad not in str(caught.value)
    assert "api_key" in str(caught.value)


@pytest.mark.parametrize(
    ("given_host", "origin"),
    [
        ("https://host.example.com", "https://host.example.com"),
        ("HTTPS://Host.Example.com:444/", "https://host.example.com:444"),
        ("https://b\u00fccher.example.com:443", "https://xn--bcher-kva.example.com"),
    ],
)
def test_the_origin_of_a_host(given_host, origin):
    assert find_origin(given_host, environ={}.get, default=DEFAULT) == origin


@pytest.mark.parametrize(
    ("given_host", "origin"),
    [
        ("https://host.example.com/some/path?x=1", "https://host.example.com"),
        ("https://host.example.com?x=1", "https://host.example.com"),
        ("http://127.0.0.1:8080/v0.3.0", "http://127.0.0.1:8080"),
        ("http://[::1]:80/x", "http://[::1]"),
    ],
)
def test_what_follows_the_authority_is_dropped_with_a_warning(given_host, origin):
    with pytest.warns(SuperstaqWarning, match=re.escape(f"only {origin} of remote_host is used")):
        assert find_origin(given_host, environ={}.get, default=DEFAULT) == origin


def test_the_argument_comes_before_the_environment_and_that_before_the_default():
    environ = {"SUPERSTAQ_REMOTE_HOST": "https://environment.example.com"}
    asked = [
        find_origin("https://given.example.com", environ=environ.get, default=DEFAULT),
        find_origin(None, environ=environ.get, default=DEFAULT),
        find_origin(None, environ={"SUPERSTAQ_REMOTE_HOST": ""}.get, default=DEFAULT),
    ]
    assert asked == ["https://given.example.com", "https://environment.example.com", DEFAULT]


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("superstaq.example.com", "Did you mean 'https://superstaq.example.com'?"),
        ("localhost:8080", "Did you mean 'http://localhost:8080'?"),
        ("ftp://host.example.com", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https://:80", "does not name a host"),
        ("https://host:port", "is not a valid address"),
        ("https://user:password@host:port", "is not a valid address"),
        ("https://user:password@host.example.com", "user name or password"),
    ],
)
def test_a_host_that_is_not_a_url_is_refused(host, shown):
    with pytest.raises(ConfigurationError, match="remote_host") as caught:
        find_origin(host, environ={}.get, default=DEFAULT)
    assert shown in str(caught.value)
    assert "password@" not in str(caught.value)


@given(st.text(max_size=30))
def test_no_host_crashes_the_lookup(host):
    try:
        origin = find_origin(host, environ={}.get, default=DEFAULT)
    except ConfigurationError:
        return
    assert origin.startswith(("http://", "https://"))


def test_provider_credentials_become_headers_of_the_official_names():
    pairs = provider_credentials(
        ibmq_token=Secret("t1"),
        ibmq_instance="i",
        ibmq_channel="ibm_cloud",
        cq_token=token_secret({"access_token": "t2"}),
    )
    client = official._SuperstaqClientV3
    theirs = client._extract_credentials(
        {
            "ibmq_token": "t1",
            "ibmq_instance": "i",
            "ibmq_channel": "ibm_cloud",
            "cq_token": {"access_token": "t2"},
        }
    )
    assert {name: value.reveal() for name, value in pairs} == theirs


def test_credentials_that_are_not_given_are_not_sent():
    none = {"ibmq_token": None, "ibmq_instance": None, "ibmq_channel": None}
    assert provider_credentials(**none, cq_token=None) == ()
    ((name, value),) = provider_credentials(**none, cq_token=Secret("text"))
    assert (name, value.reveal()) == ("cq_token", "text")


def test_a_channel_that_ibm_shut_down_is_refused():
    with pytest.raises(ConfigurationError, match="ibm_quantum_platform"):
        provider_credentials(
            ibmq_token=None, ibmq_instance=None, ibmq_channel="ibm_quantum", cq_token=None
        )
