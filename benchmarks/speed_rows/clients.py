"""The official client, unmodified, as the rows use it."""

from __future__ import annotations

from typing import Final

import general_superstaq as gss
from general_superstaq.superstaq_client import _SuperstaqClientV3

__all__ = ["KEY", "official_client"]

KEY: Final = "canary-key-of-the-benchmark-5e1f"


def official_client(origin: str) -> _SuperstaqClientV3:
    """The official client for the same version of the API; sends nothing yet."""
    return _SuperstaqClientV3(
        "benchmark",
        api_key=KEY,
        remote_host=origin,
        api_version="v0.3.0",
        circuit_type=gss.models.CircuitType.QASM,
    )
