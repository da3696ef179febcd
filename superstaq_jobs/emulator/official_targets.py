"""Targets with the names that the service uses, for programs that name them.

The names and flags are those that the service lists. Sizes, connections and gates are plausible
rather than exact, and no device's noise is modelled. ``cq_sqale_qpu`` is smaller than the real one,
because programs for it act on all of its qubits at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from .targets import Target

__all__ = ["OFFICIAL_TARGETS"]


def _read() -> tuple[Target, ...]:
    data = msgspec.json.decode(Path(__file__).with_suffix(".json").read_bytes())
    couplings: dict[str | None, Any] = {None: None}
    for name, pairs in data["couplings"].items():
        couplings[name] = sorted([*pairs, *([b, a] for a, b in pairs)])
    rows = [{**row, "coupling": couplings[row.get("coupling")]} for row in data["targets"]]
    return msgspec.convert(rows, tuple[Target, ...])


OFFICIAL_TARGETS: Final = _read()
"""The targets that the service listed in November 2026, for `Emulator(targets=...)`."""
