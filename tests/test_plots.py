"""Plots: what is drawn, read back from matplotlib's axes; a drawing raises no warning."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import subprocess
import sys

import attrs
import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import PolyCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from scipy import stats
from worlds import JOB, NOON, OTHER, job

import superstaq_jobs as sj
from superstaq_jobs.records.counts import received_counts
from superstaq_jobs.testing import strategies as sts

BELL = sj.Counts({"00": 507, "11": 478, "01": 9, "10": 6})
MANY = sj.Counts({format(n, "010b"): 1000 - n for n in range(1000)})


def drawn(axes):
    """The axes, drawn to the end in every sense: layout, fonts, hatches."""
    axes.figure.savefig(io.BytesIO(), format="svg")
    return axes


def bars_of(axes):
    return [each for each in axes.containers if isinstance(each, BarContainer)]


def heights(axes):
    """The heights of the bars of each of the counts."""
    return [[bar.get_height() for bar in bars] for bars in bars_of(axes)]


def error_bars(axes):
    """The lower and upper end of every error bar."""
    lines = [bars.lines[2][0] for bars in axes.containers if bars.get_label().startswith("_")]
    return [tuple(segment[:, 1]) for line in lines for segment in line.get_segments()]


def labels(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


# ---- counts ------------------------------------------------------------------------------------


def test_a_bar_is_the_share_of_an_outcome():
    axes = drawn(sj.plot_counts(BELL))
    assert labels(axes) == ["00", "01", "10", "11"]
    assert heights(axes) == [pytest.approx([0.507, 0.009, 0.006, 0.478])]
    assert axes.get_legend() is None


def test_error_bars_are_wilson_intervals():
    found = error_bars(drawn(sj.plot_counts(BELL, confidence=0.9)))
    for (low, high), count in zip(found, [507, 9, 6, 478], strict=True):
        judge = stats.binomtest(count, 1000).proportion_ci(0.9, "wilson")
        assert (low, high) == pytest.approx((judge.low, judge.high), abs=1e-12)


@given(
    st.lists(sts.counts(floats=None), min_size=1, max_size=3),
    st.integers(1, 5),
    st.none() | st.floats(0.01, 0.999),
)
@settings(max_examples=30)
def test_the_bars_of_any_counts_add_up_to_their_total(counts, top, confidence):
    usable = [each for each in counts if abs(each.shots) > 1e-6]
    if not usable:
        return
    axes = sj.plot_counts(usable, top=top, confidence=confidence)
    outcomes = {bits for each in usable for bits in each}
    for bars in heights(axes):
        assert len(bars) == min(len(outcomes), top) + (len(outcomes) > top)
        assert sum(bars) == pytest.approx(1, abs=1e-6 * max(1, *map(abs, bars)))
    for low, high in error_bars(axes):
        assert -1e-9 <= low <= high <= 1 + 1e-9


def test_the_most_common_of_all_have_bars_and_the_others_one():
    one, other = sj.Counts({"00": 90, "01": 10}), sj.Counts({"10": 60, "11": 30, "01": 10})
    axes = drawn(sj.plot_counts([one, other], labels=["one", "other"], top=2))
    assert labels(axes) == ["00", "10", "2 others"]
    assert heights(axes) == [pytest.approx([0.9, 0, 0.1]), pytest.approx([0, 0.6, 0.4])]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "other"]


def test_unequal_shots_compare():
    axes = sj.plot_counts([sj.Counts({"0": 1, "1": 1}), sj.Counts({"0": 500, "1": 500})])
    assert heights(axes) == [[0.5, 0.5], [0.5, 0.5]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0", "1"]


def test_several_counts_differ_without_colour():
    axes = sj.plot_counts([BELL] * 4)
    assert len({bars[0].get_hatch() for bars in bars_of(axes)}) == 4


@pytest.mark.parametrize("counts", [{"0": 0.25, "1": 0.75}, {"0": -1.0, "1": 3}])
def test_counts_that_are_not_whole_have_no_error_bars(counts):
    assert error_bars(drawn(sj.plot_counts(sj.Counts(counts)))) == []


def test_negative_shares_are_drawn_below_zero():
    axes = drawn(sj.plot_counts(sj.Counts({"0": -0.25, "1": 1.25})))
    assert heights(axes) == [[-0.25, 1.25]]
    assert axes.get_ylim()[0] < -0.25


def test_others_that_would_dwarf_the_rest_are_cut_and_say_how_high_they_are():
    axes = drawn(sj.plot_counts(MANY))
    assert len(heights(axes)[0]) == 33
    assert axes.get_ylim()[1] < 0.01
    (note,) = axes.texts
    assert note.get_text() == f"{heights(axes)[0][-1]:.1%}"
    assert not list(drawn(sj.plot_counts(BELL, top=2)).texts)


@pytest.mark.parametrize("num_bits", [1, 5, 20, 200])
@pytest.mark.parametrize("num_outcomes", [2, 12, 33, 1000])
def test_labels_do_not_overlap_at_6_inches(num_bits, num_outcomes):
    numbers = {format(n, f"0{num_bits}b")[-num_bits:] for n in range(num_outcomes)}
    axes = drawn(sj.plot_counts(sj.Counts(dict.fromkeys(numbers, 3))))
    assert tuple(axes.figure.get_size_inches()) == (6, 4)
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(one.x1 <= other.x0 + 1 for one, other in itertools.pairwise(boxes))
    assert axes.bbox.height > axes.figure.bbox.height / 3


def test_what_a_server_sends_is_drawn_as_it_is():
    """Not as math, and with what does not print written out."""
    sent = sj.decode_jobs(
        sj.encode_jobs([job("completed")])
        .replace(b'"00"', b'"$x^{$"')
        .replace(b'"11"', b'"a\\u0000"')
    )
    axes = drawn(sj.plot_counts(sent[0].counts(0), labels="a\x07b"))
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names[0] == r"\$x^{\$"
    assert names[1] == r"a\x00"
    assert axes.get_legend().get_texts()[0].get_text() == r"a\x07b"


def test_it_draws_where_it_is_told_and_changes_no_style():
    before = dict(mpl.rcParams)
    axes = Figure().add_subplot()
    assert sj.plot_counts(BELL, ax=axes) is axes
    timeline = Figure().add_subplot()
    assert sj.plot_timeline([job("running")], ax=timeline) is timeline
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("counts", "options", "error", "message"),
    [
        ([], {}, ValueError, "nothing to plot: pass Counts"),
        ({"0": 1}, {}, TypeError, r"counts\[0\] must be Counts, got dict; .*Counts\(\{\.\.\.\}\)"),
        ([BELL, 3], {}, TypeError, r"counts\[1\] must be Counts, got int"),
        (sj.Counts({}), {}, ValueError, "the counts '0' add up to 0"),
        ([BELL, sj.Counts({"0": 0})], {"labels": "ab"}, ValueError, "2 counts and 1 labels"),
        ([BELL, sj.Counts({"0": 0})], {"labels": ["a", "b"]}, ValueError, "the counts 'b' add up"),
        (sj.Counts({"0": 1e308, "1": 1e308}), {}, ValueError, "more than any float"),
        (BELL, {"top": 0}, ValueError, "top must be >= 1, got 0"),
        (BELL, {"top": 2.0}, TypeError, "top must be an int, got 2.0"),
        (BELL, {"top": True}, TypeError, "top must be an int, got True"),
        (BELL, {"confidence": 95}, ValueError, "confidence must be > 0 and < 1, or None, got 95"),
    ],
)
def test_counts_that_cannot_be_plotted(counts, options, error, message):
    with pytest.raises(error, match=message):
        sj.plot_counts(counts, **options)


# ---- timelines ---------------------------------------------------------------------------------


def at(seconds, *statuses, since=None, **fields):
    """A snapshot fetched at a time, whose circuits last changed at others."""
    since = [seconds] * len(statuses) if since is None else since
    snapshot = job(*statuses, fetched_at=NOON + dt.timedelta(seconds=seconds), **fields)
    circuits = [
        attrs.evolve(c, updated_at=None if s is None else NOON + dt.timedelta(seconds=s))
        for c, s in zip(snapshot.circuits, since, strict=True)
    ]
    return attrs.evolve(snapshot, circuits=circuits)


def boxes(axes):
    """By status, the boxes drawn: left, right and the middle of the circuit's bar."""
    found = {}
    for drawing in axes.collections:
        assert isinstance(drawing, PolyCollection)
        corners = [path.vertices[:4].round(6) for path in drawing.get_paths()]
        found[drawing.get_label()] = [
            (box[:, 0].min(), box[:, 0].max(), round(box[:, 1].mean())) for box in corners
        ]
    return found


