# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the connection options to a client, with everything that is wrong said before the first request."""

from __future__ import annotations

import os
import re

from ...clients.alibaba_ecs.client import AlibabaClient
from ...clients.alibaba_ecs.credentials import AUTO, METADATA_URL, Credentials, Role
from ...core.arguments import Task
from ...core.connection import check_address, check_tls_files, hide_password, one_line, one_word
from ...core.errors import InvalidRequest
from ...core.waiter import Waiter
from ...transport.retry import Retry
from ...transport.session import Tls

_METADATA = "ALIBABA_ECS_METADATA_URL"
# A token in the environment belongs to the key that stands there with it.
_FAMILIES = {"ALIBABA_CLOUD_SECURITY_TOKEN": "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALICLOUD_SECURITY_TOKEN": "ALICLOUD_ACCESS_KEY"}
_ECS_ROLES = ("ALIBABA_CLOUD_ECS_METADATA", "ALICLOUD_ECS_ROLE_NAME")
_REGION = re.compile("[a-z0-9]+(-[a-z0-9]+)+")
_ARN = re.compile(r"acs:ram::[0-9]+:role/[\w.@-]+", re.ASCII)
_SESSION_NAME = re.compile(r"[\w.@-]{2,64}", re.ASCII)
_ROLE_NAME = re.compile(r"[\w.@-]{1,64}", re.ASCII)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def connect(task: Task, waiter: Waiter) -> AlibabaClient:
    """A client for the task's region; it sends nothing yet. Raises InvalidRequest, AuthenticationFailed and MissingLibrary."""
    region = str(task["region"]).strip()
    if not _REGION.fullmatch(region):
        raise InvalidRequest(f'region must be the id of a region, as cn-hangzhou, not "{region}".')
    check_tls_files(task.options)
    return AlibabaClient(
        region,
        credentials=_credentials(task),
        api_url=_address(task, "api_url", task["api_url"]),
        tls=Tls(task["validate_certs"], task["ca_path"], task["client_cert"], task["client_key"]),
        timeout_s=task["request_timeout"],
        retry=Retry.within(waiter, task["retries"]),
        waiter=waiter,
        on_secret=task.hide,
    )


def _credentials(task: Task) -> Credentials:
    key_id, secret, token = (one_word(name, task[name]) for name in ("access_key_id", "access_key_secret", "security_token"))
    if bool(key_id) != bool(secret):
        missing, given = ("access_key_secret", "access_key_id") if key_id else ("access_key_id", "access_key_secret")
        raise InvalidRequest(f"{given} is given without {missing}.")
    if token and not key_id:
        raise InvalidRequest("security_token is given without access_key_id and access_key_secret, which come with it.")
    return Credentials(
        key_id,
        secret,
        _own_token(task, token, key_id),
        _instance_role(task, bool(key_id)),
        _role(task),
        _address(task, "sts_url", task["sts_url"]),
        _address(task, _METADATA, os.environ.get(_METADATA)) or METADATA_URL,
    )


def _own_token(task: Task, token: str, key_id: str) -> str:
    for variable, owner in _FAMILIES.items():
        if token and token == os.environ.get(variable, "").strip() and key_id != os.environ.get(owner, "").strip():
            task.warn(f"{variable} is not used: the key that is used is not that of {owner}. Give security_token if it belongs to access_key_id.")
            return ""
    return token


def _instance_role(task: Task, has_key: bool) -> str:
    name = str(task["ecs_ram_role"] or "").strip()
    if name and not _ROLE_NAME.fullmatch(name):
        raise InvalidRequest(f'ecs_ram_role must be the name of a RAM role, or {AUTO}, not "{name}".')
    if name and has_key:
        # The environment of an instance may name its role, for whoever has no key.
        if name not in (os.environ.get(variable, "").strip() for variable in _ECS_ROLES):
            raise InvalidRequest("access_key_id and ecs_ram_role are given: give one of them.")
        return ""
    return name


def _role(task: Task) -> Role | None:
    arn = str(task["role_arn"] or "").strip()
    if not arn:
        return None
    if not _ARN.fullmatch(arn):
        raise InvalidRequest(f'role_arn must be the ARN of a RAM role, as acs:ram::123456789012:role/recovery, not "{arn}".')
    session = str(task["role_session_name"] or "").strip() or Role.session_name
    if not _SESSION_NAME.fullmatch(session):
        raise InvalidRequest('role_session_name must be 2 to 64 letters, digits and characters of ".@-_".')
    return Role(arn, session, one_line("external_id", task["external_id"] or ""), task["role_duration"])


def _address(task: Task, option: str, given: str | None) -> str | None:
    """An address in one form, None when none is given."""
    url = str(given or "").strip()
    if not url:
        return None
    hide_password(task, url)
    url = url if "://" in url else f"https://{url}"
    parts = check_address(option, url, instead="access_key_id and access_key_secret")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and option != _METADATA:
        task.warn(f"{option} begins with http://, which shows requests, answers and temporary credentials to the network.")
    return url.rstrip("/")
