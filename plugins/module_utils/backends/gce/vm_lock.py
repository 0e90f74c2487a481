# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of a VM in Compute Engine: a label on the VM, or on one of its disks while there is no VM."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...clients.gce.answers import is_fingerprint_mismatch
from ...clients.gce.client import GceClient
from ...clients.gce.objects import Disk, Instance, Operation
from ...core.errors import NotFound, RecoveryError
from ...recovery.lock import Claim, parse_claim
from .labels import LOCK, LOCK_FOR


def write_labels(client: GceClient, resource: Instance | Disk, labels: dict[str, str]) -> Operation:
    """Replace the labels of what was just read; fails with a fingerprint mismatch when someone else wrote in between."""
    if isinstance(resource, Instance):
        return client.set_instance_labels(resource.place.name, resource.name, labels, resource.label_fingerprint)
    return client.set_disk_labels(resource.place, resource.name, labels, resource.label_fingerprint)


def change_labels(client: GceClient, read: Callable[[], Instance | Disk | None], changes: dict[str, str | None]) -> None:
    """Set, or with None remove, the given labels and leave all others; sends nothing when that is so already. Raises NotFound."""
    while True:
        resource = read()
        if resource is None:
            raise NotFound("what is to be labelled does not exist any more.")
        labels = merged(resource.labels, changes)
        if labels == resource.labels:
            return
        try:
            client.wait(write_labels(client, resource, labels), f"labelling {resource.name}")
            return
        except RecoveryError as error:
            if not is_fingerprint_mismatch(error):
                raise


def merged(labels: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The labels with the changes made."""
    every: dict[str, str | None] = {**labels, **changes}
    return {key: value for key, value in every.items() if value is not None}


def claim_of(resource: Instance | Disk | None) -> Claim | None:
    """The claim on a resource; None when it holds none."""
    if resource is None or LOCK not in resource.labels:
        return None
    return parse_claim(resource.labels[LOCK], resource.labels.get(LOCK_FOR, ""))


def claim_labels(claim: Claim | None) -> dict[str, str | None]:
    """The labels that make a claim, or remove one."""
    return {LOCK: claim.text if claim else None, LOCK_FOR: claim.purpose if claim else None}


class VmLockPlace:
    """``locate`` finds anew what holds the lock; ``unfinished`` lists the provider's unfinished work on the VM and its disks."""

    def __init__(self, client: GceClient, locate: Callable[[], Instance | Disk | None], unfinished: Callable[[], list[Operation]]) -> None:
        self._client, self._locate, self._unfinished = client, locate, unfinished

    def read(self) -> Claim | None:
        return claim_of(self._located())

    def swap(self, expected: Claim | None, claim: Claim | None) -> bool:
        resource = self._located()
        found = claim_of(resource)
        if (found.text if found else None) != (expected.text if expected else None):
            return False
        try:
            self._client.wait(write_labels(self._client, resource, merged(resource.labels, claim_labels(claim))), f"locking {resource.name}")
        except RecoveryError as error:
            if not is_fingerprint_mismatch(error):
                raise
            return False
        return True

    def busy(self) -> bool:
        return bool(self._unfinished())

    def _located(self) -> Instance | Disk:
        resource = self._locate()
        if resource is None:
            raise NotFound("neither the VM nor the disk that carries its lock exists any more.")
        return resource
