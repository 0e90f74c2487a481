# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine: what GceReader reads, and what can be changed, one method per API call, and waiting for it.

The paths begin after ``/compute/v1/projects/{project}/``. A ``body`` is the API's JSON. What changes something goes through Google's
SDK, except the insertion of an instance: its body is a saved manifest, of which no field may get lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace

from ...core.waiter import Waiter
from ...transport.http import Tls
from ...transport.retry import Brake, Retry
from . import objects
from .calls import GceCalls
from .objects import EVERYWHERE, Operation, Place, Wire
from .operations import GceOperations
from .reader import GceReader
from .sdk import GceSdk
from .session import Credentials, GceSession


class GceClient(GceReader):
    """One project of Compute Engine. Threads may share a client for reads and changes; it has at most 64 connections.

    Each change gives the operation that Google began; ``wait`` waits for it. All of them raise the errors of ``core.errors`` that the
    answer means: NotFound from the deletion of something absent, OutcomeUnknown when nobody knows whether a change was carried out.
    ``on_secret`` is told every token and encryption key, ``on_warning`` what Google warns of. Raises MissingLibrary without Google's
    libraries, AuthenticationFailed and InvalidRequest for credentials that cannot be used; sends nothing yet, but looks for
    application default credentials where none are given.
    """

    def __init__(
        self,
        project: str,
        *,
        credentials: Credentials,
        api_url: str | None,
        tls: Tls,
        timeout_s: float,
        retry: Retry,
        waiter: Waiter,
        on_secret: Callable[[str], None],
        on_warning: Callable[[str], None] = lambda _text: None,
    ) -> None:
        session = GceSession(credentials, api_url=api_url, tls=tls, timeout_s=timeout_s, on_secret=on_secret, brake=Brake(waiter.clock))
        self._retry, self._on_warning = replace(retry, cancelled=lambda: waiter.cancelled), on_warning
        self._bind(GceCalls(project, session, GceSdk(session), timeout_s=timeout_s, retry=self._retry, on_secret=on_secret), waiter)

    def _bind(self, calls: GceCalls, waiter: Waiter) -> None:
        super().__init__(calls)
        self._operations = GceOperations(calls, waiter, self._on_warning)
        self._change = calls.change

    def for_target(self, waiter: Waiter) -> GceClient:
        """A client for one of many targets of the same task: with the deadline and the cancellation of ``waiter``, and an ``acted`` of its own.

        Token, connections, Google's SDK and the brake that a request to slow down puts on are those of this client; closing this one
        closes them for all.
        """
        target = copy(self)
        target._retry = Retry.within(waiter, self._retry.retries, self._retry.jitter)
        target._bind(self._calls.for_target(target._retry), waiter)
        return target

    def close(self) -> None:
        """Close the connections, when the task has ended. A request after that makes a new one."""
        self._calls.close()

    def acted(self) -> bool:
        """Whether a change was accepted, or may have been, since this client was made."""
        return self._calls.acted

    def wait(self, operation: Operation, what: str) -> Operation:
        """POST {place}/operations/{operation}/wait until it is done; ``what`` names what it does, as in ``creation of disk "data"``.

        Raises what its error means, WaitTimeout at the waiter's deadline, Cancelled. An operation that Google has forgotten counts as
        done: look at its target.
        """
        return self._operations.wait(operation, what)

    def wait_all(self, operations: Iterable[Operation], what: str) -> list[Operation]:
        """All operations, finished. Each is waited for even when others fail; then the first error is raised."""
        return self._operations.wait_all(operations, what)

    def insert_disk(self, place: Place, body: Wire) -> Operation:
        """POST {place}/disks"""
        return self._change(place, "disks", "insert", body=body)

    def delete_disk(self, place: Place, name: str) -> Operation:
        """DELETE {place}/disks/{name}"""
        return self._change(place, "disks", "delete", name)

    def set_disk_labels(self, place: Place, name: str, labels: Mapping[str, str], fingerprint: str) -> Operation:
        """POST {place}/disks/{name}/setLabels"""
        return self._change(place, "disks", "setLabels", name, body=_labels(labels, fingerprint))

    def insert_snapshot(self, body: Wire) -> Operation:
        """POST global/snapshots"""
        return self._change(EVERYWHERE, "snapshots", "insert", body=body)

    def delete_snapshot(self, name: str) -> Operation:
        """DELETE global/snapshots/{name}"""
        return self._change(EVERYWHERE, "snapshots", "delete", name)

    def set_snapshot_labels(self, name: str, labels: Mapping[str, str], fingerprint: str) -> Operation:
        """POST global/snapshots/{name}/setLabels; has no requestId, the fingerprint guards it."""
        return self._change(EVERYWHERE, "snapshots", "setLabels", name, body=_labels(labels, fingerprint))

    def insert_image(self, body: Wire, force_create: bool = False) -> Operation:
        """POST global/images?forceCreate=: from a disk in use only with ``force_create``."""
        return self._change(EVERYWHERE, "images", "insert", body=body, forceCreate=force_create or None)

    def delete_image(self, name: str) -> Operation:
        """DELETE global/images/{name}"""
        return self._change(EVERYWHERE, "images", "delete", name)

    def deprecate_image(self, name: str, state: str, replacement: str | None = None) -> Operation:
        """POST global/images/{name}/deprecate; ``state`` is ACTIVE, DEPRECATED, OBSOLETE or DELETED, ``replacement`` the URL of an image."""
        return self._change(EVERYWHERE, "images", "deprecate", name, body={"state": state, **({"replacement": replacement} if replacement else {})})

    def set_image_labels(self, name: str, labels: Mapping[str, str], fingerprint: str) -> Operation:
        """POST global/images/{name}/setLabels; has no requestId, the fingerprint guards it."""
        return self._change(EVERYWHERE, "images", "setLabels", name, body=_labels(labels, fingerprint))

    def insert_machine_image(self, body: Wire) -> Operation:
        """POST global/machineImages"""
        return self._change(EVERYWHERE, "machineImages", "insert", body=body)

    def delete_machine_image(self, name: str) -> Operation:
        """DELETE global/machineImages/{name}"""
        return self._change(EVERYWHERE, "machineImages", "delete", name)

    def set_machine_image_labels(self, name: str, labels: Mapping[str, str], fingerprint: str) -> Operation:
        """POST global/machineImages/{name}/setLabels; has no requestId, the fingerprint guards it."""
        return self._change(EVERYWHERE, "machineImages", "setLabels", name, body=_labels(labels, fingerprint))

    def insert_instance_template(self, body: Wire) -> Operation:
        """POST global/instanceTemplates"""
        return self._change(EVERYWHERE, "instanceTemplates", "insert", body=body)

    def delete_instance_template(self, name: str) -> Operation:
        """DELETE global/instanceTemplates/{name}"""
        return self._change(EVERYWHERE, "instanceTemplates", "delete", name)

    def insert_address(self, region: str, body: Wire) -> Operation:
        """POST regions/{region}/addresses"""
        return self._change(objects.region(region), "addresses", "insert", body=body)

    def delete_address(self, region: str, name: str) -> Operation:
        """DELETE regions/{region}/addresses/{name}"""
        return self._change(objects.region(region), "addresses", "delete", name)

    def insert_network(self, body: Wire) -> Operation:
        """POST global/networks"""
        return self._change(EVERYWHERE, "networks", "insert", body=body)

    def insert_instance(self, zone: str, body: Wire, source_machine_image: str | None = None) -> Operation:
        """POST zones/{zone}/instances?sourceMachineImage=, as plain JSON so that no field of ``body`` is dropped."""
        return self._change(objects.zone(zone), "instances", "insert", body=body, raw=True, sourceMachineImage=source_machine_image)

    def delete_instance(self, zone: str, name: str) -> Operation:
        """DELETE zones/{zone}/instances/{name}; disks with autoDelete go with it."""
        return self._change(objects.zone(zone), "instances", "delete", name)

    def stop_instance(self, zone: str, name: str, discard_local_ssd: bool | None = None) -> Operation:
        """POST zones/{zone}/instances/{name}/stop?discardLocalSsd="""
        return self._change(objects.zone(zone), "instances", "stop", name, discardLocalSsd=discard_local_ssd)

    def start_instance(self, zone: str, name: str, disk_keys: Sequence[Wire] | None = None) -> Operation:
        """POST zones/{zone}/instances/{name}/start, or .../startWithEncryptionKey with ``{"source", "diskEncryptionKey"}`` of each disk."""
        if disk_keys:
            return self._change(objects.zone(zone), "instances", "startWithEncryptionKey", name, body={"disks": list(disk_keys)})
        return self._change(objects.zone(zone), "instances", "start", name)

    def attach_disk(self, zone: str, instance: str, body: Wire) -> Operation:
        """POST zones/{zone}/instances/{instance}/attachDisk"""
        return self._change(objects.zone(zone), "instances", "attachDisk", instance, body=body)

    def detach_disk(self, zone: str, instance: str, device_name: str) -> Operation:
        """POST zones/{zone}/instances/{instance}/detachDisk?deviceName="""
        return self._change(objects.zone(zone), "instances", "detachDisk", instance, deviceName=device_name)

    def set_disk_auto_delete(self, zone: str, instance: str, device_name: str, auto_delete: bool) -> Operation:
        """POST zones/{zone}/instances/{instance}/setDiskAutoDelete?autoDelete=&deviceName="""
        return self._change(objects.zone(zone), "instances", "setDiskAutoDelete", instance, autoDelete=auto_delete, deviceName=device_name)

    def set_instance_labels(self, zone: str, name: str, labels: Mapping[str, str], fingerprint: str) -> Operation:
        """POST zones/{zone}/instances/{name}/setLabels"""
        return self._change(objects.zone(zone), "instances", "setLabels", name, body=_labels(labels, fingerprint))


def _labels(labels: Mapping[str, str], fingerprint: str) -> Wire:
    """A request that replaces all labels."""
    return {"labels": dict(labels), "labelFingerprint": fingerprint}
