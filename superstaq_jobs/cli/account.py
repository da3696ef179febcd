"""``targets`` and ``balance``."""

from __future__ import annotations

from typing import Any

import attrs
import click

import superstaq_jobs as sj

from .output import Column
from .session import Session, remote

__all__ = ["balance", "targets"]

_COLUMNS = (
    Column("target"),
    Column("kind"),
    Column("available"),
    Column("for you"),
    Column("can"),
)


@click.command()
@click.argument("name", required=False)
@click.option("--simulator/--no-simulator", default=None, help="Only simulators, or only devices.")
@click.option("--available", is_flag=True, default=None, help="Only those that accept jobs now.")
@click.option("--accessible", is_flag=True, default=None, help="Only those that you may use.")
@click.option("--retired", is_flag=True, default=None, help="Only those that are retired.")
@remote
@click.pass_obj
def targets(session: Session, /, name: str | None, **conditions: bool | None) -> int:
    """List what circuits can run on.

    With a NAME, what is known of that target.
    """
    from . import views

    with session.client() as client:
        if name is not None:
            info = sj.fetch_target_info(client, name).info.to_dict()
            facts = [(each, views.value(value)) for each, value in info.items()]
            return session.done(
                {"target_name": name, "info": info}, lambda: session.out.facts(facts)
            )
        found = sj.fetch_targets(client, sj.TargetQuery(**conditions))
    data = {"targets": list(map(_data, found))}
    return session.done(data, lambda: session.out.table(_COLUMNS, map(_row, found)))


def _data(target: sj.Target) -> dict[str, Any]:
    data = attrs.asdict(target, recurse=False)
    return data | {"extra": target.extra.to_dict()}


def _row(target: sj.Target) -> tuple[str, ...]:
    can = {
        "run": target.supports_submit,
        "compile": target.supports_compile,
        "solve QUBOs": target.supports_submit_qubo,
    }
    kind = "simulator" if target.simulator else "device"
    return (
        target.target_name,
        f"{kind}, retired" if target.retired else kind,
        "yes" if target.available else "no",
        "yes" if target.accessible else "no",
        ", ".join(name for name, it_can in can.items() if it_can),
    )


@click.command()
@remote
@click.pass_obj
def balance(session: Session) -> int:
    """Show how much you can still spend, in US dollars."""
    with session.client() as client:
        found = sj.fetch_balance(client)
    data = {"balance": found.balance, "email": found.email}

    def text() -> None:
        out = session.out
        if out.is_terminal and found.email:
            out.line(found.email, ": ", (f"${found.balance:,.2f}", "bold"))
        else:
            out.line(f"${found.balance:,.2f}" if out.is_terminal else str(found.balance))

    return session.done(data, text)
