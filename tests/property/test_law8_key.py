"""Law 8: the key is in exactly one header of a request and in nothing that can be printed, logged,
pickled or stored."""

from __future__ import annotations

import base64
import contextlib
import copy
import html
import io
import json
import logging
import pickle
import quopri
import re
import traceback
import urllib.parse
import warnings

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import circuit
from worlds import HOST, JOB, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response

KEY = "canary-key-5e1f"
TOKENS = {"ibmq_token": "canary-ibm-77aa", "cq_token": "canary-cq-90bd"}
BRACE = {"ibmq_token": "canary-ibm-77aa", "cq_token": "{canary-cq-90bd"}
NESTED = {"ibmq_token": 'canary-"ibm"\\77aa', "cq_token": {"access": "canary-cq-90bd"}}
SECRETS = (KEY, *TOKENS.values())
NEW_JOB = sj.NewJob(target="ss_unconstrained_simulator", circuits="OPENQASM 2.0;", shots=1)

CALLS = {
    "fetch_job": lambda client: sj.fetch_job(client, JOB),
    "query_jobs": lambda client: sj.query_jobs(client, sj.JobQuery(tags=["t"])),
    "submit_job": lambda client: sj.submit_job(client, NEW_JOB),
    "cancel_jobs": lambda client: sj.cancel_jobs(client, [JOB]),
    "fetch_targets": sj.fetch_targets,
    "fetch_target_info": lambda client: sj.fetch_target_info(client, "ibmq_fez_qpu"),
    "fetch_balance": sj.fetch_balance,
    "wait": lambda client: sj.JobHandle(client, JOB).wait_until_complete(timeout_seconds=9),
    "cancel": lambda client: sj.JobHandle(client, JOB).cancel(),
}


OLD_NEW_JOB = attrs.evolve(NEW_JOB, circuits="{}", circuit_type="cirq", shots=10)
OLD_CALLS = {
    "fetch_job": lambda client: sj.fetch_job(client, "a,b"),
    "submit_job": lambda client: sj.submit_job(client, OLD_NEW_JOB),
    "cancel_jobs": lambda client: sj.cancel_jobs(client, ["a,b"]),
    "fetch_targets": sj.fetch_targets,
    "fetch_target_info": lambda client: sj.fetch_target_info(client, "ibmq_fez_qpu"),
    "fetch_balance": sj.fetch_balance,
    "wait": lambda client: sj.JobHandle(client, "a,b").wait_until_complete(timeout_seconds=9),
    "cancel": lambda client: sj.JobHandle(client, "a,b").cancel(0),
}


def echo(request: sj.Request) -> bytes:
    """A body in which a server hands back what it was sent, secrets and all."""
    sent = [v.reveal() if isinstance(v, sj.Secret) else v for _, v in request.headers]
    return " ".join(sent).encode() + b" " + (request.body or b"")


ANSWERS = {
    "good jobs": lambda _: jobs_response(job("running", "completed")),
    "good circuits": lambda _: json_response({"a": circuit("Running"), "b": circuit("Done")}),
    "echo of the options": lambda r: json_response(
        {"message": json.loads(r.body or b"{}").get("options", "")}, status=400
    ),
    "echo of a token": lambda r: json_response(
        {
            "warnings": [
                {"message": str(json.loads(json.loads(r.body or b"{}").get("options", "{}")))}
            ]
        }
    ),
    "echo as an error": lambda r: sj.Response(status=400, body=echo(r)),
    "echo as json": lambda r: json_response({"message": echo(r).decode()}, status=401),
    "echo as a page": lambda r: sj.Response(status=200, body=b"<html>" + echo(r)),
    "echo as an id": lambda r: json_response({"job_ids": [echo(r).decode()]}),
    "echo as jobs": lambda r: json_response({echo(r).decode(): {}}),
    "echo as a warning": lambda r: json_response({"warnings": [{"message": echo(r).decode()}]}),
    "busy": lambda _: json_response("busy", status=503),
    "echo as a redirect": lambda r: sj.Response(
        status=307, headers=[("Location", f"https://evil.example/{echo(r).decode()}")]
    ),
    "redirect": lambda _: sj.Response(status=302, headers=[("Location", "https://evil.example/")]),
}
FAULTS = [
    sj.TransportError("reset", sent=True),
    sj.TransportError("refused", sent=False),
    sj.RequestTimeout("late", sent=True),
    sj.TlsError("untrusted", sent=False),
    sj.AnswerTooLarge("large", sent=True),
    sj.ProtocolError("no HTTP"),
]


