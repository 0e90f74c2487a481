# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret of Alibaba Cloud shows in messages, tracebacks, logs or on the terminal: a process of its own says all that it can."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.unit.plugins.module_utils.clients.alibaba_ecs.bench import assumed, ok, refused
from tests.unit.scripted_server import Reply, free_port, serve

SECRET, TOKEN, GIVEN_SECRET, GIVEN_TOKEN = "sEc/ret+own", "a+b/c==", "sts-secret-1", "sts+token/1=="
FORMS = {form for secret in (SECRET, TOKEN, GIVEN_SECRET, GIVEN_TOKEN) for form in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret))}
FORMS |= {quote(form, safe="") for form in FORMS}

SCRIPT = """
import gc, logging, sys, traceback
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
base = "ansible_collections.multicloud.recovery.plugins.module_utils."
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.client import AlibabaClient
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.credentials import Credentials, Role
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.retry import Retry
api, sts, secret, token = sys.argv[1:]
waiter = Waiter(30, 1)
role = Role("acs:ram::1:role/r") if sts else None
credentials = Credentials("LTAI-own", secret, token, role=role, sts_url=sts or None)
print(credentials, role)
retry = Retry(1, lambda _s: None, lambda: 30.0)
hide = lambda _secret: None
client = AlibabaClient("cn-hangzhou", credentials=credentials, api_url=api, tls=Tls(), timeout_s=5, retry=retry, waiter=waiter, on_secret=hide)
try:
    print(client.change("create disk", "CreateDisk", {"DiskName": "x"}, token="t"))
except RecoveryError as error:
    print("FAILED", type(error).__name__, error.message, error.as_result())
    traceback.print_exc()
del client
gc.collect()
"""


def said(api: str, sts: str = "", **environment: str) -> tuple[str, str]:
    """What such a process prints on its two streams."""
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NO_PROXY": "*", **environment}
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", SCRIPT, api, sts, SECRET, TOKEN]
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def leaks(text: str) -> set[str]:
    return {form for form in FORMS if form in text}


@pytest.fixture
def loud() -> dict[str, str]:
    return {"DEBUG": "sdk", "ALIYUN_ACCESS_KEY_ID": "nonsense", "ALIYUN_ACCESS_KEY_SECRET": "nonsense"}


def test_address_that_is_not_reached_shows_nothing(loud: dict[str, str]) -> None:
    out, err = said(f"http://127.0.0.1:{free_port()}", **loud)
    assert "FAILED ProviderFailure could not create disk: could not connect to http://127.0.0.1:" in out
    assert leaks(out + err) == set()
    assert "Signature" not in out + err


def test_sts_that_is_not_reached_shows_nothing(loud: dict[str, str]) -> None:
    out, err = said("http://127.0.0.1:1", f"http://127.0.0.1:{free_port()}", **loud)
    assert "could not assume the role" in out
    assert leaks(out + err) == set()


@pytest.mark.parametrize("status", [200, 400, 403, 500])
def test_server_that_quotes_secrets_is_not_quoted(loud: dict[str, str], status: int) -> None:
    quoted = " ".join(sorted(FORMS))
    with serve(assumed()) as sts, serve(refused(status, "InvalidParameter", f"Bad: {quoted} Signature=abc%3D")) as server:
        out, err = said(server.url, sts.url, **loud)
    assert "FAILED" in out
    assert leaks(out + err) == set()
    assert "abc%3D" not in out + err


@pytest.mark.parametrize("reply", [ok(DiskId="d-1"), Reply(drop=True)])
def test_sdk_says_nothing_of_its_own(loud: dict[str, str], reply: Any) -> None:
    with serve(assumed()) as sts, serve(reply) as server:
        out, err = said(server.url, sts.url, **loud)
    assert leaks(out + err) == set()
    assert "aliyunsdk" not in "".join(line for line in (out + err).splitlines() if "site-packages" not in line)
    assert "Exception ignored" not in err
