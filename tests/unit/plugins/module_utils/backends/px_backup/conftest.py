# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benches whose back ends talk to a FakeClient."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.module_utils.backends.px_backup.bench import Bench, bench


@pytest.fixture(params=["restore", "backup"])
def both(request: pytest.FixtureRequest) -> Any:
    """A bench for restores, and then one for backups."""
    return bench(request.param)


@pytest.fixture
def restores() -> Bench:
    return bench("restore")


@pytest.fixture
def backups() -> Bench:
    return bench("backup")
