# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the connection options to a client, with everything that is wrong said before the first request."""

from __future__ import annotations

from typing import Any

from ...clients.px_backup.client import Login, PxBackupClient
from ...core.arguments import CONTROL, Task
from ...core.connection import check_address, check_tls_files, hide_password, one_line, one_word
from ...core.errors import InvalidRequest
from ...core.waiter import Waiter
from ...transport.retry import Retry
from ...transport.session import Tls

_SSL_NAMES = {"validate_certs": "validate_certs", "ca_path": "ca_cert", "client_cert": "client_cert", "client_key": "client_key"}


def connect(task: Task, waiter: Waiter) -> PxBackupClient:
    """A client for the task's server and organization; it sends nothing yet. Raises InvalidRequest."""
    token = one_word("token", task["token"]) or None
    return PxBackupClient(
        _address(task, "api_url"),
        _path_part("org_id", task["org_id"]),
        token=token,
        login=_login(task, token),
        tls=_tls(task),
        timeout_s=task["request_timeout"],
        retry=Retry.within(waiter, task["retries"]),
        on_secret=task.hide,
    )


def path_problem(option: str, value: str) -> str | None:
    """Why ``value`` cannot be part of a path: the server splits paths after decoding them, so no encoding helps."""
    if CONTROL.search(value):
        return f"{option} must not contain line breaks or other control characters: {value!r}."
    if "/" in value or value in (".", ".."):
        return f'{option} must not contain "/" nor be a dot: "{value}" cannot be addressed in the REST API.'
    return None


def _path_part(option: str, value: str) -> str:
    problem = path_problem(option, value)
    if problem:
        raise InvalidRequest(problem)
    return value


def _login(task: Task, token: str | None) -> Login | None:
    given = {name: task[name] for name in ("auth_url", "username", "password")}
    missing = [name for name, value in given.items() if not value]
    if not missing:
        return Login(_address(task, "auth_url"), one_line("username", given["username"]), one_line("password", given["password"]))
    if not token:
        also = f" ({', '.join(missing)} missing)" if len(missing) < len(given) else ""
        raise InvalidRequest(
            f"credentials are needed{also}: give the option token or set PX_BACKUP_TOKEN, or give auth_url, username and password"
            " (PX_BACKUP_AUTH_URL, PX_BACKUP_USERNAME, PX_BACKUP_PASSWORD)."
        )
    if len(missing) < len(given):
        task.warn(f"Without {' and '.join(missing)} the token is not renewed when it expires.")
    return None


def _address(task: Task, option: str) -> str:
    url = str(task[option]).strip()
    hide_password(task, url)
    if "://" not in url:
        task.warn(f"{option} names no scheme: http:// is assumed, which shows the token to the network. Write https:// where the server offers it.")
        url = f"http://{url}"
    check_address(option, url, instead="token, or username and password")
    return url.rstrip("/")


def _tls(task: Task) -> Tls:
    options = {name: _one_of(task, name, spelled) for name, spelled in _SSL_NAMES.items()}
    check_tls_files(options)
    return Tls(options["validate_certs"], options["ca_path"], options["client_cert"], options["client_key"])


def _one_of(task: Task, name: str, spelled: str) -> Any:
    """The option, or its twin in ssl_config. Raises InvalidRequest when they contradict each other."""
    here, there = task[name], (task["ssl_config"] or {}).get(spelled)
    default = True if name == "validate_certs" else None
    if there is None or here == there:
        return here
    if here != default:
        raise InvalidRequest(f"{name} and ssl_config.{spelled} contradict each other: give one of them.")
    return there
