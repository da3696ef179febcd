"""The bar of a wait on many jobs: what it says, where it goes, and how it ends."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
import threading
import types
from collections import Counter

import pytest
import rich.console
from hypothesis import given
from hypothesis import strategies as st
from test_many import QUEUE, Server, ids, world
from worlds import client_on

import superstaq_jobs as sj
from superstaq_jobs import JobHandle
from superstaq_jobs.testing import FakeClock
from superstaq_jobs.waiting.loop import WaitLoop
from superstaq_jobs.waiting.options import WaitPlan
from superstaq_jobs.waiting.progress import Tally, surface_of

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Drawn:
    """A bar on a text file in place of a terminal, a log or a notebook."""

    def __init__(self, *, line_seconds=0, **console):
        self.file = console.pop("file", io.StringIO())
        console = rich.console.Console(file=self.file, **{"width": 80, **console})
        self.bar = sj.ProgressBar(console, line_seconds=line_seconds)

    @property
    def text(self):
        return self.file.getvalue()

    @property
    def lines(self):
        return self.text.splitlines()

    @property
    def plain(self):
        """The lines, without codes."""
        return _CODES.sub("", self.text).replace("\r", "\n").splitlines()


def log(**options):
    return Drawn(force_terminal=False, **options)


def terminal(**options):
    return Drawn(force_terminal=True, **options)


def parsed(line):
    """What a line says: jobs finished, all jobs, how many in each status."""
    finished, total, rows = re.fullmatch(
        r"(\d+) of (\d+) jobs finished: (.*); queue .*", line
    ).groups()
    parts = [part.rpartition(" ") for part in rows.split(", ")]
    return int(finished), int(total), {name: int(number) for name, _, number in parts}


# ---- what it says


def test_a_line_has_the_finished_jobs_the_statuses_the_queue_the_rate_and_the_time_left():
    lives = {job_id: QUEUE[place % 4 :] for place, job_id in enumerate(ids(8))}
    _, _, handles = world(lives)
    drawn = log()
    sj.wait_all(handles, timeout_seconds=600, polling_seconds=30, progress=drawn.bar)
    assert drawn.lines == [
        f"{number} of 8 jobs finished: {rest} left"
        for number, rest in [
            (2, "received 2, running 2, pending 2, completed 2; queue 4, 0:10:00"),
            (4, "running 2, pending 2, completed 4; queue 2, 4 jobs/min, 0:09:30"),
            (6, "running 2, completed 6; queue 0, 4 jobs/min, 0:09:00"),
            (8, "completed 8; queue 0, 4 jobs/min, 0:08:30"),
        ]
    ]


STATUSES = st.sampled_from(
    [str(s) for s in sj.CircuitStatus if not s.is_terminal] + ["teleporting"]
)
ENDS = st.sampled_from([str(s) for s in sj.CircuitStatus if s.is_terminal])
LIVES = st.builds(lambda way, end: [*way, end], st.lists(STATUSES, max_size=4), ENDS)


@pytest.mark.filterwarnings("ignore:the server uses a circuit status")
@given(lives=st.lists(LIVES, min_size=1, max_size=6))
def test_it_says_of_each_round_what_the_server_said(lives):
    _, _, handles = world(dict(zip(ids(len(lives)), lives, strict=True)))
    drawn = log()
    sj.wait_all(handles, progress=drawn.bar)
    rounds = max(map(len, lives))
    expected = [[life[min(n, len(life) - 1)] for life in lives] for n in range(rounds)]
    order = [str(s) for s in sj.CircuitStatus]
    seen = []
    for number, now in enumerate(expected):
        known = [status if status in order else "unknown" for status in now]
        finished = sum(len(life) - 1 <= number for life in lives)
        if (finished, Counter(known)) not in seen[-1:]:
            seen.append((finished, Counter(known)))
    spoken = []
    for line in drawn.lines:
        finished, total, rows = parsed(line)
        assert total == len(lives)
        assert list(rows) == sorted(rows, key=order.index)
        if (finished, Counter(rows)) not in spoken[-1:]:
            spoken.append((finished, Counter(rows)))
    assert spoken == seen


def test_the_rate_is_that_of_the_last_minute():
    ends = [*range(1, 5), *[100] * 4]
    lives = {job_id: ["running"] * end + ["completed"] for job_id, end in zip(ids(8), ends)}  # noqa: B905
    drawn = log()
    sj.wait_all(world(lives)[2], polling_seconds=10, progress=drawn.bar)
    rates = [re.search(r"([\d.]+) jobs/min", line) for line in drawn.lines]
    rates = [float(rate[1]) for rate in rates if rate]
    assert rates[:4] == [6] * 4
    assert rates[20:90] == [0] * 70


def test_jobs_without_a_response_are_not_seen_yet_and_missing_ones_are_unsettled():
    spoiled = [sj.TransportError("gone", sent=True)]
    server, _, handles = world(
        dict.fromkeys(ids(3), QUEUE), spoil=lambda _, body: spoiled.pop() if spoiled else body
    )
    del server.lives[ids(3)[1]]
    drawn = log()
    with pytest.raises(sj.JobsUnsettled):
        sj.wait_all(handles, progress=drawn.bar)
    assert parsed(drawn.lines[0]) == (0, 3, {"not seen yet": 3})
    assert parsed(drawn.lines[1]) == (0, 3, {"pending": 2, "unsettled": 1})
    assert parsed(drawn.lines[-1]) == (2, 3, {"completed": 2, "unsettled": 1})


def test_after_a_timeout_it_says_which_status_the_jobs_had():
    drawn = log()
    with pytest.raises(sj.JobsTimeout):
        sj.wait_all(world({ids(1)[0]: ["pending"]})[2], 60, progress=drawn.bar)
    assert drawn.lines[-1].startswith(
        "0 of 1 jobs finished: pending 1; queue 1, 0 jobs/min, 0:00:00"
    )


def test_it_goes_on_while_one_request_is_slow():
    go_on = threading.Event()

    def hold_back(_ids, body):
        assert go_on.wait(60)
        return body

    quick, slow = Server({ids(1)[0]: QUEUE}), Server({ids(2)[1]: QUEUE[3:]}, spoil=hold_back)
    handles = [
        JobHandle(client_on(server, clock=sj.SystemClock()), job_id)
        for server in (quick, slow)
        for job_id in server.lives
    ]
    drawn = log()
    for _ in sj.as_completed(handles, 60, 0.2, progress=drawn.bar):
        go_on.set()
    rows = [parsed(line)[2] for line in drawn.lines]
    assert any(row.get("not seen yet") == 1 and len(row) == 2 for row in rows)
    assert rows[-1] == {"completed": 2}


# ---- where it goes


@pytest.mark.parametrize("width", [80, 40, 20])
def test_on_a_terminal_it_fits_and_the_cursor_comes_back(width):
    lives = {job_id: QUEUE[place % 4 :] for place, job_id in enumerate(ids(8))}
    drawn = terminal(width=width, height=20)
    sj.wait_all(world(lives)[2], 600, progress=drawn.bar)
    assert max(map(len, drawn.plain)) <= width
    assert any("8/8" in line for line in drawn.plain[-5:])
    assert drawn.text.index(HIDE) < drawn.text.rindex(SHOW)
    assert drawn.text.count(HIDE) == drawn.text.count(SHOW) == 1


def test_bars_have_the_length_of_their_share_and_are_never_nothing():
    lives = {**dict.fromkeys(ids(100), QUEUE), ids(1)[0]: ["failed"]}
    drawn = terminal(height=20, color_system=None)
    sj.wait_all(world(lives)[2], progress=drawn.bar)
    words = [line.split() for line in drawn.plain if "━" in line]
    lengths = {" ".join(each[:-1]): len(each[-1]) for each in words}
    whole = lengths["jobs finished 100/100"]
    assert whole > 40
    assert lengths["failed 1"] == lengths["jobs finished 1/100"] == 1
    assert lengths["completed 99"] == 99 * whole // 100
    assert lengths["running 99"] == 99 * (whole + 2) // 100  # "100/100" is wider than "1/100"


def test_in_a_log_it_is_a_line_in_a_while():
    lives = {ids(1)[0]: ["pending"] * 100 + ["completed"]}
    drawn = log(line_seconds=60)
    sj.wait_all(world(lives)[2], polling_seconds=5, progress=drawn.bar)
    assert len(drawn.lines) == 1 + 500 // 60 + 1
    assert drawn.lines[-1].startswith("1 of 1 jobs finished")


def test_on_a_dumb_terminal_it_is_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    drawn = terminal()
    sj.wait_all(world({ids(1)[0]: QUEUE})[2], progress=drawn.bar)
    assert [parsed(line)[0] for line in drawn.lines] == [0, 0, 0, 1]


def test_without_a_console_it_goes_to_stderr(capsys):
    assert sj.wait_all(world({ids(1)[0]: QUEUE})[2], progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("0 of 1 jobs finished: received 1")


def test_nothing_is_shown_by_default(capsys):
    assert sj.wait_all(world({ids(1)[0]: QUEUE})[2])
    assert capsys.readouterr() == ("", "")


class Notebook(types.ModuleType):
    """IPython, as far as a bar knows it."""

    def __init__(self):
        super().__init__("IPython.display")
        self.shown = []

    def display(self, what, *, display_id):
        assert display_id is True
        self.shown.append(what)
        return self

    def update(self, what):
        self.shown[-1:] = [self.shown[-1], what]

    def texts(self):
        console = rich.console.Console(width=60, file=io.StringIO())
        for each in self.shown:
            console.print(each)
        return console.file.getvalue()


def test_in_a_notebook_it_is_one_output_that_is_replaced(monkeypatch):
    notebook = Notebook()
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    drawn = Drawn(force_jupyter=True)
    sj.wait_all(world({ids(1)[0]: QUEUE})[2], progress=drawn.bar)
    assert drawn.text == ""
    # At the start, after each of four rounds but the last, and at the end.
    assert len(notebook.shown) == 5
    assert [f"{n}/1" for n in (0, 0, 0, 0, 1)] == re.findall(r"\d/1", notebook.texts())
    assert all(hasattr(each, "_repr_mimebundle_") for each in notebook.shown)


def test_a_notebook_without_ipython_gets_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    drawn = Drawn(force_jupyter=True, force_terminal=False)
    sj.wait_all(world({ids(1)[0]: QUEUE})[2], progress=drawn.bar)
    assert parsed(drawn.lines[-1])[0] == 1


def test_a_terminal_that_knows_only_ascii_gets_ascii():
    raw = io.BytesIO()
    drawn = terminal(file=io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    sj.wait_all(world({ids(1)[0]: QUEUE})[2], progress=drawn.bar)
    assert b"####" in raw.getvalue()


# ---- every wait has it


async def listed(results):
    return [each async for each in results]


WAITS = {
    "wait_all": sj.wait_all,
    "wait_any": lambda handles, **options: sj.wait_any(handles, len(handles), **options),
    "as_completed": lambda handles, **options: list(sj.as_completed(handles, **options)),
    "watch": lambda handles, **options: list(sj.watch(handles, **options)),
    "wait_all_async": lambda *args, **options: asyncio.run(sj.wait_all_async(*args, **options)),
    "as_completed_async": lambda *args, **options: asyncio.run(
        listed(sj.as_completed_async(*args, **options))
    ),
    "watch_async": lambda *args, **options: asyncio.run(listed(sj.watch_async(*args, **options))),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_wait_with_a_bar_is_the_wait_without(name):
    lives = {job_id: QUEUE[place % 4 :] for place, job_id in enumerate(ids(9))}
    courses, drawn = [], log()
    for options in ({}, {"progress": False}, {"progress": drawn.bar}):
        server, clock, handles = world(lives)
        outcome = WAITS[name](handles, **options)
        courses.append((outcome, server.asked, clock.sleeps))
    assert courses[0] == courses[1] == courses[2]
    # One that had what it wanted is left before the round is.
    assert parsed(drawn.lines[-1])[1] == 9


@pytest.mark.parametrize("drawn", [log, terminal])
def test_without_jobs_it_is_started_and_stopped(drawn):
    drawn = drawn()
    assert sj.wait_all([], progress=drawn.bar) == ()
    assert drawn.text.count(HIDE) == drawn.text.count(SHOW)


@pytest.mark.parametrize("bad", [None, 1, "yes", print])
def test_what_is_not_a_bar_is_refused_before_anything_is_sent(bad):
    server, _, handles = world({ids(1)[0]: QUEUE})
    with pytest.raises(sj.InvalidValue, match="progress"):
        sj.as_completed(handles, progress=bad)
    with pytest.raises(sj.InvalidValue, match="line_seconds"):
        sj.ProgressBar(line_seconds=-1)
    assert server.asked == []


# ---- how it ends


def test_closing_a_generator_stops_its_bar():
    drawn = terminal()
    for _ in sj.as_completed(world(dict.fromkeys(ids(3), QUEUE))[2], progress=drawn.bar):
        assert drawn.text.count(SHOW) == 0
        break
    assert drawn.text.count(HIDE) == drawn.text.count(SHOW) == 1


class Interrupted(FakeClock):
    def sleep(self, seconds):
        super().sleep(seconds)
        if len(self.sleeps) == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("drawn", [log, terminal])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, sj.JobsUnsettled])
def test_what_ends_a_wait_comes_through_and_ends_the_bar(drawn, error):
    drawn = drawn()

    def spoil(_asked, body):
        return 1 // 0 if error is ZeroDivisionError else body

    server = Server({ids(1)[0]: QUEUE}, spoil=spoil)
    clock = Interrupted() if error is KeyboardInterrupt else FakeClock()
    job_id = ids(2)[1] if error is sj.JobsUnsettled else ids(1)[0]
    with pytest.raises(error):
        sj.wait_all([JobHandle(client_on(server, clock=clock), job_id)], progress=drawn.bar)
    assert drawn.text.count(HIDE) == drawn.text.count(SHOW)


class Broken(io.StringIO):
    """A file with limited room."""

    def __init__(self, room, error):
        super().__init__()
        self.room = room
        self.error = error

    def write(self, text):
        self.room -= len(text)
        if self.room < 0:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize("drawn", [log, terminal])
@pytest.mark.parametrize("room", [0, 30, 200])
@pytest.mark.parametrize("error", [OSError("full"), ValueError("closed")], ids=str)
def test_a_failed_write_does_not_end_a_wait(drawn, room, error):
    drawn = drawn(file=Broken(room, error))
    assert len(sj.wait_all(world({ids(1)[0]: QUEUE})[2], progress=drawn.bar)) == 1
    server, _, handles = world({ids(1)[0]: QUEUE})
    del server.lives[ids(1)[0]]
    with pytest.raises(sj.JobsUnsettled):
        sj.wait_all(handles, progress=drawn.bar)


def test_a_bar_that_is_never_closed_shows_the_cursor_at_the_end_of_the_program():
    code = """