def test_a_status_lasts_until_the_next():
    history = [
        at(10, "received", "received", since=[10, 10]),
        at(40, "running", "received", since=[30, 10]),
        at(110, "completed", "running", since=[50, 80]),
    ]
    axes = drawn(sj.plot_timeline(history))
    assert boxes(axes) == {
        "received": [(0, 20, 0), (0, 70, 1)],
        "running": [(20, 40, 0), (70, 100, 1)],
        "completed": [(40, 100, 0)],
    }
    assert axes.get_xlabel() == "seconds since 2026-05-01 12:00:10 UTC"
    assert axes.get_ylim() == (1.5, -0.5)
    assert {text.get_text() for text in axes.get_legend().get_texts()} == set(boxes(axes))


def test_without_updated_at_a_status_begins_when_it_was_fetched():
    history = [at(0, "pending", since=[None]), at(60, "running", since=[None]), at(90, "running")]
    assert boxes(sj.plot_timeline(history)) == {"pending": [(0, 60, 0)], "running": [(60, 90, 0)]}


def test_a_server_that_lags_behind_does_not_turn_a_bar_round():
    late = at(90, "completed", since=[30])
    history = [at(0, "received"), at(60, "running"), late, at(100, "completed")]
    found = boxes(sj.plot_timeline(history))
    assert all(left < right for drawn_boxes in found.values() for left, right, _ in drawn_boxes)
    assert found["completed"] == [(60, 100, 0)]


