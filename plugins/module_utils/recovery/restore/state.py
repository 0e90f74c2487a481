# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a VM stands after a task has failed, as it was read: is it up, on which disks, where is the data, and what to run next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.errors import RecoveryError
from ..gate import DELETING, STOPPING
from ..model import Device, Disk, Machine, Ref
from ..target import Target


def state_after_restore(target: Target, devices: Sequence[Device], *, going_back: bool) -> str:
    """A few sentences for an operator, about what was read only."""
    try:
        machine = target.get()
        old, new = _found(target, [device.old for device in devices if device.old]), _found(target, [device.new.ref for device in devices])
    except RecoveryError as trouble:
        return _unseen(target, devices, trouble)
    after = "disks that were to come back" if going_back else "restored disks"
    return f"{_up(target, machine, old, new, after)}{_where(machine, old, new, after)} {_next(target)}"


def state_after_backup(target: Target) -> str:
    """One or two sentences for an operator."""
    try:
        machine = target.get()
    except RecoveryError as trouble:
        return _unseen(target, (), trouble)
    if machine is None:
        return f"Now {target} does not exist. {_next(target)}"
    return f"Now {target} is {machine.status} on its own disks ({_names(one.disk for one in machine.attached)}); a backup does not change them. {_next(target)}"


def _found(target: Target, refs: Sequence[Ref]) -> dict[Ref, Disk | None]:
    return dict(zip(refs, target.found(refs)))


def _up(target: Target, machine: Machine | None, old: dict[Ref, Disk | None], new: dict[Ref, Disk | None], after: str) -> str:
    if machine is None:
        return f"Now {target} does not exist."
    on = machine.disks
    if old and on.issuperset(old):
        which = f"its disks from before ({_names(old)})"
    elif new and on.issuperset(new):
        which = f"the {after} ({_names(new)})"
    else:
        which = _names(one.disk for one in machine.attached) or "no disk"
    return f"Now {target} is {machine.status} on {which}."


def _where(machine: Machine | None, old: dict[Ref, Disk | None], new: dict[Ref, Disk | None], after: str) -> str:
    """Where the disks are that the VM does not have; a disk that is gone is said to be gone."""
    on = machine.disks if machine else frozenset()
    texts = []
    for which, disks in (("from before", old), (after, new)):
        kept = [ref for ref, disk in disks.items() if disk and not disk.deleting and ref not in on]
        leaving = [ref for ref, disk in disks.items() if disk and disk.deleting]
        gone = [ref for ref, disk in disks.items() if disk is None]
        if leaving:
            texts.append(f"{'Its disks from before' if which == 'from before' else f'The {which}'} that are being deleted: {_names(leaving)}.")
        if kept:
            texts.append(f"{'Its disks from before' if which == 'from before' else f'The {which}'} exist and are attached nowhere: {_names(kept)}.")
        if gone and which == "from before":
            texts.append(f"Its disks from before that are deleted: {_names(gone)}.")
    return "".join(f" {text}" for text in texts)


def _next(target: Target) -> str:
    """What to run; nothing of the kind while another run decides."""
    holder = _other_holder(target)
    return f"It is held by {holder}: see how that ends before anything else is run." if holder else "Run the task again to go on."


def _other_holder(target: Target) -> str:
    """Another run at work on the VM, in the words of a message; empty when there is none, or that cannot be read."""
    try:
        claim = target.claim()
    except RecoveryError:
        return ""
    mine = target.lock.run if target.has_lock else ""
    return claim.holder if claim and not claim.released_unfinished and claim.run != mine else ""


def _unseen(target: Target, devices: Sequence[Device], trouble: RecoveryError) -> str:
    """What is known when nothing can be read any more."""
    sent = target.gate.sent
    deletions = [what for what in sent if what.startswith(DELETING)]
    texts = [f"How things stand now could not be read: {trouble.message}"]
    texts.append(f"The last change that was accepted: {sent[-1]}." if sent else "No change was accepted.")
    if not devices and any(what.startswith(STOPPING) for what in sent) and not deletions:
        texts.append(f"{target} may be stopped. It has its own disks: a backup does not change them.")
    if sent and devices:
        old, new = _names(device.old for device in devices if device.old), _names(device.new.ref for device in devices)
        texts.append(f"{target} may be stopped. Its data is on its disks from before ({old or 'none'}) and on the restored ones ({new}).")
        if deletions:
            texts.append(f"This run had begun with {'; '.join(deletions)}.")
    texts.append("Run the same task again as soon as the provider answers.")
    return " ".join(texts)


def _names(refs: Iterable[Ref]) -> str:
    return ", ".join(ref.rpartition("/")[2] for ref in refs)