def told(error: BaseException) -> str:
    """All that a person, a log or a debugger could show of an error."""
    parts = [
        "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    ]
    while error is not None:
        parts += [str(error), repr(error), repr(error.args), repr(vars(error))]
        with contextlib.suppress(Exception):
            parts.append(repr(pickle.dumps(error)))
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


def fragments(secret):
    """A secret as text may contain it: itself, or the strings inside it, perhaps escaped."""
    texts = [*secret.values()] if isinstance(secret, dict) else [secret]
    once = [json.dumps(text)[1:-1] for text in texts]
    return {*texts, *once, *(json.dumps(text)[1:-1] for text in once)}


def course(call, script, connect):
    """What a call shows of itself, and the requests that it sent.

    ``connect`` makes the client; no local of a frame here holds a secret, since those are shown.
    """
    requests: list[sj.Request] = []

    def answer(request):
        requests.append(request)
        step = script[min(len(requests), len(script)) - 1]
        if isinstance(step, Exception):
            raise copy.copy(step)
        return step(request)

    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logger = logging.getLogger("superstaq_jobs")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    client = connect(ScriptedTransport.from_function(answer))
    shown = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(client)
            shown += [repr(result), repr(pickle.dumps(result))]
        except sj.SuperstaqException as error:
            shown.append(told(error))
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
    shown += [str(warning.message) for warning in caught]
    shown += [log.getvalue(), repr(client), str(client), repr(requests), repr(client.api)]
    return shown, requests


def connector(**options):
    return lambda transport: sj.SuperstaqClient(
        KEY, HOST, transport=transport, clock=FakeClock(), **options
    )


SCRIPTS = st.lists(st.sampled_from([*ANSWERS.values(), *FAULTS]), min_size=1, max_size=4)


@settings(deadline=None)
@given(call=st.sampled_from(sorted(CALLS)), script=SCRIPTS)
def test_no_error_log_or_request_shows_a_secret(call, script):
    shown, requests = course(CALLS[call], script, connector(**TOKENS))
    shown += [repr(attrs.asdict(request)) for request in requests]
    for request in requests:
        shown += [request.path, repr(request.body)]
        for secret in SECRETS:
            holders = [n for n, v in request.headers if v == sj.Secret(secret)]
            assert len(holders) == 1
    for secret in SECRETS:
        assert not [text for text in shown if secret in text]


@settings(deadline=None)
@given(
    call=st.sampled_from(sorted(OLD_CALLS)),
    script=SCRIPTS,
    tokens=st.sampled_from([TOKENS, NESTED, BRACE]),
)
def test_of_v0_2_0_the_tokens_are_in_the_options_and_nowhere_else(call, script, tokens):
    shown, requests = course(OLD_CALLS[call], script, connector(api_version="v0.2.0", **tokens))
    for request in requests:
        assert [n for n, v in request.headers if v == sj.Secret(KEY)] == ["Authorization"]
        data = json.loads(request.body or b"{}")
        sent = json.loads(data.pop("options", "{}"))
        assert tokens.items() <= sent.items() or request.method == "GET"
        shown += [request.path, repr(request.headers), json.dumps(data)]
    for secret in (KEY, *tokens.values()):
        for fragment in fragments(secret):
            for text in shown:
                at = text.find(fragment)
                assert at < 0, text[max(0, at - 300) : at + 60]


def utf16(character):
    data = character.encode("utf-16-be")
    return [data[i : i + 2].hex() for i in range(0, len(data), 2)]


def quoted(text):
    return json.dumps(text)[1:-1]


def escaped(text, write="\\u{}".format):
    return "".join(write(code) for character in text for code in utf16(character))


def mixed(code):
    return "".join(c.upper() if at % 2 else c.lower() for at, c in enumerate(code))


def mixed_codes(text):
    """What is escaped in a URL or beyond ASCII in JSON, in both cases."""
    return re.sub(r"(?<=%)..|(?<=\\u)....", lambda code: mixed(code[0]), text)


SPELLINGS = {
    "as it is": str,
    "in JSON": quoted,
    "in JSON with escaped slashes": lambda text: quoted(text).replace("/", "\\/"),
    "in JSON, every character": escaped,
    "in JSON, in upper case": lambda text: escaped(text, lambda code: f"\\u{code.upper()}"),
    "in JSON, in both cases": lambda text: escaped(text, lambda code: f"\\u{mixed(code)}"),
    "in JSON, as much as needed, in both cases": lambda text: mixed_codes(quoted(text)),
    "in JSON in JSON": lambda text: quoted(escaped(text)),
    "in a URL": lambda text: urllib.parse.quote(text, safe=""),
    "in a URL, every byte": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "in a URL, every byte, in both cases": lambda text: "".join(
        f"%{mixed(f'{byte:02x}')}" for byte in text.encode()
    ),
    "in a URL, by JavaScript": lambda text: mixed_codes(urllib.parse.quote(text, safe="!'()*")),
    "in a form": urllib.parse.quote_plus,
    "in a URL in a URL": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe="")),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64, aligned otherwise": lambda text: base64.b64encode(f"k:{text}".encode()).decode(),
    "in base64 of URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "in HTML": html.escape,
    "in HTML, by number": lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    "in HTML, every character": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
    "in HTML, with zeros": lambda text: "".join(f"&#{ord(c):010};" for c in text),
    "in Python": repr,
    "in Python, every character": lambda text: "".join(f"\\U{ord(c):08x}" for c in text),
    "in JavaScript": lambda text: "".join(f"\\u{{{ord(c):x}}}" for c in text),
    "in octal": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "in an old URL": lambda text: "".join(f"%u{code}" for c in text for code in utf16(c)),
    "in base64, wrapped": lambda text: base64.encodebytes(b"p" * 50 + text.encode()).decode(),
    "in SQL": lambda text: text.replace("'", "''"),
    "in CSV": lambda text: text.replace('"', '""'),
    "in hex, after a letter": lambda text: f"a{text.encode().hex()}",
    "in hex, with colons": lambda text: text.encode().hex(":"),
    "in hex": lambda text: text.encode().hex(),
    "in hex, in both cases": lambda text: mixed(text.encode().hex()),
    "in upper case": str.upper,
    "in base32": lambda text: base64.b32encode(text.encode()).decode(),
    "in base32, aligned otherwise": lambda text: base64.b32encode(f"k:{text}".encode()).decode(),
    "in an e-mail": lambda text: quopri.encodestring(f"{text} \t{text}".encode()).decode(),
    "in an e-mail, every byte": lambda text: "".join(f"={byte:02X}" for byte in text.encode()),
    "in base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16")).decode(),
    "with white space collapsed": lambda text: " ".join(text.split()),
}
EVERY_CHARACTER = "cAn\"A/r\\y'<&>%41+= {}[]:,u0041~|`^$#@!?*"
CANARIES = ["canary-5e1f-77aa-90bd", EVERY_CHARACTER, "k9Zq", "eyJh-_/" + "Qx7" * 60]
PADDING = "p" * 970
"""So that the message is cut inside of the secret."""


