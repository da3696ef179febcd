"""What people see of a record is short, and as HTML well-formed, escaped and harmless.

Of every record that there can be: of both versions of the API, with any strings in it.
"""

from __future__ import annotations

import re
import tempfile
from html.parser import HTMLParser
from uuid import UUID
from xml.etree import ElementTree as ET

import attrs
import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from worlds import JOB, NOON, client_on, in_one_format, job

import superstaq_jobs as sj
from superstaq_jobs.records.frozen import adopt
from superstaq_jobs.testing import ScriptedTransport, jobs_response
from superstaq_jobs.testing import strategies as sts

MARKUP = "<img src='https://evil.example' onerror=alert(1)>&amp;\"</div><script>\n\x00\u202e"
STRINGS = st.one_of(st.just(MARKUP), sts.texts())
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
# What a server may send, and a user may not build.
COUNTS = st.dictionaries(STRINGS, NUMBERS).map(lambda items: adopt(sj.Counts, items))
UPDATED = "updated 2026-05-01 12:00:00 UTC"
MOST_LINES = 5
MAX_ROWS = 20
TAGS = {"body", "div", "span", "b", "table", "tr", "th", "td"}


@st.composite
def circuits(draw, index):
    circuit = draw(sts.circuit_snapshots(index=index))
    changes = st.fixed_dictionaries(
        {},
        optional={
            "status_text": STRINGS,
            "status_message": STRINGS,
            "provider_id": STRINGS,
            "input_circuit": st.none() | STRINGS,
            "compiled_circuit": STRINGS,
            "shots": st.none() | st.integers(0, 10**4000),
            "counts": st.none() | COUNTS,
            "extra": st.dictionaries(STRINGS, STRINGS, max_size=2),
        },
    )  # fmt: skip
    return attrs.evolve(circuit, **draw(changes))


@st.composite
def snapshots(draw):
    """Jobs of either version, whose strings may be anything."""
    snapshot = draw(sts.job_snapshots(unknown_statuses=True))
    some = [draw(circuits(index)) for index in range(draw(st.integers(0, 3)))]
    if some and draw(st.booleans()):
        some *= 30
    some = [attrs.evolve(circuit, index=index) for index, circuit in enumerate(some)]
    changes = {"circuits": some, "short_lists": {}, "extra": {}}
    if draw(st.booleans()):
        changes |= {"tags": draw(st.lists(STRINGS)), "source": draw(STRINGS), "fetched_at": NOON}
    if draw(st.booleans()):
        silent = ["job_type", "target", "circuit_type", "user_email", "dry_run", "submitted_at"]
        changes |= dict.fromkeys([*silent, "tags", "metadata"])
        ids = [MARKUP.replace(",", "") + str(index) for index in range(len(some))]
        changes["circuits"] = [
            attrs.evolve(circuit, circuit_id=each) for circuit, each in zip(some, ids, strict=True)
        ]
        changes["job_id"] = ",".join(ids) or "none"
    return attrs.evolve(snapshot, **changes)


def of_one_job(snapshot):
    some = [attrs.evolve(circuit, circuit_id=None) for circuit in snapshot.circuits]
    return attrs.evolve(snapshot, job_id=JOB, circuits=some)


@st.composite
def diffs(draw):
    before, after = in_one_format(of_one_job(draw(snapshots())) for _ in range(2))
    return sj.diff(before, after)


TARGETS = st.builds(
    attrs.evolve, sts.targets(), extra=st.dictionaries(STRINGS, sts.json_values(), max_size=30)
)
INFOS = st.builds(
    attrs.evolve, sts.target_infos(), info=st.dictionaries(STRINGS, sts.json_values(), max_size=30)
)
RECORDS = st.one_of(snapshots(), diffs(), COUNTS, TARGETS, INFOS)


@given(snapshots())
def test_a_snapshot_is_shown_on_a_few_lines(snapshot):
    lines = repr(snapshot).split("\n")
    assert len(lines) <= MOST_LINES
    assert all(line.isprintable() and len(line) < 400 for line in lines)
    for circuit in snapshot.circuits:
        lines = repr(circuit).split("\n")
        assert len(lines) <= 2
        assert all(line.isprintable() and len(line) < 400 for line in lines)


