"""Tables of snapshots: what they hold, that all kinds of them agree, and what files they make."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import io
import itertools
import json
import math
import subprocess
import sys

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOON, job

import superstaq_jobs as sj
from superstaq_jobs import tables
from superstaq_jobs.testing import strategies as sts

pa = pytest.importorskip("pyarrow")
ds = pytest.importorskip("pyarrow.dataset")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
duckdb = pytest.importorskip("duckdb")

KINDS = ("outcomes", "circuits", "changes")
TIME = pa.timestamp("us", tz="UTC")
SCHEMAS = {
    "outcomes": pa.schema(
        {
            "job_id": pa.string(),
            "circuit": pa.int32(),
            "target": pa.string(),
            "bits": pa.string(),
            "count": pa.float64(),
            "total": pa.float64(),
            "shots": pa.int64(),
        }
    ),
    "circuits": pa.schema(
        {
            "job_id": pa.string(),
            "circuit": pa.int32(),
            "job_type": pa.string(),
            "target": pa.string(),
            "circuit_type": pa.string(),
            "status": pa.string(),
            "status_message": pa.string(),
            "provider_id": pa.string(),
            "shots": pa.int64(),
            "outcomes": pa.int64(),
            "total": pa.float64(),
            "submitted_at": TIME,
            "updated_at": TIME,
            "fetched_at": TIME,
            "tags": pa.list_(pa.string()),
            "metadata": pa.string(),
            "digest": pa.string(),
        }
    ),
    "changes": pa.schema(
        {
            "job_id": pa.string(),
            "circuit": pa.int32(),
            "from_status": pa.string(),
            "to_status": pa.string(),
            "at": TIME,
            "seconds": pa.float64(),
        }
    ),
}

every_kind = pytest.mark.parametrize("kind", KINDS)


def old_job(*circuit_ids, **fields):
    """A job of one circuit, as API v0.2.0 describes it."""
    sent = {each: {"status": "Done", **fields} for each in circuit_ids}
    return sj.decode_jobs(json.dumps(sent).encode(), api_version="v0.2.0")


SNAPSHOTS = st.lists(sts.job_snapshots(), max_size=3) | sts.job_histories(num_circuits=2)


def reordered(snapshot):
    """An equal snapshot whose counts are in another order."""
    circuits = [
        attrs.evolve(c, counts=None if c.counts is None else dict(reversed(c.counts.items())))
        for c in snapshot.circuits
    ]
    return attrs.evolve(snapshot, circuits=circuits)


# ---- laws ----------------------------------------------------------------------------------------


@every_kind
@given(SNAPSHOTS)
def test_rows_and_every_table_agree(kind, snapshots):
    rows = tables.to_rows(snapshots, kind)
    table = tables.to_arrow(snapshots, kind)
    assert table.schema == SCHEMAS[kind]
    assert table.to_pylist() == rows
    assert [list(row) for row in rows] == [table.column_names] * len(rows)
    assert tables.to_polars(snapshots, kind).to_dicts() == rows
    frame = tables.to_pandas(snapshots, kind)
    assert list(frame.columns) == table.column_names
    assert pa.Table.from_pandas(frame, schema=SCHEMAS[kind]).to_pylist() == rows


@every_kind
@given(SNAPSHOTS)
def test_equal_snapshots_give_equal_tables(kind, snapshots):
    others = [reordered(snapshot) for snapshot in snapshots]
    assert others == snapshots
    assert tables.to_arrow(others, kind).equals(tables.to_arrow(snapshots, kind))
    assert tables.to_rows(others, kind) == tables.to_rows(snapshots, kind)


@given(SNAPSHOTS)
def test_every_outcome_is_in_one_row_in_order(snapshots):
    expected = [
        (str(snapshot.job_id), circuit.index, bits, circuit.counts[bits])
        for snapshot in snapshots
        for circuit in snapshot.circuits
        for bits in sorted(circuit.counts or ())
    ]
    rows = tables.to_rows(snapshots)
    assert [(r["job_id"], r["circuit"], r["bits"], r["count"]) for r in rows] == expected
    for (_, _), group in itertools.groupby(rows, lambda r: (r["job_id"], r["circuit"])):
        first = next(group)
        assert type(first["count"]) is type(first["total"]) is float


@given(st.lists(sts.job_snapshots(), max_size=3))
def test_every_circuit_is_in_one_row_in_order(snapshots):
    expected = [(s, c) for s in snapshots for c in s.circuits]
    rows = tables.to_rows(snapshots, "circuits")
    assert len(rows) == len(expected)
    for row, (snapshot, circuit) in zip(rows, expected, strict=True):
        assert row["status"] == circuit.status_text
        assert row["digest"] == snapshot.digest
        assert json.loads(row["metadata"]) == json.loads(json.dumps(snapshot.metadata.to_dict()))
        assert (row["submitted_at"], row["tags"]) == (snapshot.submitted_at, [*snapshot.tags])
        assert row["outcomes"] == (None if circuit.counts is None else len(circuit.counts))
        assert row["total"] == (None if circuit.counts is None else circuit.counts.shots)


@given(sts.job_histories())
def test_the_changes_of_a_history_are_those_of_its_statuses(history):
    rows = tables.to_rows(history, "changes")
    for circuit in range(history[0].num_circuits):
        seen = [snapshot.circuits[circuit] for snapshot in history]
        steps = [key for key, _ in itertools.groupby(each.status_text for each in seen)]
        own = [row for row in rows if row["circuit"] == circuit]
        assert [row["to_status"] for row in own] == steps
        assert [row["from_status"] for row in own] == [None, *steps[:-1]]
        times = [row["at"] for row in own]
        assert [row["seconds"] for row in own] == [
            None,
            *((after - before).total_seconds() for before, after in itertools.pairwise(times)),
        ]
    assert tables.to_rows([each for each in history for _ in range(2)], "changes") == rows


@every_kind
def test_without_snapshots_the_schema_is_the_same(kind, tmp_path):
    assert tables.to_rows([], kind) == []
    assert tables.to_arrow([], kind).equals(SCHEMAS[kind].empty_table())
    full = job("completed", "running")
    frame = tables.to_pandas([], kind)
    assert frame.dtypes.equals(tables.to_pandas([full], kind).dtypes)
    assert tables.to_polars([], kind).schema == tables.to_polars([full], kind).schema
    assert tables.write_parquet([], tmp_path, kind) == 0
    assert list(tmp_path.iterdir()) == []


@every_kind
@given(snapshots=SNAPSHOTS, batch=st.integers(1, 3))
def test_files_hold_the_rows_and_equal_snapshots_give_equal_files(
    tmp_path_factory, kind, snapshots, batch
):
    one, two = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("files") / "new" / "er"
    rows = tables.to_rows(snapshots, kind)
    assert tables.write_parquet(iter(snapshots), one, kind, batch=batch) == len(rows)
    tables.write_parquet([*map(reordered, snapshots)], two, kind, batch=batch)
    assert contents(one) == contents(two)
    if rows:
        found = ds.dataset(one, partitioning="hive").to_table()
        read = found.select(SCHEMAS[kind].names).cast(SCHEMAS[kind]).to_pylist()
        assert in_any_order(read) == in_any_order(rows)


def in_any_order(rows):
    plain = [
        {k: v.timestamp() if isinstance(v, dt.datetime) else v for k, v in row.items()}
        for row in rows
    ]
    return sorted(plain, key=repr)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# ---- both versions of the API --------------------------------------------------------------------


def test_what_v0_2_0_does_not_say_is_null():
    snapshots = old_job("a1", "b2", samples={"1": 3, "0": 2})
    assert tables.to_rows(snapshots[:1], "circuits") == [
        {
            **dict.fromkeys(SCHEMAS["circuits"].names),
            "job_id": "a1",
            "circuit": 0,
            "status": "completed",
            "outcomes": 2,
            "total": 5.0,
            "digest": snapshots[0].digest,
        }
    ]
    common = {"circuit": 0, "target": None, "total": 5.0, "shots": None}
    assert tables.to_arrow(snapshots).to_pylist() == [
        {"job_id": job_id, "bits": bits, "count": count, **common}
        for job_id in ("a1", "b2")
        for bits, count in (("0", 2.0), ("1", 3.0))
    ]
    assert tables.to_arrow(snapshots, "circuits").schema == SCHEMAS["circuits"]
    assert tables.to_rows(snapshots, "changes")[0]["at"] is None
    assert tables.to_pandas(snapshots)["shots"].isna().all()


def test_both_versions_in_one_table(tmp_path):
    snapshots = [job("completed"), *old_job("a1", samples={"1": 3}, shots=3)]
    table = tables.to_arrow(snapshots)
    assert table["target"].to_pylist() == ["ss_unconstrained_simulator"] * 2 + [None]
    assert table["shots"].to_pylist() == [10, 10, 3]
    assert tables.write_parquet(snapshots, tmp_path) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "target=__HIVE_DEFAULT_PARTITION__",
        "target=ss_unconstrained_simulator",
    ]
    found = duckdb.read_parquet(f"{tmp_path}/*/*.parquet", hive_partitioning=True).order(
        "job_id, bits"
    )
    assert found.project(*table.column_names).fetchall() == [
        tuple(row.values()) for row in table.to_pylist()
    ]


# ---- details -------------------------------------------------------------------------------------


def test_the_types_of_pandas_do_not_depend_on_the_rows():
    frame = tables.to_pandas([job("completed")], "circuits")
    kinds = frame.dtypes.map(str).to_dict()
    assert (kinds["job_id"], frame["job_id"].dtype.storage) == ("string", "pyarrow")
    assert kinds["shots"] == kinds["outcomes"] == "Int64"
    assert kinds["submitted_at"] == "datetime64[us, UTC]"
    assert (kinds["circuit"], kinds["total"]) == ("int32", "float64")


def test_rows_are_what_other_libraries_take():
    snapshots = [job("completed", "failed")]
    rows = tables.to_rows(snapshots, "circuits")
    assert list(pd.DataFrame(rows)["status"]) == ["completed", "failed"]
    written = io.StringIO()
    writer = csv.DictWriter(written, fieldnames=rows[0])
    writer.writeheader()
    writer.writerows(rows)
    assert len(written.getvalue().splitlines()) == 3


def test_counts_of_an_unfinished_circuit_are_in_the_table():
    circuit = sj.CircuitSnapshot(index=0, status_text="running", counts={"0": 1})
    assert len(tables.to_rows([attrs.evolve(job("running"), circuits=[circuit])])) == 1


def test_times_are_in_utc():
    east = dt.timezone(dt.timedelta(hours=2))
    snapshot = attrs.evolve(job("running"), submitted_at=NOON.astimezone(east))
    (row,) = tables.to_rows([snapshot], "circuits")
    assert row["submitted_at"].utcoffset() == dt.timedelta(0)
    first = dt.datetime(1, 1, 1, tzinfo=east)  # the year 0 in UTC, which Python does not have
    (row,) = tables.to_rows([attrs.evolve(snapshot, submitted_at=first)], "circuits")
    assert row["submitted_at"] == first


def test_an_unknown_status_is_kept_as_written():
    assert tables.to_rows([job("teleporting")], "changes")[0]["to_status"] == "teleporting"


def test_changes_go_on_from_one_batch_to_the_next(tmp_path):
    later = NOON + dt.timedelta(seconds=5)
    history = [
        attrs.evolve(
            job(status),
            circuits=[sj.CircuitSnapshot(index=0, status_text=status)],
            fetched_at=at,
        )
        for status, at in (("running", NOON), ("running", NOON), ("completed", later))
    ]
    assert tables.write_parquet(history, tmp_path, "changes", batch=1) == 2
    found = ds.dataset(tmp_path, partitioning="hive").to_table().to_pylist()
    assert [(row["from_status"], row["seconds"]) for row in found] == [(None, None), ("running", 5)]
    assert {row["target"] for row in found} == {"ss_unconstrained_simulator"}


def test_a_table_of_more_rows_than_a_batch():
    counts = sj.Counts({f"{n:010b}": n for n in range(1024)})
    circuits = [sj.CircuitSnapshot(index=0, status_text="completed", counts=counts)]
    many = attrs.evolve(
        job(), circuits=[attrs.evolve(circuits[0], index=index) for index in range(70)]
    )
    table = tables.to_arrow([many, job("completed")])
    assert table["job_id"].num_chunks == 2
    assert table.slice(70 * 1024).equals(tables.to_arrow([job("completed")]))
    assert table["count"].to_pylist()[: 70 * 1024] == [*range(1024)] * 70
    assert table["circuit"].to_pylist()[1023 : 70 * 1024 : 1024] == [*range(70)]


@pytest.mark.parametrize("batch", [0, 1.5, None, "3", True])
def test_a_batch_that_is_no_number_is_refused(batch, tmp_path):
    with pytest.raises(ValueError, match=r"batch must be an int >= 1, .*nothing was written"):
        tables.write_parquet([job("completed")], tmp_path / "new", batch=batch)
    assert not (tmp_path / "new").exists()


# ---- numbers -------------------------------------------------------------------------------------

LARGE = st.integers(2**53 - 2, 2**53 + 3) | st.integers(0, 2**80) | st.just(10**400)


def exact(value):
    try:
        return decimal.Decimal(float(value)) == decimal.Decimal(value)
    except OverflowError:
        return False


@given(st.dictionaries(sts.bitstrings(2), LARGE, max_size=3))
def test_a_count_that_no_double_holds_is_refused(counts):
    with decimal.localcontext(prec=500):
        held = all(map(exact, (*counts.values(), sum(counts.values()))))
    snapshots = [job("completed").with_counts(0, counts)]
    for make in (tables.to_rows, tables.to_arrow):
        if held:
            make(snapshots)
        else:
            with pytest.raises(ValueError, match=r"count.* in circuit 0 of job .*a1 is \d+, which"):
                make(snapshots)
    if held:
        assert tables.to_arrow(snapshots).to_pylist() == tables.to_rows(snapshots)


@pytest.mark.parametrize("counts", [{"0": 2.0**60, "1": 2**53 + 1}, {"0": 1.5, "1": 2**53 + 1}])
def test_also_beside_floats(counts):
    for make in (tables.to_rows, tables.to_arrow):
        with pytest.raises(ValueError, match="no double holds"):
            make([job("completed").with_counts(0, counts)])


def test_shots_that_do_not_fit():
    (snapshot,) = old_job("a1", shots=2**63, samples={"0": 1})
    for make, kind in itertools.product((tables.to_rows, tables.to_arrow), KINDS[:2]):
        with pytest.raises(ValueError, match="circuit 0 of job a1 do not fit 64 bits: 9223"):
            make([snapshot], kind)


def test_weights():
    snapshot = job("completed").with_counts(0, {"0": 1.25, "1": -0.25})
    assert [row["count"] for row in tables.to_rows([snapshot])] == [1.25, -0.25]
    assert math.isclose(tables.to_rows([snapshot])[0]["total"], 1.0)


# ---- refusals ------------------------------------------------------------------------------------

MAKERS = [tables.to_rows, tables.to_arrow, tables.to_pandas, tables.to_polars]


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_not_snapshots_is_refused(make):
    with pytest.raises(TypeError, match=r"got one: pass \[snapshot\]"):
        make(job("completed"))
    with pytest.raises(TypeError, match=r"must be a JobSnapshot, got \{\}"):
        make([job("completed"), {}])
    with pytest.raises(ValueError, match="one of 'outcomes', 'circuits', 'changes', got 'jobs'"):
        make([], "jobs")


def test_a_handle_is_refused_with_a_hint():
    from worlds import JOB, scripted

    with pytest.raises(TypeError, match=r"got <JobHandle .*: pass handle.refresh\(\)"):
        tables.to_rows([sj.JobHandle(scripted(), JOB)])


def test_a_directory_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(FileExistsError, match="is not empty, so nothing was written"):
        tables.write_parquet([job("completed")], tmp_path)
    with pytest.raises(FileExistsError):
        tables.write_parquet([job("completed")], tmp_path / "mine")
    assert contents(tmp_path) == {"mine": b"x"}


@pytest.mark.parametrize(
    ("arguments", "options"), [(("rows",), {}), ((), {"batch": 0}), ((), {"batch": -1})]
)
def test_wrong_options_write_nothing(tmp_path, arguments, options):
    with pytest.raises(ValueError, match="must be"):
        tables.write_parquet([job("completed")], tmp_path / "new", *arguments, **options)
    assert not (tmp_path / "new").exists()


def test_snapshots_are_read_as_they_are_written(tmp_path):
    def some():
        for number in range(4):
            assert len(contents(tmp_path)) == number // 2
            yield job("completed")

    assert tables.write_parquet(some(), tmp_path, batch=2) == 8


HOW = "in a clone of superstaq_jobs, pip install"


@pytest.mark.parametrize(
    ("missing", "call", "arguments", "packages"),
    [
        ("pyarrow", tables.to_arrow, ([],), "'.[tables]'"),
        ("pyarrow", tables.to_pandas, ([],), "'.[tables]'"),
        ("pyarrow", tables.to_polars, ([],), "'.[tables]'"),
        ("pyarrow", tables.write_parquet, ([], "new"), "'.[tables]'"),
        ("pandas", tables.to_pandas, ([],), "'.[tables]' pandas"),
        ("polars", tables.to_polars, ([],), "'.[tables]' polars"),
    ],
)
def test_a_missing_package_is_named_with_what_to_install(
    missing, call, arguments, packages, monkeypatch
):
    monkeypatch.setitem(sys.modules, missing, None)  # which Python takes as not installed
    assert tables.to_rows([]) == []
    with pytest.raises(ModuleNotFoundError) as caught:
        call(*arguments)
    assert str(caught.value) == f"{call.__name__} needs {missing}: {HOW} {packages}"
    assert caught.value.name == missing


def test_nothing_heavy_is_imported_before_it_is_used():
    code = "import sys, superstaq_jobs as sj; sj.tables.to_rows([]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"pyarrow", "pandas", "polars", "numpy"} & set(done.stdout.split())


@pytest.mark.parametrize("rows", ["outcomes", "circuits"])
def test_counts_beyond_all_doubles_are_refused_with_their_job(rows):
    snapshots = [job("completed").with_counts(0, {"0": 1e308, "1": 1e308})]
    for make in (tables.to_rows, tables.to_arrow):
        with pytest.raises(ValueError, match=r"circuit 0 of job .*any float; leave that job out"):
            make(snapshots, rows)


def test_a_count_that_python_does_not_print_is_refused_like_another():
    snapshots = [job("completed").with_counts(0, {"0": 10**5000})]
    for make in (tables.to_rows, tables.to_arrow):
        with pytest.raises(ValueError, match="is a int, which no double holds"):
            make(snapshots)
