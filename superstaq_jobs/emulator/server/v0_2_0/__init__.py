"""Version 0.2.0 of the API, the official clients' default: each circuit is a job of its own."""

from __future__ import annotations

from typing import Final

from superstaq_jobs._version import __version__
from superstaq_jobs.emulator.messages import Request, Response, json_response
from superstaq_jobs.emulator.service import ApiVersion, Call, Service, User

from . import account, compiling, jobs
from .requests import error

__all__ = ["V0_2_0"]


def _greet(_: Service, __: User, ___: Request) -> Response:
    return json_response({"version": "v0.2.0"}, headers={"superstaq_version": __version__})


V0_2_0: Final = ApiVersion(
    calls={
        "GET ": Call(_greet, access="anyone"),
        "POST /jobs": Call(jobs.create_jobs),
        "POST /fetch_jobs": Call(jobs.fetch_jobs),
        "POST /cancel_jobs": Call(jobs.cancel_jobs),
        "POST /compile": Call(compiling.compile_circuits),
        "POST /aqt_compile": Call(compiling.compile_for_aqt),
        "POST /qscout_compile": Call(compiling.compile_for_qscout),
        "POST /resource_estimate": Call(compiling.estimate_resources),
        "POST /targets": Call(account.fetch_targets),
        "POST /target_info": Call(account.fetch_target_info),
        "GET /balance": Call(account.fetch_balance),
        "GET /user_info": Call(account.fetch_user),
        "POST /accept_terms_of_use": Call(account.accept_terms, access="validated"),
        "POST /aqt_configs": Call(account.keep_aqt_files),
        "GET /get_aqt_configs": Call(account.fetch_aqt_files),
        **account.REFUSED_CALLS,
    },
    error=error,
)
"""This version."""