def spelled_answers(text):
    """Responses of every kind that name a secret, whose spelling is ``text``."""
    try:
        sent = json.loads(f'"{text}"') and f'"{text}"'.encode()
    except ValueError:
        sent = json.dumps(text).encode()

    def body(template, status=200):
        return sj.Response(status=status, body=template.encode().replace(b"@", sent[1:-1]))

    for status in (400, 401, 404, 429, 500, 504):
        yield body('{"message": "no, @"}', status)
    yield body(f'"{PADDING} @"', 400)
    yield body('{"detail": [{"msg": "@", "loc": ["@"]}]}', 400)
    yield sj.Response(status=400, body=text.encode())
    yield sj.Response(status=200, body=b"p" * 45 + text.encode())
    yield sj.Response(status=302, headers=[("Location", f"https://e.example/{text}")])
    yield body('{"@": {"statuses": "@", "status": 3, "target": "@", "shots": {"@": "@"}}}')
    yield body('{"job_ids": ["@", "a b"], "job_id": "@", "succeeded": "@", "email": ["@"]}')
    yield body('{"succeeded": ["@"], "message": "@"}')
    yield body('{"succeeded": [], "message": "@", "warnings": ["@"]}')
    yield body(f'{{"warnings": [{{"message": "@"}}, "{PADDING} @"], "email": "a", "balance": 1.5}}')
    yield sj.TransportError(f"broken: {text}", sent=True)
    yield sj.ProtocolError(f"no HTTP: {text}")


