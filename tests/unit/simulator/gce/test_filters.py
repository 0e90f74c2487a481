# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which resources a filter leaves in a list, and in which order; what is no filter is refused."""

from __future__ import annotations

import pytest

from tests.simulator.gce.filters import fields, matches, order

DISK = {
    "name": "web-1",
    "status": "READY",
    "sizeGb": "10",
    "creationTimestamp": "2026-03-01T10:00:00.000-07:00",
    "cpuPlatform": "Intel Skylake",
    "labels": {"env": "prod", "my-key": "x", "empty": ""},
    "scheduling": {"automaticRestart": False, "attempts": 3},
    "users": ["https://compute/zones/a/instances/one"],
    "disks": [{"boot": True, "deviceName": "root"}, {"boot": False, "deviceName": "data"}],
    "selfLink": "https://compute.googleapis.com/compute/v1/projects/p/zones/z/disks/web-1",
}


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        (None, True),
        (" ", True),
        ("name=web-1", True),
        ("name = web-2", False),
        ('name != "web-1"', False),
        ('status != "READY"', False),
        ("status != CREATING", True),
        ("name = web-*", True),
        ('name = "*-2"', False),
        ("name:*", True),
        ("description:*", False),
        ("labels.env=prod", True),
        ("labels.env:prod", True),
        ("labels.env:*", True),
        ("labels.owner:*", False),
        ("NOT labels.owner:*", True),
        ("-labels.env:*", False),
        ("labels.empty:*", True),
        ("labels.owner != me", True),
        ("labels.owner = me", False),
        ("labels:env", True),
        ("labels:owner", False),
        ("labels.my-key=x", True),
        ('labels."my-key" = "x"', True),
        ("labels.'my-key'='y'", False),
        ("labels.a=b AND name:*", False),
        ("labels.env=prod AND name:*", True),
        ("labels.env=prod name=web-2", False),
        ("(labels.env = prod) (name = web-1)", True),
        ("(labels.env = prod)(name = web-2)", False),
        # OR binds stronger: false AND (true OR true).
        ("name = web-2 AND status = READY OR status = READY", False),
        ("(name = web-2 AND status = READY) OR status = READY", True),
        ('(cpuPlatform = "Intel Skylake") OR\n(cpuPlatform = "Intel Broadwell") AND\n(scheduling.automaticRestart = true)', False),
        ("NOT (name = web-2 OR name = web-3)", True),
        ("scheduling.automaticRestart = false", True),
        ("scheduling.automaticRestart = true", False),
        ("scheduling.attempts = 3", True),
        ("scheduling.attempts > 3", False),
        ("scheduling.attempts >= 3.0", True),
        # As numbers, not as texts.
        ("sizeGb > 9", True),
        ("sizeGb < 9", False),
        ("name < web-2", True),
        ("missing > 1", False),
        ("creationTimestamp > 2026-03-01T16:59:59Z", True),
        ('creationTimestamp > "2026-03-01T17:00:01Z"', False),
        ("creationTimestamp = 2026-03-01T17:00:00Z", True),
        ("users:*", True),
        ("users:*/instances/one", True),
        ('users:"https://compute/zones/a/instances/two"', False),
        ("disks.deviceName:data", True),
        ("disks.deviceName:other", False),
        ("selfLink=https://compute.googleapis.com/compute/v1/projects/p/zones/z/disks/web-1", True),
        ("name = ANDREW", False),
        ("name.x = y", False),
    ],
)
def test_conditions_choose_resources(text, is_in):
    assert matches(text, DISK) is is_in


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        ("name eq web-.*", True),
        ("name eq web", False),
        ("name ne .*-1", False),
        ("name ne web", True),
        ("name eq '.*(^web-1$|^web-2$).*'", True),
        ("name eq (web|db)-[0-9]", True),
        ('name eq "web-\\d"', True),
        ("cpuPlatform eq Intel Skylake", True),
        ("description eq .*", False),
        ("description ne x", True),
        ("labels.env eq p.*", True),
        ("scheduling.automaticRestart eq false", True),
        ("(name eq web.*) (status ne READY)", False),
        ('(name eq (web|db).*) (status eq "READY")', True),
        ("(name eq web.*)", True),
    ],
)
def test_regular_expressions_must_fit_the_whole_field(text, is_in):
    assert matches(text, DISK) is is_in


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "web-1",
        "name =",
        "= web-1",
        "name web-1",
        "name == web-1",
        "name ~ web",
        "name = web-1 AND",
        "AND name = web-1",
        "name = web-1 OR",
        "NOT",
        "name = AND",
        "name = NOT status = READY",
        "(name = web-1",
        "name = web-1)",
        "()",
        'name = "web-1',
        "labels.a=b=c",
        "name = web-1 and status = READY",
        "name = web-1, status = READY",
        "disks[0].boot = true",
        "name = (a OR b)",
        # Both languages at once.
        "name eq web AND status = READY",
        "name eq web AND status eq READY",
        "status = READY AND name eq web",
        "(name eq web) (status = READY)",
        "(name eq web) AND (status eq READY)",
        "(name eq web) OR (name eq db)",
        "name eq",
        "name eq [",
        "name eq (?=web).*",
        "name eq 'web",
        "(name eq web",
        # Only : looks into lists.
        "users = x",
        "disks.deviceName = data",
    ],
)
def test_what_is_no_filter_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        matches(text, DISK)


def test_the_fields_of_a_filter_are_told():
    assert fields('labels."my-key" = x AND (name:* OR NOT sizeGb > 3)') == (("labels", "my-key"), ("name",), ("sizeGb",))
    assert fields("(name eq a) (status ne b)") == (("name",), ("status",))
    assert fields(None) == ()


def test_lists_come_by_name_or_newest_first():
    stamps = {"b": "2026-01-01T00:00:00.000-08:00", "a": "2026-01-01T01:00:00.000+00:00", "c": "2026-01-01T09:00:00.000Z"}
    items = [{"name": name, "creationTimestamp": stamp} for name, stamp in stamps.items()]
    assert [item["name"] for item in order(items, None)] == ["a", "b", "c"]
    assert [item["name"] for item in order(items, "name")] == ["a", "b", "c"]
    assert [item["name"] for item in order(items, "creationTimestamp desc")] == ["c", "b", "a"]


@pytest.mark.parametrize("order_by", ["name desc", "creationTimestamp", "creationTimestamp asc", "status", "name,creationTimestamp desc"])
def test_no_other_order_exists(order_by):
    with pytest.raises(ValueError, match="orderBy"):
        order([], order_by)
