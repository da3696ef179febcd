"""Targets and accounts in version 0.2.0, and the calls that are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import general_superstaq as gss
import pytest

from superstaq_jobs.emulator import DEFAULT_TARGETS, Emulator, User

TERMS = "You must accept the Terms of Use (superstaq.infleqtion.com/terms_of_use)."
FLAGS = [
    *("simulator", "supports_submit", "supports_submit_qubo", "supports_compile"),
    *("available", "retired", "accessible"),
]


@pytest.fixture
def server(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate()


@pytest.fixture
def get(send: Callable[..., Any]) -> Callable[..., Any]:
    return lambda server, path, **options: send(server, "GET", path, version="/v0.2.0", **options)


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("value", [True, False])
def test_each_filter_of_targets(server, post, flag: str, value: bool):
    names = post(server, "/targets", {flag: value, "options": "{}"}).json["superstaq_targets"]
    listed = [target for target in DEFAULT_TARGETS if flag == "retired" or not target.retired]
    assert names == {t.name: t.flags for t in listed if t.flags[flag] is value}


def test_retired_targets_are_listed_only_on_request(server, post):
    everything = post(server, "/targets", {}).json["superstaq_targets"]
    assert "emulated_line_qpu" in everything
    assert "emulated_retired_qpu" not in everything


@pytest.mark.parametrize("value", ["true", 1, None, []])
def test_a_filter_that_is_not_a_boolean_is_400(server, post, value):
    response = post(server, "/targets", {"simulator": value})
    if value is None:
        assert response.status == 200
    else:
        assert (response.status, list(response.json)) == (400, ["message"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"target": "emulated_line_qpu", "options": "{}"}, 200),
        ({"target": "emulated_line_qpu"}, 200),
        ({"target": "emulated_private_qpu", "options": "{}"}, 200),
        ({"target": "no_such_qpu", "options": "{}"}, 404),
        ({"target": "nowhere", "options": "{}"}, 400),
        ({"target": "emulated_line_qpu", "options": {}}, 400),
        ({}, 400),
    ],
)
def test_target_info(*, server, post, body: dict[str, Any], status: int):
    response = post(server, "/target_info", body)
    assert response.status == status
    if status == 200:
        info = response.json["target_info"]
        assert info["target"] == body["target"]
        assert info["num_qubits"] == 8
        assert "native_gate_set" in info
    else:
        assert list(response.json) == ["message"]


def test_balance_and_user(emulate, get):
    user = User(email="ada@example.com", name="Ada", balance=12.5)
    server = emulate(api_key={"ada-key": user})
    assert get(server, "/balance").json == {"balance": 12.5}
    (details,) = get(server, "/user_info").json.values()
    assert (details["name"], details["email"], details["token"]) == ("Ada", user.email, "ada-key")
    for query, found in [
        ("name=Ada", 1),
        ("name=Bob", 0),
        ("email=ada@example.com&name=Ada", 1),
        ("email=ada@example.com&name=Bob", 0),
        (f"id={details['user_id']}", 1),
        ("id=3", 0),
    ]:
        assert len(get(server, f"/user_info?{query}").json) == found, query


def test_terms_must_be_accepted(emulate, get, post):
    server = emulate(api_key={"k": User(terms_accepted=False)})
    assert (get(server, "/balance").status, get(server, "/balance").json) == (401, TERMS)
    for typed in ("NO", "yes", ""):
        refused = post(server, "/accept_terms_of_use", {"user_input": typed})
        assert (refused.status, refused.json) == (200, "The Terms of Use are not accepted.")
    accepted = post(server, "/accept_terms_of_use", {"user_input": "YES"})
    assert accepted.json == "Accepted. You can now continue using Superstaq."
    assert get(server, "/balance").status == 200
    assert post(server, "/accept_terms_of_use", {"user_input": True}).status == 400


def test_the_official_client_asks_for_the_terms(emulate, service, monkeypatch, capsys):
    server = emulate(api_key={"k": User(terms_accepted=False, balance=3.0)})
    monkeypatch.setattr("builtins.input", lambda *_: "yes")
    assert service(server).get_balance(pretty_output=False) == 3.0
    assert "Accepted" in capsys.readouterr().out


def test_an_email_must_be_validated(emulate, service):
    server = emulate(api_key={"k": User(email_validated=False)})
    with pytest.raises(gss.SuperstaqServerException, match="validate your registered email"):
        service(server).get_balance()


def test_files_of_aqt_are_kept_for_each_user(emulate, get, post):
    server = emulate(api_key={"a": User(email="a@example.com"), "b": User(email="b@example.com")})
    empty = {"pulses": "", "variables": ""}
    assert get(server, "/get_aqt_configs", key="a").json == empty
    files = {"pulses": "a: 1", "variables": "b: 2"}
    assert post(server, "/aqt_configs", files, key="a").status == 200
    assert get(server, "/get_aqt_configs", key="a").json == files
    assert get(server, "/get_aqt_configs", key="b").json == empty
    assert post(server, "/aqt_configs", {"pulses": 3}).status == 400


@pytest.mark.parametrize("path", ["/aces", "/aces_fetch", "/dfe_post", "/dfe_fetch"])
def test_what_the_service_has_disabled(server, post, path: str):
    response = post(server, path, {})
    assert response.status == 400
    assert "disabled" in response.json["message"]


@pytest.mark.parametrize(
    "path", ["/qubo", "/supercheq", "/cb_submit", "/cb_fetch", "/atom_picture", "/add_new_user"]
)
def test_what_the_emulator_does_not_have(server, post, path: str):
    response = post(server, path, {})
    assert response.status == 501
    assert path in response.json["message"]
