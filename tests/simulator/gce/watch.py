# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Invariants of a recovery, looked at after every change of a project: what must never be true, not even for a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .content import Content
from .store import Project, Resource

KEPT = {"disks": "disk", "snapshots": "snapshot", "images": "image", "machineImages": "machine_image", "instances": "instance", "addresses": "address"}


@dataclass(eq=False)
class Watch:
    """One VM under watch. `old` are ids of the disks from before; `digests` those that must stay somewhere: digest to where it was seen."""

    project: Project
    zone: str
    instance: str
    old: dict[str, str]
    digests: dict[str, str]
    existing: set[str]
    given_up: frozenset[str]
    lock_label: str
    exempt_devices: frozenset[str]
    _told: set[tuple[str, str]] = field(default_factory=set)

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

    def on_removed(self, resource: Resource) -> None:
        """What was there before must have been given up by name."""
        word = KEPT.get(resource.plural)
        if word is None or resource.id not in self.existing:
            return
        names = {f"{word}:{resource.name}"} | ({resource.name} if word != "instance" else set())
        if not names & self.given_up:
            self._tell("deleted", f"{word} {resource.name} was deleted: it was there before and nobody gave it up", resource.id)

    def on_destructive(self, verb: str, target: Resource) -> None:
        """At an accepted call that takes something away: the lock must be held."""
        vm = self._vm()
        if target.plural == "instances" and target is not vm:
            return
        if target.plural == "disks" and target.id not in self.old:
            return
        holders = [vm] if vm is not None else [item for item in self.project.all("disks") if item.id in self.old]
        if not any(self.lock_label in item.data.get("labels", {}) for item in holders):
            self._tell("no_lock", f"{verb} of {target.name} was accepted without the label {self.lock_label}", "")

    def rewrite(self, before: Content, after: Content, where: str) -> None:
        """The guest wrote: other bytes are to be kept from now on."""
        if before.digest in self.digests and before.digest not in set(digests_of(self.project)):
            del self.digests[before.digest]
            self.digests[after.digest] = where

    def _vm(self) -> Resource | None:
        return self.project.find(f"zones/{self.zone}", "instances", self.instance)

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
    )
    project.watches.append(made)
    return made
