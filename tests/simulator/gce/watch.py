# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Invariants of a recovery, looked at after every change of a project: what must never be true, not even for a moment.

mixed_disks: the VM runs on old and new disks. bytes_lost: bytes to be kept are nowhere any more. deleted: what was there went, and nobody gave it up.
no_lock: a call that takes something away was accepted while nobody held the lock. foreign_lock: it came from a token whose run is not the one in the
lock, or another run's claim or marks were written over. power: a disk was attached or detached while the VM was not TERMINATED. needed: a disk or a
recovery point was deleted that an unfinished restore needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..content import Content
from . import needs
from .claims import FREE, VM_MARK, Claims, Labels
from .store import Project, Resource

KEPT = {"disks": "disk", "snapshots": "snapshot", "images": "image", "machineImages": "machine_image", "instances": "instance", "addresses": "address"}
POINTS = ("snapshots", "images", "machineImages")
# Harmless without a lock: the VM goes on as it is.
NEEDS_NO_LOCK = ("setDiskAutoDelete",)


@dataclass(eq=False)
class Watch:
    """One VM under watch. `old` are ids of the disks from before; `digests` those that must stay somewhere: digest to where it was seen.

    `existing` are ids of what was there at the beginning, `later` of what was there when a run had ended well, `counted` of what that run counts on.
    `given_up` may be deleted by everybody, `permitted` (by token) by that token's run.
    """

    project: Project
    zone: str
    instance: str
    old: dict[str, str]
    digests: dict[str, str]
    existing: set[str]
    given_up: frozenset[str]
    lock_label: str
    exempt_devices: frozenset[str]
    lock_ttl_s: float = 0.0
    permitted: dict[str, set[str]] = field(default_factory=dict)
    later: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)
    _told: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.claims = Claims(self.lock_label, self.lock_ttl_s, self._vm, self._disks, self._now)

    def _now(self) -> float:
        # The world's clock may be another one later.
        return self.project.world.clock.now()

    def check(self) -> None:
        """After a commit: the mix of old and new disks, and the bytes."""
        vm = self._vm()
        if vm is not None and vm.data["status"] == "RUNNING":
            self._check_mix(vm)
        if self.digests:
            there = set(digests_of(self.project))
            for digest, where in self.digests.items():
                if digest not in there:
                    self._tell("bytes_lost", f"the bytes of {where} (sha256 {digest[:12]}) are on no disk, snapshot, image or machine image", digest)

    def _check_mix(self, vm: Resource) -> None:
        ids = {item.data["selfLink"]: item.data["id"] for item in self.project.all("disks")}
        attached = {entry["deviceName"]: ids.get(entry.get("source", "")) for entry in vm.data["disks"] if entry["deviceName"] not in self.exempt_devices}
        old = sorted(device for device, identity in attached.items() if identity in self.old)
        new = sorted(device for device, identity in attached.items() if identity is not None and identity not in self.old)
        if old and new:
            self._tell("mixed_disks", f"{self.instance} runs with old disks on {', '.join(old)} and new ones on {', '.join(new)}", f"{old}{new}")

    def on_removed(self, resource: Resource, caller: str) -> None:
        """What was there before must have been given up by name; what a run made meanwhile it may take away, unless another one counts on it."""
        word, strict = KEPT.get(resource.plural), self.existing | self.counted
        if word is None or resource.id not in strict | self.later or (resource.id not in strict and resource.made_by == caller):
            return
        names = {f"{word}:{resource.name}"} | ({resource.name} if word != "instance" else set())
        if not names & (self.given_up | self.permitted.get(caller, set())):
            self._tell("deleted", f"{word} {resource.name} was deleted: it was there before and nobody gave it up", resource.id)

    def on_destructive(self, verb: str, target: Resource, caller: str) -> None:
        """At an accepted call that takes something away: the lock must be held by who sends it, and nobody else may need the thing."""
        vm = self._vm()
        if target.plural == "instances" and target is not vm:
            return
        if verb in ("attachDisk", "detachDisk") and target.data["status"] != "TERMINATED":
            self._tell("power", f"{verb} of {target.name} was accepted while it was {target.data['status']}", "")
        if verb == "delete" and target.plural != "instances":
            self._check_need(target, caller)
        if self._is_under_lock(target):
            self._check_lock(verb, target, caller)

    def _check_need(self, target: Resource, caller: str) -> None:
        who = needs.needed_by(self.project, target, caller, self.claims.runs.get(caller), self.lock_label)
        if who is not None:
            self._tell("needed", f"{target.plural[:-1]} {target.name} was deleted, and {who}", "")

    def _is_under_lock(self, target: Resource) -> bool:
        if target.plural == "disks":
            return target.id in self.old or (target.id in self.existing and self._belongs(target))
        return target.plural == "instances" or (target.id in self.existing | self.counted and target.data.get("labels", {}).get(VM_MARK) == self.instance)

    def _check_lock(self, verb: str, target: Resource, caller: str) -> None:
        holders, run = self.claims.holders(), self.claims.runs.get(caller)
        if not holders - {FREE}:
            if verb not in NEEDS_NO_LOCK and (target.plural == "instances" or target.id in self.old):
                self._tell("no_lock", f"{verb} of {target.name} was accepted without the label {self.lock_label}", "")
            return
        # Whoever deletes recovery points without ever having had the lock needs none; whether somebody needs them is another question.
        if run not in holders and not (target.plural in POINTS and run is None):
            self._tell("foreign_lock", f"{verb} of {target.name} by run {run or 'of nobody'} was accepted while {', '.join(sorted(holders))} held the lock", "")

    def on_labels(self, resource: Resource, before: Labels, after: Labels, caller: str) -> None:
        """Labels were written, by the creation of a resource too."""
        if resource is not self._vm() and not (resource.plural == "disks" and self._belongs(resource, before)):
            return
        for problem in self.claims.written(resource, before, after, caller):
            self._tell("foreign_lock", problem, "")

    def permit(self, caller: str, names: Iterable[str]) -> None:
        """The run of a token may delete these."""
        self.permitted.setdefault(caller, set()).update(names)

    def count_on(self, names: Iterable[str]) -> None:
        """A run has ended well: what is there now was there before for every other, and these even for the one who made them."""
        every = [(word, item) for plural, word in KEPT.items() for item in self.project.all(plural)]
        self.later |= {item.id for _word, item in every}
        self.counted |= {item.id for word, item in every if f"{word}:{item.name}" in set(names)}

    def rewrite(self, before: Content, after: Content, where: str) -> None:
        """The guest wrote: other bytes are to be kept from now on."""
        if before.digest in self.digests and before.digest not in set(digests_of(self.project)):
            del self.digests[before.digest]
            self.digests[after.digest] = where

    def _vm(self) -> Resource | None:
        return self.project.find(f"zones/{self.zone}", "instances", self.instance)

    def _disks(self) -> list[Resource]:
        return [disk for disk in self.project.all("disks") if self._belongs(disk)]

    def _belongs(self, disk: Resource, labels: Labels | None = None) -> bool:
        vm = self._vm()
        marks = {**(labels or {}), **disk.data.get("labels", {})}
        return disk.id in self.old or marks.get(VM_MARK) == self.instance or (vm is not None and vm.url in disk.data.get("users", []))

    def _tell(self, kind: str, message: str, key: str) -> None:
        # A state that lasts is told once; an event each time.
        if key and (kind, key) in self._told:
            return
        self._told.add((kind, key))
        world = self.project.world
        self.project.violations.append({"kind": kind, "message": message, "instance": self.instance, "at_s": world.clock.now(), "time": world.timestamp()})


