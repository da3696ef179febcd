"""Version 0.2.0 of the API, the official clients' default: each circuit is a job of its own."""

from __future__ import annotations

from typing import Final

from superstaq_jobs._version import __version__
from superstaq_jobs.emulator.accounts import User
from superstaq_jobs.emulator.messages import Request, Response, json_response
from superstaq_jobs.emulator.server.versions import ApiVersion, Call
from superstaq_jobs.emulator.service import Service

from . import account, compiling, jobs
from .requests import error

__all__ = ["V0_2_0"]


def _greet(_: Service, __: User, ___: Request) -> Response:
    return json_response({"version": "v0.2.0"}, headers={"superstaq_version": __version__})


V0_2_0: Final = ApiVersion(
    name="v0.2.0",
    calls=(
        Call("GET", "", _greet, access="anyone"),
        Call("POST", "/jobs", jobs.create_jobs),
        Call("POST", "/fetch_jobs", jobs.fetch_jobs),
        Call("POST", "/cancel_jobs", jobs.cancel_jobs),
        Call("POST", "/compile", compiling.compile_circuits),
        Call("POST", "/aqt_compile", compiling.compile_for_aqt),
        Call("POST", "/qscout_compile", compiling.compile_for_qscout),
        Call("POST", "/resource_estimate", compiling.estimate_resources),
        Call("POST", "/targets", account.fetch_targets),
        Call("POST", "/target_info", account.fetch_target_info),
        Call("GET", "/balance", account.fetch_balance),
        Call("GET", "/user_info", account.fetch_user),
        Call("POST", "/accept_terms_of_use", account.accept_terms, access="validated"),
        Call("POST", "/aqt_configs", account.keep_aqt_files),
        Call("GET", "/get_aqt_configs", account.fetch_aqt_files),
        *account.REFUSED_CALLS,
    ),
    error=error,
)
"""This version."""
