# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Invariants of a recovery, looked at while an instance is under watch: what must never be true, not even for a moment.

mixed_disks: the instance was started on disks that are not all of one set. bytes_lost: bytes that are to be kept are on no disk and in no finished snapshot
any more. deleted: a disk, snapshot, image or instance that was there before went, and nobody gave it up. no_lock: a call that takes something away was
accepted while there was neither a lock tag on the instance or its disks nor a lock key pair that names the instance. many_locks: the same, while key pairs of
two different fingerprints named it. foreign_lock: the same, by a user of the account whose own lock tag (mcr-lock-run-*, not beginning with "?") was on none of
them, although such tags are used; both_hold: while the tags of two users said that they hold it. A tag belongs to the user that wrote it. reset_lost,
power_in_snapshot: see disk_reset.py and power.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import disks
from .record import LOCKS, marks_of, violate

if TYPE_CHECKING:
    from .store import Account, Item

KEPT = ("disks", "snapshots", "images", "instances")
# They take something away from an instance, its disks or their snapshots.
DESTRUCTIVE = {"StopInstance", "ResetDisk", "ResetDisks", "ReInitDisk", "DetachDisk", "DeleteDisk", "DeleteInstance", "ReplaceSystemDisk"}
OWN_LOCK, CANDIDATE, RELEASED = "mcr-lock-run-", "?", "mcr-lock-run-free-"
DESTRUCTIVE |= {"ModifyInstanceVpcAttribute", "DetachNetworkInterface", "ConvertNatPublicIpToEip"}


@dataclass(eq=False)
class Watch:
    """One instance under watch. `sets` are {disk: digest} that belong together; `existing` the ids that were there at the beginning."""

    account: Account
    instance: str
    disks: set[str]
    digests: dict[str, str]
    sets: list[dict[str, str]]
    existing: dict[str, str]
    given_up: set[str]
    with_lock: bool
    name: str = ""
    _told: set[tuple[str, str]] = field(default_factory=set)
    _held: bool = False
    _keys: set[str] = field(default_factory=set)
    # Lock tag to the user that wrote it; those of users that said before this request that they hold it.
    _owners: dict[str, str] = field(default_factory=dict)
    _holders: set[str] = field(default_factory=set)

    def before(self) -> None:
        """Before a request is carried out: who holds the lock, and what has happened since the last one."""
        self.check()
        marked = [item for item in self._items() if marks_of(item)]
        pairs = [
            pair.data for pair in self.account.all("key_pairs") if pair.data["KeyPairName"].startswith(LOCKS) and self.instance in pair.data["KeyPairName"]
        ]
        self._held, self._keys = bool(marked or pairs), {pair["KeyPairFingerPrint"] for pair in pairs}
        # As long as there is an instance, its tags count; those of disks are for the time without one.
        telling = [item for item in marked if item.kind == "instances"] or marked
        held = {key for item in telling for key, value in marks_of(item).items() if key.startswith(OWN_LOCK) and not value.startswith(CANDIDATE)}
        self._holders = {self._owners.get(key, "") for key in held if not key.startswith(RELEASED)}

    def accepted(self, action: str, targets: list[str], user: str, params: Mapping[str, str]) -> None:
        """After a request was accepted."""
        self._owners.update({value: user for name, value in params.items() if name.endswith(".Key") and value.startswith(OWN_LOCK)})
        if self.with_lock and action in DESTRUCTIVE and ({self.instance} | self.disks) & set(targets):
            if self._owners and self._held and user not in self._holders:
                self._tell("foreign_lock", f"{action} of {', '.join(targets)} was accepted from {user}, while the lock was that of {sorted(self._holders)}", "")
            elif len(self._holders) > 1:
                self._tell("both_hold", f"{action} of {', '.join(targets)} was accepted from {user}, while {sorted(self._holders)} held the lock", "")
            if not self._held:
                self._tell("no_lock", f"{action} of {', '.join(targets)} was accepted without a lock", "")
            elif len(self._keys) > 1:
                self._tell("many_locks", f"{action} of {', '.join(targets)} was accepted while {len(self._keys)} key pairs claimed the lock", "")
        if action == "StartInstance" and self.instance in targets:
            self._check_sets()
        self.check()

    def count_on(self, ids: Iterable[str]) -> None:
        """From now on these count as having been there."""
        there = {item.id: kind for kind in KEPT for item in self.account.all(kind)}
        self.existing.update({identity: there[identity] for identity in ids if identity in there})
        self.given_up -= set(ids)

    def check(self) -> None:
        """After anything has changed: what must be there."""
        finished = [item for kind in ("disks", "snapshots") for item in self.account.all(kind) if item.data["Status"] not in ("failed", "progressing")]
        there = {item.content.digest for item in finished}
        for digest, where in self.digests.items():
            if digest not in there:
                self._tell("bytes_lost", f"the bytes of {where} (sha256 {digest[:12]}) are on no disk and in no finished snapshot", digest)
        present = {item.id for kind in KEPT for item in self.account.all(kind)}
        for identity, kind in self.existing.items():
            if identity not in present and identity not in self.given_up:
                self._tell("deleted", f"{kind[:-1]} {identity} is gone: it was there before and nobody gave it up", identity)

    def _check_sets(self) -> None:
        found = {item.id: item.content.digest for item in disks.of_instance(self.account, self.instance)}
        if self.sets and not any(all(found.get(disk) == digest for disk, digest in one.items()) for one in self.sets):
            self._tell("mixed_disks", f"{self.instance} was started on disks that do not belong together", "")

    def _items(self) -> list[Item]:
        # Another instance may have taken the place of the one under watch, and carries the lock then.
        instance = self.account.find("instances", self.instance)
        found = [self.account.find("disks", identity) for identity in self.disks]
        others = [item for item in self.account.all("instances") if item is not instance and item.data["InstanceName"] == self.name]
        return [item for item in [instance, *found, *others] if item is not None]

    def _tell(self, kind: str, message: str, key: str) -> None:
        # A state that lasts is told once; an event each time.
        if key and (kind, key) in self._told:
            return
        self._told.add((kind, key))
        violate(self.account, kind, message, self.instance)


def watch(account: Account, body: Mapping[str, Any]) -> Watch:
    """Begins to watch. Raises KeyError without an instance."""
    instance = str(body["instance"])
    own = disks.of_instance(account, instance)
    seen = {item.content.digest: item.id for item in own if item.content.digest}
    kept = body.get("keep_digests")
    made = Watch(
        account,
        instance,
        {item.id for item in own},
        seen if kept is None else {digest: seen.get(digest, "what was given") for digest in kept},
        [dict(one) for one in body.get("sets", [])],
        {item.id: kind for kind in KEPT for item in account.all(kind)},
        set(body.get("given_up", [])),
        bool(body.get("lock", True)),
        there.data["InstanceName"] if (there := account.find("instances", instance)) else "",
    )
    account.watches.append(made)
    return made