def digests_of(project: Project) -> Iterable[str]:
    """The digests of everything that holds bytes."""
    for plural in ("disks", "snapshots", "images"):
        for item in project.all(plural):
            # What a failed or unfinished creation shows is no place to get bytes back from.
            if plural == "disks" or item.data["status"] != "FAILED":
                yield item.content.digest
    for item in project.all("machineImages"):
        yield from (content.digest for content in item.saved)


def watch(project: Project, body: Mapping[str, Any]) -> Watch:
    """Begins to watch. Raises KeyError for a missing field; the VM may be absent when `old_disks` names its disks."""
    zone, name = str(body["zone"]), str(body["instance"])
    vm = project.find(f"zones/{zone}", "instances", name)
    disks = list(project.all("disks"))
    if body.get("old_disks") is not None:
        old = [item for item in disks if item.name in body["old_disks"]]
    else:
        sources = {entry.get("source") for entry in vm.data["disks"]} if vm is not None else set()
        old = [item for item in disks if item.url in sources]
    kept = body.get("keep_digests")
    seen = {item.content.digest: f"{item.plural[:-1]} {item.name}" for item in [*disks, *project.all("snapshots")] if item.content.digest}
    made = Watch(
        project,
        zone,
        name,
        {item.id: item.name for item in old},
        seen if kept is None else {digest: seen.get(digest, "what was given") for digest in kept},
        {item.id for plural in KEPT for item in project.all(plural)},
        frozenset(body.get("given_up", [])),
        str(body.get("lock_label", "mcr-lock")),
        frozenset(body.get("exempt_devices", [])),
        float(body.get("lock_ttl_s", 0)),
    )
    project.watches.append(made)
    return made