@given(diffs())
def test_a_diff_is_shown_on_a_line_for_each_change(changes):
    lines = repr(changes).split("\n")
    total = len(changes.circuits) + len(changes.fields)
    assert len(lines) == 1 + min(total, MAX_ROWS) + (total > MAX_ROWS)
    assert all(line.isprintable() for line in lines)
    for circuit in changes.circuits:
        if circuit.before is not None and circuit.after is not None:
            assert "→" in repr(circuit) or "changed" in repr(circuit)


@given(COUNTS)
def test_counts_are_shown_on_one_line(counts):
    assert repr(counts).isprintable()
    assert len(repr(counts)) < 900


class Elements(HTMLParser):
    """The second judge: every element is closed, in order."""

    def __init__(self):
        super().__init__()
        self.opened = []

    def handle_starttag(self, tag, _attributes):
        self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag


def elements(html):
    tree = ET.fromstring(f"<body>{html}</body>")  # noqa: S314 - our own
    parser = Elements()
    parser.feed(html)
    parser.close()
    assert parser.opened == []
    assert {each.tag for each in tree.iter()} <= TAGS
    for each in tree.iter():
        assert set(each.attrib) <= {"style"}
        assert re.fullmatch(r"[-#a-z0-9:;.,% ()]*", each.get("style", ""))
        assert "url" not in each.get("style", "")
    return tree


@given(RECORDS)
def test_a_view_is_well_formed_and_escaped_and_has_a_few_rows(record):
    tree = elements(record._repr_html_())
    rows = [row for row in tree.iter("tr") if row.find("td") is not None]
    assert len(rows) <= MAX_ROWS
    assert "".join(tree.itertext()).isprintable()


def test_a_view_of_a_handle_is_that_of_its_latest_snapshot():
    transport = ScriptedTransport([jobs_response(job("running"))])
    handle = sj.JobHandle(client_on(transport), JOB)
    elements(handle._repr_html_())
    assert "nothing fetched yet" in handle._repr_html_()
    assert transport.requests == ()
    handle.refresh()
    view = handle._repr_html_()
    elements(view)
    assert handle.latest._repr_html_() in view
    assert "live; last response at 2026-" in view
    assert len(transport.requests) == 1


def test_a_view_of_an_archive_is_short_however_many_jobs_it_has():
    with (
        tempfile.TemporaryDirectory() as folder,  # whose path is short: a long one is cut
        sj.SnapshotArchive(f"{folder}/<study>.db") as archive,
    ):
        assert "none" in "".join(elements(archive._repr_html_()).itertext())
        old = find(sts.job_snapshots(api_version="v0.2.0", job_id="<b>"), lambda _: True)
        archive.record_all(
            [
                *(job("running", job_id=UUID(int=number)) for number in range(30)),
                attrs.evolve(job("completed", job_id=UUID(int=29)), circuit_type="jaqal"),
                old,
            ],
            observed_at=NOON,
        )
        archive.expect(UUID(int=99), circuit_type="cirq", at=NOON)
        tree = elements(archive._repr_html_())
        rows = ["|".join(cell.itertext()) for row in tree.iter("tr") for cell in row]
        assert rows[:8:4] == ["job", str(UUID(int=99))]
        assert rows[5:8] == ["cirq", "", "never"]
        assert rows[8] == "<b>"
        assert [*map(rows.count, [str(UUID(int=29)), "jaqal"])] == [2, 1]
        assert sum(each.endswith("running") for each in rows) == MAX_ROWS - 3
        assert len(rows) == 4 * (1 + MAX_ROWS)
        assert "<study>.db" in "".join(tree.itertext())
        archive.path.unlink()
        assert "does not exist" in "".join(elements(archive._repr_html_()).itertext())


def test_how_many_rows_are_left_out_is_said():
    many = job(*["running"] * 1000)
    changes = sj.diff(many, job(*["completed"] * 1000))
    counts = sj.Counts({format(n, "010b"): 1 for n in range(1000)})
    for record in (many, changes, counts):
        view = record._repr_html_()
        assert "… and 980 more" in view
        assert len(list(elements(view).iter("tr"))) == 1 + MAX_ROWS
        assert len(view) < 20_000
    assert "… and 980 more" in repr(changes)


