"""Requests and responses as values; secrets; Retry-After."""

from __future__ import annotations

import copy
import datetime as dt
import email.utils
import pickle
import traceback
import urllib.parse

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs.errors import InvalidRequest
from superstaq_jobs.wire.request import (
    Request,
    Response,
    Secret,
    encode_query,
    header_value_problem,
    retry_after_seconds,
)

KEY = "hunter2-is-the-key"
NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def request(**fields):
    given_fields = {
        "method": "GET",
        "path": "/v0.3.0/client/job/qasm?job_id=1",
        "headers": [("Authorization", Secret(KEY)), ("X-Client-Name", "tests")],
    }
    return Request(**(given_fields | fields))


# ---- secrets -----------------------------------------------------------------------------------


def test_a_secret_shows_in_nothing_that_is_printed():
    secret = Secret(KEY)
    value = request(body=KEY.encode())
    shown = [
        repr(secret), str(secret), f"{secret}", f"{secret!s:>40}", repr([secret]),
        repr(value), str(value), value.label, str(attrs.asdict(request())),
        str(attrs.astuple(request())), repr({secret: 1}),
    ]  # fmt: skip
    for text in shown:
        assert KEY not in text
    assert secret.reveal() == KEY


def test_a_secret_is_not_pickled_and_does_not_show_in_the_error():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for value in (Secret(KEY), request()):
            with pytest.raises(TypeError, match="cannot be pickled") as caught:
                pickle.dumps(value, protocol)
            assert KEY not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.deepcopy(Secret(KEY))


def test_secrets_are_equal_if_their_strings_are():
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret("other")
    assert Secret(KEY) != KEY
    assert hash(Secret(KEY)) == hash(Secret(KEY))
    assert request() == request()
    assert request() != request(headers=[("Authorization", Secret("other"))])
    assert not hasattr(Secret(KEY), "__dict__")


@pytest.mark.parametrize("bad", [f"{KEY}\r\nX-Evil: 1", f" {KEY}", f"{KEY}\x00", f"{KEY}é"])
def test_a_secret_that_cannot_be_a_header_is_refused_without_showing_it(bad):
    with pytest.raises(InvalidRequest, match="header 'Authorization'") as caught:
        request(headers=[("Authorization", Secret(bad))])
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value.problems)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("x", ""),
        (Secret(KEY), ""),
        (3, "must be a string, got int"),
        (Secret(None), "must be a string, got NoneType"),
        ("a\nb", "must have only printable ASCII characters, and no line break"),
        (Secret("é"), "must have only printable ASCII characters, and no line break"),
        ("x ", "must not begin or end with a space (perhaps it was copied with it)"),
    ],
)
def test_the_one_rule_for_the_value_of_a_header(value, problem):
    assert header_value_problem(value) == problem


# ---- requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Evil\r\nHost", "x"),
        ("", "x"),
        ("X Y", "x"),
        ("X:", "x"),
        ("Ü", "x"),
        ("X", "a\r\nHost: evil"),
        ("X", "a\nb"),
        ("X", "a\x7f"),
        ("X", "é"),
        ("X", " a"),
        ("X", "a "),
    ],
)
def test_headers_that_http_does_not_allow_are_refused(name, value):
    with pytest.raises(InvalidRequest, match="header"):
        request(headers=[("Accept", "x"), (name, value)])


def test_every_wrong_header_is_named():
    with pytest.raises(InvalidRequest) as caught:
        request(headers=[("A b", "x"), ("C", "\n"), ("D", "ok")])
    assert [problem.where for problem in caught.value.problems] == ["header 'A b'", "header 'C'"]


@pytest.mark.parametrize(
    "path",
    ["", "job", "http://evil.example.com/", "/a b", "/a\r\nHost: evil", "/a\x00", "/é", "/\t"],
)
def test_paths_that_are_not_encoded_are_refused(path):
    with pytest.raises(InvalidRequest, match="path"):
        request(path=path)


@pytest.mark.parametrize("method", ["", "GET /evil", "GET\r\nHost:", "GÉT"])
def test_methods_that_http_does_not_allow_are_refused(method):
    with pytest.raises(InvalidRequest, match="method"):
        request(method=method)


