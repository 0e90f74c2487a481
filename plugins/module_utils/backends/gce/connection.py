# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the connection options to a client, with everything that is wrong said before the first request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ...clients.gce.client import GceClient
from ...clients.gce.session import Credentials
from ...core.arguments import Task
from ...core.connection import check_address, check_tls_files, hide_password, one_word
from ...core.errors import InvalidRequest
from ...core.waiter import Waiter
from ...transport.retry import Retry
from ...transport.session import Tls

_KEY_FIELDS = ("client_email", "private_key", "token_uri")
_WAYS = ("service_account_file", "service_account_contents", "access_token")
# Legacy projects are called domain.com:name; a number names a project as well.
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z0-9][a-z0-9-]*")


def connect(task: Task, waiter: Waiter) -> GceClient:
    """A client for the task's project; it sends nothing yet. Raises InvalidRequest, AuthenticationFailed and MissingLibrary."""
    return GceClient(
        _project(str(task["project_id"]).strip()),
        credentials=_credentials(task),
        api_url=_address(task),
        tls=_tls(task),
        timeout_s=task["request_timeout"],
        retry=Retry.within(waiter, task["retries"]),
        waiter=waiter,
        on_secret=task.hide,
        on_warning=task.warn,
    )


def _project(project: str) -> str:
    if not _PROJECT.fullmatch(project):
        raise InvalidRequest(f'project_id must be the id of a project, in lower case, not "{project}".')
    return project


def _credentials(task: Task) -> Credentials:
    given = [way for way in _WAYS if task[way]]
    if len(given) > 1:
        raise InvalidRequest(f"{' and '.join(given)} are given: give one of them.")
    if task["access_token"]:
        token = one_word("access_token", task["access_token"])
        if not token:
            raise InvalidRequest("access_token is blank.")
        return Credentials(access_token=token)
    if task["service_account_file"]:
        return Credentials(_key(task, f"service_account_file {task['service_account_file']}", _contents(task["service_account_file"])))
    if task["service_account_contents"]:
        return Credentials(_key(task, "service_account_contents", task["service_account_contents"]))
    return Credentials()


def _contents(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InvalidRequest(f"service_account_file {path} cannot be read: {reason}.") from error


def _key(task: Task, source: str, contents: Any) -> Mapping[str, Any]:
    """The key of a service account, as text or as a dictionary. No message quotes it."""
    if isinstance(contents, str):
        try:
            contents = json.loads(contents)
        except ValueError:
            raise InvalidRequest(f"{source} is no JSON.") from None
    if not isinstance(contents, Mapping):
        raise InvalidRequest(f"{source} is no JSON object.")
    for name in ("private_key", "private_key_id"):
        if isinstance(contents.get(name), str):
            task.hide(contents[name])
    kind = contents.get("type", "service_account")
    if kind != "service_account":
        raise InvalidRequest(
            f"{source} is not the key of a service account (type service_account): for other kinds set GOOGLE_APPLICATION_CREDENTIALS to the file"
            " and give no credentials."
        )
    missing = [name for name in _KEY_FIELDS if not isinstance(contents.get(name), str) or not contents[name].strip()]
    if missing:
        raise InvalidRequest(f"{source} is not a whole key of a service account: {', '.join(missing)} missing.")
    return contents


def _address(task: Task) -> str | None:
    """The server's address without the path of the API, None for Google's own."""
    url = str(task["api_url"] or "").strip()
    if not url:
        return None
    hide_password(task, url)
    url = url if "://" in url else f"https://{url}"
    parts = check_address("api_url", url, instead="service_account_file or access_token")
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        task.warn("api_url begins with http://, which shows the access token to the network.")
    return re.sub("/compute/v1$", "", url.rstrip("/")).rstrip("/")


def _tls(task: Task) -> Tls:
    check_tls_files(task.options)
    return Tls(task["validate_certs"], task["ca_path"], task["client_cert"], task["client_key"])