def holders(secret):
    """The options of a client that holds a secret, by where."""
    yield {"ibmq_token": secret}
    yield {"cq_token": {"deep": [{"token": secret}], "other": 12345678}}
    yield {"proxy_url": f"http://ada:{urllib.parse.quote(secret, safe='')}@127.0.0.1:1"}


@settings(deadline=None)
@given(data=st.data())
def test_no_message_shows_a_secret_however_the_server_spells_it(data):
    secret = data.draw(st.sampled_from(CANARIES))
    version, calls = data.draw(st.sampled_from([("v0.3.0", CALLS), ("v0.2.0", OLD_CALLS)]))
    options = data.draw(st.sampled_from([None, *holders(secret)]))
    key = secret if options is None else "another-key-1234"
    spelling = data.draw(st.sampled_from(sorted(SPELLINGS)))
    answers = list(spelled_answers(SPELLINGS[spelling](secret)))
    answer = data.draw(st.sampled_from(answers))

    def connect(transport):
        more = {"api_version": version, "clock": FakeClock(), **(options or {})}
        return sj.SuperstaqClient(key, HOST, transport=transport, **more)

    step = answer if isinstance(answer, Exception) else lambda _request: answer
    call = data.draw(st.sampled_from(sorted(calls)))
    shown, _ = course(calls[call], [step], connect)
    parts = [secret[at : at + 12] for at in range(len(secret) - 11)] or [secret]
    for text in shown:
        # Whatever it is in, once the frames of this test are left out.
        read = "\n".join(line for line in text.splitlines() if not line.startswith("    script = "))
        for spell in SPELLINGS.values():
            assert spell(secret) not in read
            assert quoted(spell(secret)) not in read
        assert not [part for part in parts if part in read]


@pytest.mark.parametrize("api_version", ["v0.3.0", "v0.2.0"])
@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_a_token_among_the_options_of_a_call_is_masked_too(api_version, spelling):
    token = CANARIES[0]
    answer = json_response({"message": SPELLINGS[spelling](token)}, status=400)
    client = connector(api_version=api_version)(ScriptedTransport([answer]))
    options = sj.JsonMapping({"ibmq": {"token": token}, "name": "ibm"})
    assert token not in repr(attrs.evolve(NEW_JOB, options_dict=options))
    with pytest.raises(sj.SuperstaqServerException) as caught:
        sj.fetch_target_info(client, "ibmq_fez_qpu", options={"ibmq": {"token": token}})
    del options
    error = caught.value
    assert SPELLINGS[spelling](token) not in f"{error} {error!r} {error.args} {vars(error)}"
    assert "***" in str(error)


WORDS = "two words  \t and-9-more"
KEPT = [
    {"ibmq_token": CANARIES[1]},
    {"ibmq_token": CANARIES[2]},
    {"cq_token": {"deep": [{"token": CANARIES[3]}]}},
    {"cq_token": {"token": WORDS}},
]
REASON = {
    "v0.3.0": lambda text: {
        str(JOB): json.loads(jobs_response(job("failed")).body)[str(JOB)]
        | {"status_messages": [text]}
    },
    "v0.2.0": lambda text: {"a": circuit("Failed", failure={"error": text})},
}


def in_json(text):
    """How a JSON writer that writes this spelling has put it into a string."""
    try:
        return json.loads(f'"{text}"') and text.encode()
    except ValueError:
        return quoted(text).encode()


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
@pytest.mark.parametrize("version", sorted(REASON))
def test_a_jobs_reason_for_its_failure_shows_no_secret(version, spelling):
    for secret, options in zip((*CANARIES[1:], WORDS), KEPT, strict=True):
        sent = json.dumps(REASON[version]("no, not @!"))
        answer = sent.encode().replace(b"@", in_json(SPELLINGS[spelling](secret)))
        transport = ScriptedTransport.from_function(
            lambda _, answer=answer: sj.Response(status=200, body=answer)
        )
        client = connector(api_version=version, **options)(transport)
        job_id = JOB if version == "v0.3.0" else "a"
        handle = sj.JobHandle(client, job_id)
        for job_read in (sj.fetch_job(client, job_id), handle.wait_until_complete()):
            with pytest.raises(sj.SuperstaqUnsuccessfulJobException, match="no, not ") as caught:
                job_read.raise_if_unsuccessful()
            told_here = f"{caught.value!r} {job_read.circuits!r}"
            for spell in SPELLINGS.values():
                assert spell(secret) not in told_here
                assert quoted(spell(secret)) not in told_here
            parts = [secret[at : at + 12] for at in range(len(secret) - 11)]
            assert not [part for part in parts if part in told_here]


