# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task says, held against what is there: the sentences of its message that can be checked without knowing the code, and its record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from .modules import Result
from .vm_clouds import ABSENT, VM, Cloud

_NOTHING = re.compile(r"[Nn]othing was changed")
_SENTENCE = re.compile(r"(?<=[.;])\s+")
# Names of what is no disk, although a disk may have the same name.
_OTHERS = re.compile(r'(?:VM|[Rr]estore|[Bb]ackup|instance|snapshot|image|rollback_of:) "?[a-z0-9-]+"?')
_WORD = re.compile(r"[a-z0-9][a-z0-9-]*")
_KEPT = re.compile(r"\b(kept|safe|left alone)\b")
_DELETED = re.compile(r"\b(deleted|gone|removed)\b")
_NEGATED = re.compile(r"\b(not|nothing|never|no|cannot|would|could|until|unless|old_disks: delete)\b", re.IGNORECASE)
_NOW = re.compile(r'Now VM "([^"]+)" (?:is (\w+)|(does not exist))')


def words_wrong(cloud: Cloud, result: Result, run: str) -> list[str]:
    """What a run says that is not so, looked at when it has just ended. Nothing is wrong with what nobody can check."""
    there = set(cloud.disks())
    known = there | cloud.provider.disks_ever(cloud)
    wrong = []
    done = cloud.accepted(run=run)
    if _NOTHING.search(result.message) and done:
        wrong.append(f'it says "Nothing was changed", but {", ".join(map(str, done[:3]))} was accepted')
    for sentence in _SENTENCE.split(result.message):
        named = set(_WORD.findall(_OTHERS.sub("", sentence))) & known
        if _KEPT.search(sentence) and not _NEGATED.search(sentence):
            wrong += [f'the disk {name} is said to be there ("{sentence}") and is not' for name in sorted(named - there)]
        elif _DELETED.search(sentence) and not _NEGATED.search(sentence):
            wrong += [f'the disk {name} is said to be deleted ("{sentence}") and is there' for name in sorted(named & there)]
    for name, status, absent in _NOW.findall(result.message):
        seen = cloud.status(name)
        if (absent and seen != ABSENT) or (status and seen != status):
            wrong.append(f"it says that {name} {'does not exist' if absent else f'is {status}'}, but it is {seen}")
    return wrong + list(_record_wrong(cloud, result, there))


def _record_wrong(cloud: Cloud, result: Result, there: Iterable[str]) -> Iterator[str]:
    """What is not so in the record of a restore that is said to have succeeded."""
    record: dict[str, Any] = result.value.get("restore") or {}
    details: dict[str, Any] = record.get("details") or {}
    if result.failed or record.get("status") != "succeeded" or details.get("vm") != VM:
        return
    attached = set(cloud.on_vm().values())
    for disk in details.get("old_disks", []):
        name = disk["disk"].rpartition("/")[2]
        if disk.get("kept") and name not in set(there):
            yield f"the record says that {name} is kept, but it is not there"
    for disk in details.get("disks", []):
        name = disk["disk"].rpartition("/")[2]
        if disk.get("attached") and name not in attached:
            yield f"the record says that {name} is attached, but it is not"
    if details.get("vm_status") and details["vm_status"] != cloud.status():
        yield f"the record says that the VM is {details['vm_status']}, but it is {cloud.status()}"