@given(st.text() | st.from_regex(r"/[ -~]*", fullmatch=True))
def test_a_request_line_is_one_line(path):
    try:
        value = request(path=path)
    except InvalidRequest:
        return
    line = f"{value.method} {value.path} HTTP/1.1"
    assert line.split(" ") == ["GET", path, "HTTP/1.1"]
    assert line.splitlines() == [line]
    assert value.request_line_bytes == len(line.encode()) + 2


def test_a_label_has_no_query():
    assert request().label == "GET /v0.3.0/client/job/qasm"
    assert request(path="/").label == "GET /"


def test_a_body_is_shown_by_its_length():
    assert "<3 bytes>" in repr(request(body=b"abc"))
    assert "body=None" in repr(request())
    assert "<3 bytes>" in repr(Response(status=200, body=b"abc"))


# ---- responses --------------------------------------------------------------------------------


def test_headers_of_a_response_are_found_in_any_case():
    response = Response(status=503, headers=[("Retry-After", "3"), ("retry-after", "9")])
    assert response.header("RETRY-AFTER") == "3"
    assert response.header("X-Other") is None
    assert response.headers == (("retry-after", "3"), ("retry-after", "9"))


@pytest.mark.parametrize("value", [None, 3, b"3", Secret("3")])
def test_a_response_whose_headers_are_not_strings_is_refused_without_showing_them(value):
    with pytest.raises(InvalidRequest) as caught:
        Response(status=503, headers=[("", value), ("Retry-After", value), ("Date", "3")])
    assert [problem.where for problem in caught.value.problems] == [
        "header ''",
        "header 'Retry-After'",
    ]
    assert "3" not in str(caught.value)


# ---- queries -----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.text("abc_", min_size=1), st.text()), max_size=4))
def test_a_query_is_read_back_as_it_was_and_fits_into_a_path(pairs):
    try:
        text = encode_query(pairs)
    except UnicodeEncodeError:
        assert any(not value.isascii() for _, value in pairs)
        return
    assert request(path=f"/{text}").label == "GET /"
    assert urllib.parse.parse_qsl(text.removeprefix("?"), keep_blank_values=True) == pairs
    assert text.startswith("?") is bool(pairs)


# ---- Retry-After -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 14:00:30 +0200", 30.0),
        ("Thu, 01 Jan 2026 04:00:30 PST", 30.0),
        ("Thu, 01 Jan 2026 12:00:30 -0000", 30.0),
        ("Thursday, 01-Jan-26 12:00:30 GMT", 30.0),
        ("Thu Jan  1 12:00:30 2026", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 251_635_031_999.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("1e3", None),
        ("Thu, 99 Jan 2026 12:00:30 GMT", None),
        ("Thu, 01 Jan 2026 12:00:30 +9999", None),
        ("0001", 1.0),
    ],
)
def test_retry_after(value, seconds):
    assert retry_after_seconds(value, now=NOW) == seconds


@given(st.integers(0, 10**9), st.integers(-14 * 60, 14 * 60))
def test_a_date_in_any_zone_is_the_same_moment(seconds, minutes):
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    header = email.utils.format_datetime((NOW + dt.timedelta(seconds=seconds)).astimezone(zone))
    assert retry_after_seconds(header, now=NOW) == seconds


@given(st.text() | st.text("0123456789 :,GMTJanFri+-", max_size=40))
def test_any_header_gives_seconds_or_nothing(value):
    seconds = retry_after_seconds(value, now=NOW)
    assert seconds is None or seconds >= 0


def test_a_number_of_any_length_is_a_number_of_seconds():
    assert retry_after_seconds("9" * 5000, now=NOW) == pytest.approx(1e18)


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "Transfer-Encoding"])
def test_a_request_cannot_state_its_own_framing(name):
    with pytest.raises(InvalidRequest, match="must be left to the transport"):
        Request(method="POST", path="/", headers=((name, "5"),), body=b"hello")


def test_headers_that_were_checked_are_used_as_they_are():
    first = Request(method="GET", path="/a", headers=[("A", "b")])
    second = Request(method="GET", path="/b", headers=first.headers)
    assert second.headers is first.headers
    assert second.headers == (("A", "b"),)
