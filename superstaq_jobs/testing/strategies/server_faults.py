"""Strategies for faults of servers and networks, and for scripts of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, TypeAlias

import attrs
from hypothesis import strategies as st

from superstaq_jobs.errors import InvalidValue
from superstaq_jobs.testing.faults import Fault, FaultKind

from .arguments import checked, every_one_of
from .choices import Choices

__all__ = ["fault_scripts", "faults"]

_STATUS_CODES: Final = (
    *(503, 500, 502, 504, 429, 408, 400, 404, 409, 413, 422, 403, 401, 418, 501),
    *range(520, 531),
)
_RETRY_AFTER: Final = (None, None, 1, 30, 0, 86_400)


@checked
def faults(
    *,
    kinds: Collection[FaultKind | str] | None = None,
    status_codes: Sequence[int] | None = None,
    transient: bool | None = None,
    lost_answers: bool = True,
) -> st.SearchStrategy[Fault]:
    """Faults of one request.

    Args:
        kinds: The kinds of faults; None for all.
        status_codes: The status codes of ``status`` faults; None for the usual ones.
        transient: True for faults after which the next attempt may succeed, False for the others,
            None for both.
        lost_answers: Whether some requests are carried out although their response is lost.

    Raises:
        ValueError: No fault is left.
    """
    return _faults(_pools(kinds, status_codes, transient), lost_answers)


@checked
def fault_scripts(
    *,
    max_faults: int = 5,
    kinds: Collection[FaultKind | str] | None = None,
    status_codes: Sequence[int] | None = None,
    transient: bool | None = None,
    lost_answers: bool = True,
) -> st.SearchStrategy[list[Fault | None]]:
    """Scripts of faults: the fault of the first request, the second, and so on.

    None stands for a request that succeeds; so do all requests after the last fault, so that a
    script always ends. Pass one to ``ScriptedTransport.from_function``.

    Args:
        max_faults: The largest number of faults in a script.
        kinds: The kinds of faults; None for all.
        status_codes: The status codes of ``status`` faults; None for the usual ones.
        transient: True for faults after which the next attempt may succeed, False for the others,
            None for both.
        lost_answers: Whether some requests are carried out although their response is lost.

    Raises:
        ValueError: No fault is left.
    """
    return _fault_scripts(max_faults, _pools(kinds, status_codes, transient), lost_answers)


_Pools: TypeAlias = tuple[tuple[Fault, ...], ...]
"""The faults to choose from, kind by kind."""


def _pools(
    kinds: Collection[FaultKind | str] | None,
    status_codes: Sequence[int] | None,
    transient: bool | None,
) -> _Pools:
    pools = []
    for kind in (
        FaultKind if kinds is None else dict.fromkeys(every_one_of(FaultKind, kinds, "kinds"))
    ):
        codes = (503,) if kind is not FaultKind.STATUS else status_codes or _STATUS_CODES
        try:
            pool = [Fault(kind, status_code=code) for code in codes]
        except InvalidValue as error:
            raise InvalidValue(f"status_codes: {error}") from None
        pools.append(tuple(fault for fault in pool if transient in {None, fault.is_transient}))
    if not any(pools):
        raise InvalidValue("no fault is left: kinds, status_codes and transient exclude them all")
    return tuple(filter(None, pools))


@st.composite
def _faults(draw: st.DrawFn, pools: _Pools, lost_answers: bool) -> Fault:
    return _fault(Choices(draw, 4), pools, lost_answers=lost_answers)


def _fault(choices: Choices, pools: _Pools, *, lost_answers: bool) -> Fault:
    fault, after, is_done = choices.of(choices.of(pools)), choices.of(_RETRY_AFTER), choices.flag()
    if fault.kind is FaultKind.STATUS:
        fault = attrs.evolve(fault, retry_after_seconds=after)
    return attrs.evolve(fault, is_done=is_done and lost_answers and fault.kind.arrives)


@st.composite
def _fault_scripts(
    draw: st.DrawFn, max_faults: int, pools: _Pools, lost_answers: bool
) -> list[Fault | None]:
    script: list[Fault | None] = []
    number = 0
    # Each entry decides whether it is the last, so Hypothesis can leave out any of them.
    while number < max_faults:
        choices = Choices(draw, 6)
        if choices.below(8) == 0:
            break
        goes_well = choices.below(4) == 1
        number += not goes_well
        script.append(None if goes_well else _fault(choices, pools, lost_answers=lost_answers))
    while script and script[-1] is None:
        script.pop()
    return script
