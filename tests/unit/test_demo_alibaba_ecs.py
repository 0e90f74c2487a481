# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of the demo of Alibaba Cloud finds what is not as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.tools import demo_alibaba_ecs, demo_shared

BEFORE: dict[str, Any] = {
    "vm": {
        "InstanceId": "i-1",
        "InstanceName": "web-1",
        "StartTime": "a",
        "Tags": {"app": "web"},
        "VpcAttributes": {"PrivateIpAddress": {"IpAddress": ["192.168.1.2"]}},
        "EipAddress": {"IpAddress": "47.0.0.2"},
    },
    "disk": {"/dev/xvdb": {"DiskId": "d-1", "Size": 40, "AttachedTime": "a"}},
    "bytes": {"/dev/xvdb": "x"},
}
KINDS = sorted(demo_alibaba_ecs.ALLOWED)


def differences(kind: str, change: dict[str, Any]) -> list[str]:
    """What differs when these fields (by path, with "__" between its parts) have other values."""
    found = copy.deepcopy(BEFORE)
    for path, value in change.items():
        *parts, last = path.split("__")
        place: Any = found
        for part in parts:
            place = place[int(part) if part.isdigit() else part]
        place[last] = value
    return demo_shared.compare(BEFORE, found, demo_alibaba_ecs.ALLOWED[kind], demo_alibaba_ecs.ADDRESS)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_difference_is_never_exempt_unless_it_is_listed(kind: str) -> None:
    assert differences(kind, {}) == []
    for change in ({"bytes__/dev/xvdb": "y"}, {"disk__/dev/xvdb__Size": 80}, {"vm__Tags": {"app": "db"}}):
        assert len(differences(kind, change)) == 1


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({"vm__StartTime": "b", "vm__Tags": {"app": "web", "mcr-restore": "rescue"}}, {"rollback", "in_place", "rebuilt", "copy"}),
        ({"disk__/dev/xvdb__DiskId": "d-2", "disk__/dev/xvdb__AttachedTime": "b"}, {"in_place", "rebuilt", "copy"}),
        ({"vm__InstanceId": "i-2"}, {"rebuilt", "copy"}),
        ({"vm__EipAddress__IpAddress": ""}, {"copy"}),
    ],
)
def test_each_kind_of_restore_has_its_own_exemptions(change: dict[str, Any], kinds: set[str]) -> None:
    assert {kind for kind in KINDS if not differences(kind, change)} == kinds
