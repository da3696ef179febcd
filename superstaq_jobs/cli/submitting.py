"""``submit``."""

from __future__ import annotations

from typing import Any

import click

import superstaq_jobs as sj

from .arguments import pairs
from .circuit_files import read_circuits
from .output import amount
from .session import Session, remote

__all__ = ["submit"]

_METHODS = ("submit", "simulate", "compile", "convert", "sim", "noise-sim", "dry-run")


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.File("rb", lazy=True)
)
@click.option("--target", required=True, help="What to run on: see superstaq-jobs targets.")
@click.option(
    "--shots", type=int, default=0, help="How often to run each circuit; needed if it runs."
)
@click.option("--tag", "tags", multiple=True, help="A tag by which to find the job; repeatable.")
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    default=None,
    help="What to do, by the official clients' names; by default, run it on the target.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Simulate the run instead of running it: --method dry-run.",
)
@click.option(
    "--submission-key",
    metavar="KEY",
    help="Identifies this submission: the same command can be run again, and the job is submitted "
    "once. Only API v0.3.0 can.",
)
@click.option(
    "--metadata",
    metavar="NAME=VALUE",
    multiple=True,
    callback=pairs,
    help="Data to store with the job, as JSON or a string; repeatable. No secrets.",
)
@click.option(
    "--option",
    "options_dict",
    metavar="NAME=VALUE",
    multiple=True,
    callback=pairs,
    help="An option for the compiler or the provider; repeatable. No credentials.",
)
@click.option("--priority", type=int, default=0, help="Higher runs sooner, within your limits.")
@click.option("--verbatim", is_flag=True, help="Run the circuits without compiling them.")
@remote
@click.pass_obj
def submit(
    session: Session,
    /,
    files: tuple[Any, ...],
    method: str | None,
    dry_run: bool,
    submission_key: str | None,
    **fields: Any,
) -> int:
    """Submit the circuits in files as one job, and print its id.

    A file holds OpenQASM, the JSON of cirq.to_json, or QPY; - is stdin. Several files, or a file
    with several circuits (a JSON array, QPY, or programs one after another), make one job of them,
    which must be of one format. API v0.2.0 takes Cirq and QPY only.

    \b
    superstaq-jobs submit bell.qasm --target ss_unconstrained_simulator --shots 1000
    superstaq-jobs wait $(superstaq-jobs submit *.qasm --target ibmq_fez_qpu --shots 100)
    """
    if dry_run and method not in {None, "dry-run"}:
        raise click.UsageError(f"--dry-run and --method {method} exclude each other.")
    method = "dry-run" if dry_run else method
    circuits, circuit_type = read_circuits(files)
    job = sj.NewJob.for_method(method, circuits=circuits, circuit_type=circuit_type, **fields)
    with session.client() as client:
        session.after_interrupt = "interrupted while submitting: the job may have been created"
        again = ["list", "--since", "10 minutes"]
        if submission_key is not None:
            again = ["list", "--tag", f"submission-key:{submission_key}"]
        session.goes_on = again
        receipt = sj.submit_job(client, job, submission_key=submission_key)
    job_id = str(receipt.job_id)
    data = {
        "job_id": job_id,
        "num_circuits": receipt.num_circuits,
        "adopted": receipt.adopted,
        "target": job.target,
    }

    def text() -> None:
        out = session.out
        if not out.is_terminal:
            out.line(job_id)
            return
        what = amount(receipt.num_circuits, "circuit")
        verb = "Found again: job " if receipt.adopted else "Submitted job "
        out.line(verb, (job_id, "bold"), f" with {what} to {job.target}.")
        session.goes_on = ["wait", job_id]
        out.line(f"Wait for it:  {session.resume}")

    return session.done(data, text)
