"""The calls on targets and on the user's account, and those that the emulator does not have."""

from __future__ import annotations

import urllib.parse
from typing import Final

import msgspec

from superstaq_jobs.emulator.messages import Refusal, Request, TargetFilter
from superstaq_jobs.emulator.service import Call, Service, User

from .requests import AqtFiles, TargetInfoQuery, Terms, read

__all__ = [
    "REFUSED_CALLS",
    "accept_terms",
    "fetch_aqt_files",
    "fetch_balance",
    "fetch_target_info",
    "fetch_targets",
    "fetch_user",
    "keep_aqt_files",
]


def fetch_targets(service: Service, _: User, request: Request) -> object:
    """``POST /targets``: the flags of targets, by name. Retired ones only if requested."""
    query = read(TargetFilter, request)
    return {"superstaq_targets": {t.name: t.flags for t in service.find_targets(query)}}


def fetch_target_info(service: Service, _: User, request: Request) -> object:
    """``POST /target_info``."""
    query = read(TargetInfoQuery, request)
    query.read_options()
    return {"target_info": service.target(query.target).info}


def fetch_balance(_: Service, user: User, __: Request) -> object:
    """``GET /balance``."""
    return {"balance": user.balance}


def fetch_user(_: Service, user: User, request: Request) -> object:
    """``GET /user_info``: the user, if all that is given fits."""
    details = user.details(request.key)
    known = {"name": user.name, "email": user.email, "id": details["user_id"]}
    given = dict(urllib.parse.parse_qsl(request.query, keep_blank_values=True))
    if any(given.get(key, value) != value for key, value in known.items()):
        return {}
    return {user.email: details}


def accept_terms(service: Service, user: User, request: Request) -> object:
    """``POST /accept_terms_of_use``."""
    terms = read(Terms, request)
    return service.accept_terms(user, accept=terms.user_input == "YES")


def keep_aqt_files(service: Service, user: User, request: Request) -> object:
    """``POST /aqt_configs``."""
    service.aqt_files[user.email] = msgspec.structs.asdict(read(AqtFiles, request))
    return "The configuration files are stored."


def fetch_aqt_files(service: Service, user: User, _: Request) -> object:
    """``GET /get_aqt_configs``: empty files if none were stored."""
    return service.aqt_files.get(user.email, {"pulses": "", "variables": ""})


def _refused(path: str, status: int, message: str) -> dict[str, Call]:
    def refuse(_: Service, __: User, ___: Request) -> object:
        raise Refusal(status, {"message": message})

    return {f"POST {path}": Call(refuse)}


def _missing(path: str, what: str) -> dict[str, Call]:
    return _refused(path, 501, f"This emulator does not have {path}: {what}. Nothing was done.")


def _disabled(path: str) -> dict[str, Call]:
    return _refused(path, 400, f"{path} is disabled, as it is at the service.")


REFUSED_CALLS: Final = {
    **_disabled("/aces"),
    **_disabled("/aces_fetch"),
    **_disabled("/dfe_fetch"),
    **_disabled("/dfe_post"),
    **_missing("/qubo", "it does not solve QUBOs"),
    **_missing("/supercheq", "it does not generate Supercheq circuits"),
    **_missing("/cb_submit", "it does not run cycle benchmarking"),
    **_missing("/cb_fetch", "it does not run cycle benchmarking"),
    **_missing("/atom_picture", "it has no atoms"),
    **_missing("/add_new_user", "its users are those that it was started with"),
    **_missing("/update_user_balance", "its users are those that it was started with"),
    **_missing("/update_user_role", "its users are those that it was started with"),
}
"""Calls of official clients that only say why they are refused."""
