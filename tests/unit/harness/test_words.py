# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fault harness makes of the sentences of a task."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.harness.gce_kinds import entry as known
from tests.harness.gce_provider import GceProvider
from tests.harness.modules import Result
from tests.harness.vm_clouds import ABSENT, Cloud
from tests.harness.vm_kinds import Hit, accepted
from tests.harness.vm_words import words_wrong

SENT = {"method": "POST", "path": "/compute/v1/projects/p/zones/z/disks/web-1/setLabels", "mutating": True, "status": 200, "fault": None}
DELETED = {**SENT, "method": "DELETE", "path": "/compute/v1/projects/p/zones/z/disks/former"}


class FakeCloud:
    """A VM that runs, the disks web-1 and web-1-data, and a disk that was deleted."""

    provider = GceProvider()

    def __init__(self, *log: dict[str, Any]) -> None:
        self._log = [known({"token": "run-1", **one}) for one in log]

    def disks(self) -> dict[str, str]:
        return {"web-1": "", "web-1-data": ""}

    def status(self, name: str = "web-1") -> str:
        return "RUNNING" if name == "web-1" else ABSENT

    def on_vm(self) -> dict[str, str]:
        return {"web-1": "web-1"}

    def requests(self, since: int = 0, run: str | None = None) -> list[dict[str, Any]]:
        return [entry for entry in self._log if run in (None, entry["token"])]

    def accepted(self, since: int = 0, run: str | None = None) -> list[Hit]:
        return accepted(self.requests(since, run))


def wrong_with(message: str, *log: dict[str, Any], run: str = "run-1", **value: Any) -> list[str]:
    result = Result({"failed": True, "msg": message, **value}, 1, "", "", 0.0, 0)
    return words_wrong(cast(Cloud, FakeCloud(*log)), result, run)


def test_nothing_was_changed_is_held_against_the_requests_of_this_run():
    assert wrong_with("It is held. Nothing was changed; run again.") == []
    assert wrong_with("It is held. Nothing was changed; run again.", SENT, run="run-2") == []
    assert len(wrong_with("It is held. Nothing was changed; run again.", SENT)) == 1


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("Its disks from before are kept: web-1, web-1-data.", 0),
        ("Its disks from before are kept: web-1, former.", 1),
        ("Its disks from before are safe: former.", 1),
        ("2 disks from before restore first deleted: former.", 0),
        ("2 disks from before restore first deleted: former, web-1-data.", 1),
        ("The disk web-1-data is in use: it is not deleted.", 0),
        ('VM "web-1" was deleted.', 0),
        ('Now VM "web-1" is RUNNING on its disks.', 0),
        ('Now VM "web-1" is TERMINATED on its disks.', 1),
        ('Now VM "web-1" does not exist.', 1),
        ('Now VM "copy" does not exist.', 0),
    ],
)
def test_sentences_about_disks_and_the_vm_are_held_against_what_is_there(message: str, number: int):
    assert len(wrong_with(message, DELETED)) == number


def test_the_record_of_a_success_is_held_against_what_is_there():
    details = {
        "vm": "web-1",
        "vm_status": "TERMINATED",
        "old_disks": [{"disk": "zones/z/disks/former", "kept": True}],
        "disks": [{"disk": "zones/z/disks/web-1-data", "attached": True}],
    }
    record = {"status": "succeeded", "details": details}
    assert len(wrong_with("Restore completed successfully", failed=False, restore=record)) == 3