@pytest.mark.parametrize(
    ("seconds", "unit"), [(90, "seconds"), (1000, "minutes"), (20_000, "hours")]
)
def test_the_unit_suits_the_length(seconds, unit):
    axes = sj.plot_timeline([at(0, "received"), at(seconds, "completed")])
    assert axes.get_xlabel().startswith(f"{unit} since ")


@given(sts.job_histories(), st.booleans())
@settings(max_examples=30)
def test_any_history_is_drawn(history, as_stream):
    if not history[0].circuits:
        return
    axes = sj.plot_timeline(iter(history) if as_stream else history)
    every = [box for found in boxes(axes).values() for box in found]
    assert {middle for *_, middle in every} == set(range(history[-1].num_circuits))
    for circuit in range(history[-1].num_circuits):
        mine = sorted((left, right) for left, right, middle in every if middle == circuit)
        assert all(left < right for left, right in mine)


def test_statuses_differ_without_colour():
    axes = sj.plot_timeline([at(0, *sj.CircuitStatus)])
    looks = [(d.get_hatch(), tuple(d.get_facecolor()[0])) for d in axes.collections]
    grey = {(hatch, round(0.3 * r + 0.59 * g + 0.11 * b, 1)) for hatch, (r, g, b, _) in looks}
    # Waiting for submission and for simulation look alike, and so do running and simulating: a job
    # has one or the other.
    assert len(grey) == len(sj.CircuitStatus) - 2


def test_a_job_of_many_circuits_is_drawn():
    axes = drawn(sj.plot_timeline([at(0, *["running"] * 1000), at(9, *["completed"] * 1000)]))
    assert len(boxes(axes)["completed"]) == 1000
    assert axes.get_ylim() == (999.5, -0.5)


def test_one_snapshot_is_a_history():
    (box,) = boxes(drawn(sj.plot_timeline(job("running"))))["running"]
    assert box[0] == 0


@pytest.mark.parametrize(
    ("history", "error", "message"),
    [
        ([], ValueError, "nothing to plot: pass snapshots"),
        ([job()], ValueError, "nothing to plot: pass snapshots"),
        ([job("running"), 3], TypeError, r"snapshots\[1\] must be a JobSnapshot, got int"),
        ([job("running"), job("running", job_id=OTHER)], ValueError, f"{JOB} and {OTHER}"),
        (
            [attrs.evolve(at(0, "running", since=[None]), fetched_at=None, submitted_at=None)],
            ValueError,
            f"circuit 0 of job {JOB} has no updated_at",
        ),
    ],
)
def test_histories_that_cannot_be_plotted(history, error, message):
    with pytest.raises(error, match=message):
        sj.plot_timeline(history)


# ---- what is imported --------------------------------------------------------------------------


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )


def test_pyplot_is_never_imported():
    code = "import sys, superstaq_jobs as sj; sj.plot_counts(sj.Counts({'0': 1}))"
    done = run(f"{code}; print('matplotlib.pyplot' in sys.modules)")
    assert done.stdout.split() == ["False"]


def test_matplotlib_is_not_imported_before_something_is_drawn():
    done = run("import sys; from superstaq_jobs import *; print('matplotlib' in sys.modules)")
    assert done.stdout.split() == ["False"]


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in (lambda: sj.plot_counts(BELL), lambda: sj.plot_timeline(job("running"))):
        with pytest.raises(
            ModuleNotFoundError, match=r"plots need matplotlib: .*pip install .*\[plots\]"
        ):
            draw()


@pytest.mark.parametrize("bits", ["$\\frac$", "\x1b[2J", "$x$", "a\nb", "$" * 30])
def test_an_outcome_is_neither_a_formula_nor_a_control_sequence(bits):
    ax = sj.plot_counts(received_counts({bits: 3, "0": 1}))
    ax.figure.canvas.draw()  # a wrong formula raises here
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert all(label.isprintable() for label in labels)