def test_strings_are_shown_as_they_are():
    tags = attrs.evolve(job("running"), tags=["<b>bold</b>", "a\nb"])
    text = "".join(elements(tags._repr_html_()).itertext())
    assert r"<b>bold</b>, a\nb" in text


@pytest.mark.parametrize(
    ("record", "lines"),
    [
        (
            job("completed", "failed", fetched_at=NOON, source="https://superstaq.example.com"),
            [
                "<JobSnapshot failed: 2 circuits (1 failed, 1 completed)",
                " ss_unconstrained_simulator, simulate, qasm",
                f" job {JOB}",
                " fetched 2026-05-01 12:00:00 UTC from https://superstaq.example.com>",
            ],
        ),
        (
            attrs.evolve(job("warp"), target=None, job_type=None, circuit_type=None),
            ["<JobSnapshot warp: 1 circuit", f" job {JOB}>"],
        ),
        (
            job("completed").circuits[0],
            [f"<CircuitSnapshot 0 completed: 10 shots, {{11: 6, 00: 4}}, {UPDATED}>"],
        ),
        (
            job("failed").circuits[0],
            [f"<CircuitSnapshot 0 failed: 10 shots, {UPDATED}", " no such gate>"],
        ),
        (
            sj.CircuitSnapshot(index=1, status_text="running", shots=None),
            ["<CircuitSnapshot 1 running>"],
        ),
        (
            sj.diff(job("running", "running"), job("running", "completed", tags=["c"])),
            [
                "<JobDiff 1 circuit, 1 field",
                " tags: ('a', 'b') → ('c',)",
                " circuit 1: status running → completed; counts None → Counts({'00': 4, '11': 6})>",
            ],
        ),
        (
            sj.CircuitChange(
                0,
                sj.CircuitSnapshot(index=0, status_text="running"),
                sj.CircuitSnapshot(
                    index=0,
                    status_text="running",
                    shots=5,
                    provider_id="p",
                    compiled_circuit="q",
                ),
            ),
            ["<CircuitChange 0: shots 0 → 5; provider_id, compiled_circuit changed>"],
        ),
        (
            sj.CircuitChange(
                0,
                sj.CircuitSnapshot(index=0, status_text="running"),
                attrs.evolve(job("failed").circuits[0], shots=0, provider_id="p"),
            ),
            [
                (
                    "<CircuitChange 0: status running → failed; "
                    "status_message None → 'no such gate'; 3 other fields changed>"
                )
            ],
        ),
        (sj.diff(job("running"), job("running")), ["<JobDiff no changes>"]),
        (sj.CircuitChange(1, None, job("running").circuits[0]), ["<CircuitChange 1: added>"]),
        (sj.CircuitChange(1, job("running").circuits[0], None), ["<CircuitChange 1: removed>"]),
        (sj.FieldChange("target", "a_b_qpu", None), ["<FieldChange target: 'a_b_qpu' → None>"]),
        (sj.FieldChange("tags", ("x" * 99,), ("x" * 98,)), ["<FieldChange tags: changed>"]),
    ],
)
def test_a_repr(record, lines):
    assert repr(record).split("\n") == lines


def test_a_refused_record_has_a_repr_for_debuggers():
    with pytest.raises(sj.InvalidValue) as caught:
        attrs.evolve(job("running"), circuits=3, target=7)
    frames = [traceback.frame.f_locals for traceback in caught.traceback]
    records = [f["self"] for f in frames if isinstance(f.get("self"), sj.JobSnapshot)]
    assert records
    assert {repr(record) for record in records} == {"<JobSnapshot, incomplete>"}


def test_a_changed_value_is_cut_to_40_characters():
    before = job("running")
    after = attrs.evolve(before, user_email=f"{'u' * 60}@example.com")
    assert repr(sj.diff(before, after)).endswith(f"→ '{'u' * 39}…>")


def test_a_long_bitstring_is_cut_to_24_bits():
    circuit = attrs.evolve(job("completed").circuits[0], counts={"01" * 15: 3})
    assert f"{{{'01' * 12}…: 3}}" in repr(circuit)


def test_a_long_status_leaves_room_for_the_rest():
    html = attrs.evolve(
        job("completed"), circuits=[sj.CircuitSnapshot(index=0, status_text="x" * 200)]
    )._repr_html_()
    assert "x" * 30 in html
    assert "x" * 31 not in html