import sys, rich.console, superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response
client = sj.SuperstaqClient("key", "http://localhost", clock=FakeClock(), transport=
    ScriptedTransport.from_function(lambda _: jobs_response(snapshot)))
snapshot, = sj.decode_jobs(sys.stdin.buffer.read())
console = rich.console.Console(stderr=True, force_terminal=True)
kept = sj.watch([sj.JobHandle(client, snapshot.job_id)], progress=sj.ProgressBar(console))
next(kept)
"""
    server = Server({ids(1)[0]: ["pending"]})
    answer = world(server.lives)[0]
    body = sj.encode_jobs([JobHandle(client_on(answer), ids(1)[0]).refresh()])
    done = subprocess.run([sys.executable, "-c", code], input=body, capture_output=True, check=True)
    said = done.stderr.decode()
    assert said.count(HIDE) == said.count(SHOW) == 1
    assert "Traceback" not in said


def test_stopping_twice_is_stopping_once():
    drawn = terminal()
    loop = WaitLoop([], WaitPlan(timeout_seconds=None, polling_seconds=5))
    surface = surface_of(drawn.bar, Tally(loop))
    surface.start()
    surface.stop()
    before = drawn.text
    surface.stop()
    assert drawn.text == before


def test_without_rich_it_says_what_to_install_before_anything_is_sent(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    server, _, handles = world({ids(1)[0]: QUEUE})
    with pytest.raises(sj.ConfigurationError, match=r"pip install '\.\[progress\]'"):
        sj.as_completed(handles, progress=True)
    assert server.asked == []
