"""``emulator``: a local Superstaq until Ctrl-C."""

from __future__ import annotations

import contextlib
import importlib
import json
import signal
import threading
from collections.abc import Collection
from types import ModuleType
from typing import TYPE_CHECKING, Any

import attrs
import click

from .failures import CommandError, ExitCode
from .session import Session, local

if TYPE_CHECKING:
    from superstaq_jobs.emulator import Emulator

__all__ = ["emulator", "emulator_package"]


def emulator_package() -> ModuleType:
    """The emulator.

    Raises:
        CommandError: If its extra is not installed.
    """
    try:
        return importlib.import_module("superstaq_jobs.emulator")
    except ImportError as error:
        from superstaq_jobs.records.problems import how_to_install

        what = f"a local Superstaq needs {error.name}: {how_to_install('emulator')}"
        raise CommandError(what, ExitCode.USAGE) from None


@click.command()
@click.option("--port", type=int, default=8080, help="Default: 8080; 0 for any that is free.")
@click.option(
    "--api-key",
    default="emulator-key",
    help="The key that it accepts; default: emulator-key. Not your own key: it is shown.",
)
@click.option("--seed", type=int, default=None, help="Determines job ids, times and samples.")
@click.option(
    "--step-seconds",
    type=float,
    default=0.5,
    help="How long a circuit stays in each status, on average; default: 0.5.",
)
@click.option(
    "--targets",
    type=click.Choice(["default", "official"]),
    default="default",
    help="official: the names of the service's targets, for programs that name them.",
)
@click.option(
    "--plans",
    type=click.File("rb"),
    help="A JSON file that says how jobs will go: an object with the key plans, or several in an "
    "array.",
)
@local
@click.pass_obj
def emulator(
    session: Session, /, targets: str, plans: Any, seed: int | None, **options: Any
) -> int:
    """Run a local Superstaq until Ctrl-C.

    It prints two export lines; with them, this library and the official clients use it. With
    --plans FILE, a file such as {"plans": [{"queue_seconds": 60}, {"ending": {"becomes":
    "failed"}}]} says how the first jobs go.
    """
    package = emulator_package()
    stopped = threading.Event()
    with contextlib.suppress(ValueError):  # not in the main thread, which handles signals
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    given = [] if plans is None else _read_plans(plans)
    if seed is not None:
        options["seed"] = seed
    chosen = getattr(package, f"{targets.upper()}_TARGETS")
    server = package.Emulator(targets=chosen, **options)
    for body in given:
        _plan(server, body)
    try:
        server.start()
    except OSError as error:
        raise CommandError(f"the emulator cannot start: {error}") from None
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        if session.out.json:
            session.out.document({"url": server.url, "api_key": server.api_key}, code=None)
        else:
            session.out.line(f"A local Superstaq listens at {server.url} until Ctrl-C.")
            session.out.line(f"  export SUPERSTAQ_REMOTE_HOST={server.url}")
            session.out.line(f"  export SUPERSTAQ_API_KEY={server.api_key}")
        stopped.wait()
    return ExitCode.OK


def _read_plans(file: Any) -> list[Any]:
    try:
        read = json.load(file)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file.name} is not JSON: {error}", ExitCode.USAGE) from None
    return read if isinstance(read, list) else [read]


def _plan(server: Emulator, body: Any) -> None:
    """Plan what an object of the file says."""
    from superstaq_jobs.emulator import Ending, Plan

    def ending(given: Any) -> Ending:
        return Ending(**{"becomes": None, **_object(given, attrs.fields_dict(Ending))})

    def plan(given: Any) -> Plan:
        made = dict(_object(given, attrs.fields_dict(Plan)))
        if "ending" in made:
            made["ending"] = ending(made["ending"])
        if isinstance(made.get("circuits"), dict):
            made["circuits"] = {
                int(index) if index.isdecimal() else index: ending(one)
                for index, one in made["circuits"].items()
            }
        return Plan(**made)

    try:
        how = dict(_object(body, ("plans", "tag", "target", "always")))
        plans = how.pop("plans", None)
        if not isinstance(plans, list):
            raise TypeError(f"plans must be an array, got {plans!r}")  # noqa: TRY301
        server.plan(*map(plan, plans), **how)
    except (TypeError, ValueError) as error:
        raise CommandError(f"the plans cannot be used: {error}", ExitCode.USAGE) from None


def _object(given: Any, known: Collection[str]) -> dict[str, Any]:
    """An object of the file, all of whose keys are known."""
    if not isinstance(given, dict):
        raise TypeError(f"expected an object, got {given!r}")
    for key in given:
        if key not in known:
            raise ValueError(f"unknown key {key}: there are {', '.join(known)}")
    return given
