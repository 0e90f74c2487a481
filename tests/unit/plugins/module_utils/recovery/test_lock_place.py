# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lock without compare-and-swap is written, while the machine that carries it makes way for another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import NotFound
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.claim import Claim
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.place import place_on
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Machine
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import Change, MarkRules

OLD, NEW = Machine("vm/web", "web", "i-old"), Machine("vm/web", "web", "i-new")


class Ended:
    def wait(self) -> None:
        pass


class Tags:
    """Marks by the id of the machine; the machine makes way when it is first written to."""

    RULES = MarkRules(128, 20, compare_and_swap=False)

    def __init__(self, *, makes_way: bool = True, deleted: bool = False) -> None:
        self.held: dict[str, dict[str, str]] = {"i-old": {}, "i-new": {}}
        self.makes_way, self.deleted = makes_way, deleted
        self.current = OLD

    def write(self, seen: Any, changes: Mapping[str, str | None]) -> Change:
        def send() -> Ended:
            if seen.uid == "i-old" and self.current is NEW and self.deleted:
                raise NotFound("it is gone.")
            there = {**self.held[seen.uid], **changes}
            self.held[seen.uid] = {key: value for key, value in there.items() if value is not None}
            if self.makes_way:
                self.current = NEW
            return Ended()

        return Change("tagging", seen.ref, send)

    def carrier(self) -> Machine:
        return replace(self.current, marks=self.held[self.current.uid])


@pytest.mark.parametrize("deleted", [False, True])
def test_lock_that_is_written_while_the_machine_makes_way_does_not_stay_on_it(deleted: bool) -> None:
    tags = Tags(deleted=deleted)
    place = place_on(tags, tags.carrier, lambda: False, lambda _seconds: None)  # type: ignore[arg-type]
    place.swap(None, Claim("run1", "restore_r1", was_running=True), {})
    assert deleted or tags.held["i-old"] == {}


def test_lock_stays_on_a_machine_that_stays() -> None:
    tags = Tags(makes_way=False)
    place = place_on(tags, tags.carrier, lambda: False, lambda _seconds: None)  # type: ignore[arg-type]
    assert place.swap(None, Claim("run1", "restore_r1", was_running=True), {})
    assert any(key.startswith(marks.LOCK) for key in tags.held["i-old"])
