# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery points that a backup is made of: what holds of one, deleting and labelling many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial

from ...clients.gce.objects import Instance, Operation, Resource
from ...core.errors import NotFound
from ...core.model import DELETING, FAILED
from ...recovery.points import IMAGE, LONGEST_SKEW_S, MACHINE_IMAGE, SNAPSHOT, BackupSet, Member
from .labels import CONSISTENCY, set_labels
from .vm import Vm, in_groups


def delete_members(vm: Vm, members: list[Member]) -> None:
    """Delete recovery points, all at once; those that are gone already are fine. Raises when one remains."""
    delete = {SNAPSHOT: vm.client.delete_snapshot, IMAGE: vm.client.delete_image, MACHINE_IMAGE: vm.client.delete_machine_image}
    find: dict[str, Callable[[str], Resource | None]] = {
        SNAPSHOT: vm.client.get_snapshot,
        IMAGE: vm.client.get_image,
        MACHINE_IMAGE: vm.client.get_machine_image,
    }
    leaving = [member for member in members if member.status == DELETING]

    def send(member: Member) -> Operation | None:
        try:
            return delete[member.kind](member.name)
        except NotFound:
            return None

    sent = in_groups([partial(send, member) for member in members if member not in leaving])
    vm.client.wait_all([operation for operation in sent if operation], f'deleting recovery points of VM "{vm.name}"')
    # What an earlier run has asked for is not asked for again, but seen to its end.
    vm.waiter.wait_until(
        lambda: [member.name for member in leaving if find[member.kind](member.name) is not None],
        lambda there: not there,
        lambda there: f"these recovery points are still being deleted: {', '.join(there or ())}. Run the task again to keep waiting.",
    )


def relabel_members(vm: Vm, members: Sequence[Member], tags: Mapping[str, str]) -> None:
    """Set labels of recovery points, all at once; the others stay. Raises NotFound for one that is gone."""
    client = vm.client
    calls: dict[str, tuple[Callable[[str], Resource | None], Callable[..., Operation]]] = {
        SNAPSHOT: (client.get_snapshot, client.set_snapshot_labels),
        IMAGE: (client.get_image, client.set_image_labels),
        MACHINE_IMAGE: (client.get_machine_image, client.set_machine_image_labels),
    }

    def relabel(member: Member) -> None:
        read, write = calls[member.kind]
        set_labels(partial(read, member.name), partial(write, member.name), lambda operation: client.wait(operation, f"labelling {member.name}"), dict(tags))

    in_groups([partial(relabel, member) for member in members])


def saved_at_rest(member: Member, instance: Instance) -> bool:
    """Whether it was saved while the VM was stopped, and the VM has not been started since."""
    moments = (member.facts["wire"].get("creationTimestamp"), instance.started_at)
    made_at, started_at = (datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None for text in moments)
    return bool(member.facts["labels"].get(CONSISTENCY) == "stopped" and made_at and (started_at is None or made_at >= started_at))


def next_attempt(existing: list[BackupSet], devices: int, consistency: str, instance: Instance) -> int:
    """The attempt to go on with: the last one, unless it failed, was made in another way, or what is missing would be taken too long after the rest."""
    last = max(existing, key=lambda one: one.attempt, default=None)
    if last is None:
        return 1
    age_s = (datetime.now(timezone.utc) - datetime.fromisoformat((last.created_at or "").replace("Z", "+00:00"))).total_seconds() if last.created_at else 0
    whole = len(last.members) == last.expected
    alike = all(member.facts["labels"].get(CONSISTENCY) == consistency for member in last.members)
    still = consistency != "stopped" or all(saved_at_rest(member, instance) for member in last.members)
    usable = alike and still and last.status not in (FAILED, DELETING) and last.expected == devices and (whole or age_s < LONGEST_SKEW_S)
    return last.attempt if usable else last.attempt + 1
