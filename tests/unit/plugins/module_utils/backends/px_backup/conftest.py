# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benches whose back ends talk to a FakeClient."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.px_backup import backup as backup_module
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.px_backup import restore as restore_module

from tests.unit.plugins.module_utils.backends.px_backup.bench import Bench, bench


def _wired(path: str, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = bench(path)
    for module in (backup_module, restore_module):
        monkeypatch.setattr(module, "connect", lambda _task, _waiter: made.client)
    return made


@pytest.fixture(params=["restore", "backup"])
def both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bench for restores, and then one for backups."""
    return _wired(request.param, monkeypatch)


@pytest.fixture
def restores(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return _wired("restore", monkeypatch)


@pytest.fixture
def backups(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return _wired("backup", monkeypatch)
