"""The benchmark of speed: its bars, figures, tables, slopes, plot, page and servers."""

from __future__ import annotations

import json
import math
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import superstaq_jobs as sj

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from speed_rows import http_get, payloads, plot, polls  # noqa: E402
from speed_rows.job_server import Timetable, job_id  # noqa: E402
from speed_rows.lines import (  # noqa: E402
    Figure,
    Line,
    Run,
    as_table,
    at_least,
    at_most,
    in_turns,
    ratio,
    seconds_text,
    slope,
    within,
)
from speed_rows.page import BEGIN, END, with_result  # noqa: E402
from speed_rows.serving import started  # noqa: E402

FIGURES = st.floats(1e-9, 1e9)


@given(FIGURES, FIGURES)
def test_a_bar_is_met_on_one_side_only(figure, limit):
    assert Line(what="", figure=figure, bar=at_most(limit)).is_met is (figure <= limit)
    assert Line(what="", figure=figure, bar=at_least(limit)).is_met is (figure >= limit)
    assert Line(what="", figure=figure).is_met is Line(what="").is_met is None


def test_a_bar_with_two_limits():
    met = [within(1, 0.1).is_met(figure) for figure in (0.89, 0.91, 1, 1.09, 1.11)]
    assert met == [False, True, True, True, False]


@given(st.lists(FIGURES, min_size=1))
def test_a_figure_shows_its_range_if_its_turns_differ_much(turns):
    figure = Figure.of(turns)
    assert figure.least <= figure.value <= figure.most
    row = str(Line(what="a", ours="b", theirs="c", figure=figure, show=repr))
    assert (" to " in row) is (figure.most - figure.least > 0.25 * figure.value)


def test_a_table_is_markdown():
    lines = [
        Line(what="a", ours="2 s", theirs="3 s", figure=1.5, bar=at_least(2)),
        Line(what="b", figure=Figure.of([1, 2, 4]), bar=at_most(3)),
        Line(what="c", figure=0.012345),
        Line(what="d", ours="some words"),
    ]
    head, rule, *rows = as_table(lines).splitlines()
    assert rows == [
        "| a | 2 s | 3 s | 1.5 | ≥ 2 | missed |",
        "| b |  |  | 2 (1 to 4) | ≤ 3 | met |",
        "| c |  |  | 0.0123 |  |  |",
        "| d | some words |  |  |  |  |",
    ]
    assert {line.count("|") for line in (head, rule, *rows)} == {7}


@given(st.floats(1e-8, 1e3))
def test_a_time_has_three_digits(seconds):
    number, unit = seconds_text(seconds).split()
    shown = float(number.replace(",", "")) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[unit]
    assert math.isclose(shown, seconds, rel_tol=0.006)


@given(st.floats(-2, 3), st.floats(1e-6, 1))
def test_the_slope_of_a_power_is_its_exponent(exponent, factor):
    sizes = [1, 3, 10, 32, 100, 316, 1000]
    # Sizes below the upper two decades do not matter.
    times = [factor * size**exponent if size >= 10 else 1.0 for size in sizes]
    assert math.isclose(slope(sizes, times), exponent, abs_tol=1e-6)


def test_each_turn_runs_every_way_and_the_first_rotates():
    now = 0.0
    calls = []

    def way(name, seconds):
        def run():
            nonlocal now
            now += seconds
            calls.append(name)

        return run

    taken = in_turns(
        {"a": way("a", 0.02), "b": way("b", 0.01), "c": way("c", 0.002)},
        turns=5,
        clock=lambda: now,
    )
    assert len(taken) == 5
    assert ratio(taken, "a", "b").value == pytest.approx(2)
    # Two turns to warm up: once each in the first, and as often as in the five turns after it.
    assert Counter(calls) == {"a": 1 + 6, "b": 1 + 6, "c": 1 + 6 * 5}
    assert [next(iter(turn)) for turn in taken] == ["a", "b", "c", "a", "b"]


@given(st.text(), st.text(), st.text())
def test_a_result_replaces_only_what_is_between_the_marks(before, result, after):
    page = f"{before}{BEGIN}\nold result{END}{after}"
    written = with_result(page, result)
    assert written.startswith(f"{before}{BEGIN}")
    assert written.endswith(f"{END}{after}")
    assert result.strip() in written
    assert "old result" not in written
    assert with_result(written, result) == written


@pytest.mark.parametrize("page", ["", BEGIN, END, END + BEGIN, 2 * (BEGIN + END), BEGIN + 2 * END])
def test_a_page_must_have_each_mark_once(page):
    with pytest.raises(ValueError, match="once each"):
        with_result(page, "")


@pytest.mark.parametrize("name", ["speed", "reliability"])
def test_the_pages_have_the_marks(name):
    assert with_result((ROOT / "docs" / f"{name}.md").read_text(), "")


def test_the_page_has_the_plot():
    page = (ROOT / "docs" / "speed.md").read_text()
    assert "growth.svg" in page
    assert (ROOT / "docs" / "growth.svg").is_file()


def test_the_plot_of_the_same_times_is_the_same_file(tmp_path):
    times = {way: [1e-5, 1e-4, 1e-3] for way in plot.STYLES}
    panels = [plot.Panel(what=what, sizes=[1, 10, 100], times=times) for what in "ab"]
    for name in "cd":
        plot.draw(panels, tmp_path / name)
    drawn = (tmp_path / "c").read_bytes()
    assert drawn == (tmp_path / "d").read_bytes()
    assert b"<svg" in drawn


@given(st.integers(1, 50), st.floats(0, 1e3), st.integers(0, 99), st.lists(st.floats(0, 2e3)))
def test_jobs_of_the_server_move_forward_and_finish_in_time(jobs, seconds, seed, moments):
    timetable = Timetable(jobs, seconds, seed)
    assert timetable.finished_at == Timetable(jobs, seconds, seed).finished_at
    for number in range(jobs):
        states = [timetable.state(number, now) for now in sorted(moments)]
        assert states == sorted(states)
        assert timetable.state(number, seconds) == 2


def test_the_payloads_are_decoded_by_the_library():
    for size in ((1, 1, 16, 4), (3, 2, 5, 4)):
        found = sj.decode_jobs(payloads.body(*size))
        assert [job.num_circuits for job in found] == [size[1]] * size[0]
        assert [len(job.counts(0)) for job in found] == [size[2]] * size[0]


def test_the_server_finishes_its_jobs_and_counts_requests():
    with started("job_server", "200", "0.2", "7") as origin:

        def get(path):
            with urllib.request.urlopen(f"{origin}/{path}") as response:
                return json.loads(response.read())

        began = get("begin")
        assert 0 <= time.monotonic() - began < 60
        with sj.SuperstaqClient("key", origin) as client:
            handles = [sj.JobHandle(client, job_id(number)) for number in range(200)]
            found = sj.wait_all(handles, timeout_seconds=60, polling_seconds=0.1)
            assert {job.status for job in found} == {"completed"}
            assert [job.job_id for job in found] == [job_id(number) for number in range(200)]
            assert get("requests") == client.traffic.requests


@pytest.mark.official
@pytest.mark.filterwarnings("ignore:Version v0.3.0 of the Superstaq endpoint:UserWarning")
@pytest.mark.parametrize("rows", [http_get, polls])
def test_rows_that_use_what_is_not_public_can_be_measured(rows):
    lines = list(rows.row(Run(quick=True)))
    assert lines
    assert all(line.figure is not None for line in lines)
