# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of the demo finds what is not as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.tools import demo_gce

NETWORK = [{"networkIP": "10.0.0.2", "accessConfigs": [{"natIP": "34.0.0.2"}]}]
BEFORE: dict[str, Any] = {
    "zone": "europe-west1-b",
    "vm": {"id": "1", "name": "web-1", "zone": "zones/europe-west1-b", "fingerprint": "a", "networkInterfaces": NETWORK, "disks": [{"source": "old"}]},
    "disk": {"data": {"id": "2", "name": "old", "sizeGb": "10"}},
    "bytes": {"data": "x"},
}


def look(**changes: Any) -> dict[str, Any]:
    """What is seen afterwards; ``changes`` by path, with "__" between its parts."""
    found = copy.deepcopy(BEFORE)
    for path, value in changes.items():
        *parts, last = path.split("__")
        place: Any = found
        for part in parts:
            place = place[int(part) if part.isdigit() else part]
        place[last] = value
    return found


@pytest.mark.parametrize("kind", sorted(demo_gce.ALLOWED))
def test_equal_is_equal(kind: str) -> None:
    differences, line = demo_gce.compare(BEFORE, look(), demo_gce.ALLOWED[kind])
    assert differences == []
    assert line.startswith("1 disk equal to the byte, ")
    assert line.endswith(", 0 exempt, same addresses")


@pytest.mark.parametrize("kind", sorted(demo_gce.ALLOWED))
@pytest.mark.parametrize("change", [{"bytes__data": "y"}, {"bytes__more": "y"}, {"disk__data__sizeGb": "20"}, {"vm__labels": {"app": "web"}}])
def test_difference_is_never_exempt_unless_it_is_listed(kind: str, change: dict[str, Any]) -> None:
    assert len(demo_gce.compare(BEFORE, look(**change), demo_gce.ALLOWED[kind])[0]) == 1


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({"vm__disks__0__source": "new", "disk__data__id": "3"}, {"in_place", "rebuilt", "copy"}),
        ({"vm__id": "4"}, {"rebuilt", "copy"}),
        ({"vm__networkInterfaces__0__networkIP": "10.0.0.3"}, {"copy"}),
        ({"vm__fingerprint": "b"}, {"in_place", "rollback", "rebuilt", "copy"}),
    ],
)
def test_each_kind_of_restore_has_its_own_exemptions(change: dict[str, Any], kinds: set[str]) -> None:
    assert {kind for kind, allowed in demo_gce.ALLOWED.items() if not demo_gce.compare(BEFORE, look(**change), allowed)[0]} == kinds


def test_place_is_compared_as_it_reads_in_the_other_zone() -> None:
    found = look(zone="europe-west4-a", vm__zone="zones/europe-west4-a")
    assert demo_gce.compare(BEFORE, found, demo_gce.COPY)[0] == []
    assert demo_gce.compare(BEFORE, look(zone="europe-west4-a"), demo_gce.COPY)[0]