USUAL = [
    name
    for name in SPELLINGS
    if name.startswith(
        ("as ", "in JSON", "in a URL", "in a form", "in base64", "in hex", "in HTML")
    )
    if name not in {"in base64, wrapped", "in base64 of UTF-16", "in hex, with colons"}
    if name not in {"in a URL in a URL", "in HTML, every character", "in HTML, with zeros"}
]


@pytest.mark.parametrize("spelling", sorted(USUAL))
@pytest.mark.parametrize("token", ["canary-5e1f/77aa+90bd", EVERY_CHARACTER, 'é"☂/😀-Ünï-canary'])
def test_a_token_that_is_echoed_in_a_usual_spelling_is_in_no_record(token, spelling):
    planted = attrs.evolve(job("running"), tags=["@"], metadata={"@": ["@"]})
    body = jobs_response(planted).body.replace(b"@", in_json(SPELLINGS[spelling](token)))
    for _ in range(2):
        transport = ScriptedTransport([sj.Response(status=200, body=body)])
        found = sj.fetch_job(connector(cq_token={"token": token})(transport), JOB)
        assert "***" in found.tags[0]
        for spell in (str, SPELLINGS[spelling]):
            assert spell(token) not in (found.tags[0], *found.metadata)
            assert spell(token).encode() not in sj.encode_jobs([found])


def test_a_number_in_a_token_is_data_in_a_record():
    sent = attrs.evolve(job("completed"), metadata={"account": 12345678, "12345678": "12345678"})
    client = connector(cq_token={"account": 12345678, "token": "a-token-of-a-provider"})(
        ScriptedTransport([jobs_response(sent)])
    )
    assert sj.fetch_job(client, JOB) == sent


def test_an_ordinary_word_in_a_token_is_not_a_secret():
    token = {
        "token": "s3cret",
        "active": "true",
        "expires_in": 3600,
        "kind": "bearer",
        "user": "ada@example.com",
        "session": {"id": "A1b2C3d4"},
    }
    said = "true, 3600 s: bearer s3cret of ada@example.com, A1b2C3d4, on ibm_cloud"
    client = connector(cq_token=token, ibmq_channel="ibm_cloud")(
        ScriptedTransport([json_response({"message": said}, status=400)])
    )
    with pytest.raises(sj.SuperstaqServerException) as caught:
        sj.fetch_balance(client)
    assert "true, 3600 s: bearer *** of ada@example.com, ***, on ibm_cloud" in str(caught.value)


def test_a_short_secret_does_not_ruin_messages():
    answer = json_response({"message": "a bad request, abcd"}, status=400)
    client = sj.SuperstaqClient("a", HOST, ibmq_token="abcd", transport=ScriptedTransport([answer]))
    with pytest.raises(sj.SuperstaqServerException, match=r"a bad request, [*]{3}[.]$") as caught:
        sj.fetch_balance(client)
    assert "fetching the balance failed" in str(caught.value)


def test_a_ctrl_c_while_a_response_is_read_shows_nothing_of_it():
    client = connector()(ScriptedTransport([json_response(KEY)]))
    call = client.api.fetch_balance()

    def read(_body, *_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        client.send(attrs.evolve(call, read=read))
    assert KEY not in told(caught.value)


def test_the_ids_in_an_unreadable_response_to_a_submission_hold_no_token():
    answer = ANSWERS["echo as an id"]
    shown, _ = course(OLD_CALLS["submit_job"], [answer], connector(api_version="v0.2.0", **TOKENS))
    assert not [text for text in shown for secret in SECRETS if secret in text]


def test_a_request_cannot_be_pickled_with_its_secrets():
    request = sj.Request(method="GET", path="/", headers=[("Authorization", sj.Secret(KEY))])
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(request)


def test_a_clients_pickle_and_its_state_hold_no_secret():
    client = sj.SuperstaqClient(KEY, HOST, **TOKENS)
    handle = sj.JobHandle(client, JOB)
    for data in (pickle.dumps(client), pickle.dumps(handle), repr(client.__getstate__()).encode()):
        for secret in SECRETS:
            assert secret.encode() not in data


def test_the_key_is_not_shown_if_it_was_passed_as_the_host():
    with pytest.raises(sj.ConfigurationError, match="wrong order") as caught:
        sj.SuperstaqClient("https://superstaq.example.com", KEY)
    inside = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert KEY not in told(inside)
