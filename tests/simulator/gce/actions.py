# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control actions of Compute Engine, as POST /_control/NAME with {"project": ...} and what each needs.

guest_write {disk, zone or region, offset, data}: writes base64 `data` as the guest would; gives {digest}.
guest_read {disk, zone or region, offset, length}: gives {data} in base64.
digest {disk | snapshot | image | machine_image, zone or region for a disk}: gives {digest}; of a machine image {digests}, in the order of its disks.
take_address {address}: an internal address, or alias range, is in use by somebody outside. free_address {address}: not any more.
watch {zone, instance, old_disks, keep_digests, given_up, lock_label, lock_ttl_s, exempt_devices}: see watch.py; gives {old_disks, keep_digests}.
permit {token, names}: the run of a token (its short id) may delete what `names` name, as in given_up.
count_on {names}: a run has ended well; what is there now was there before for every other run, and `names` ("disk:NAME") even for the one who made them.
runs {}: gives {short id of a token: the run whose claims were written with it}.
unwatch {}: ends all watches of the project and forgets the violations.
violations {}: gives [{kind: mixed_disks|bytes_lost|deleted|no_lock|foreign_lock|power|needed, message, instance, at_s, time}].
canonical {}: the project without what differs from run to run; see state.canonical.
operations {}: gives [{project, type, target, insert_s, end_s, failed, data}], oldest first.
set_fields {plural, zone or region, name, fields}: overwrites fields of a resource, as if somebody else had.
remove {plural, zone or region, name}: takes a resource away without any of the rules.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from ..messages import Refused
from . import addressing, operations, state
from .store import Project, Resource
from .watch import watch

HOLDERS = {"disk": "disks", "snapshot": "snapshots", "image": "images", "machine_image": "machineImages"}


def _place(body: Mapping[str, Any]) -> str:
    if body.get("zone"):
        return f"zones/{body['zone']}"
    return f"regions/{body['region']}" if body.get("region") else "global"


def _find(project: Project, body: Mapping[str, Any], plural: str, name: Any) -> Resource:
    found = project.find(_place(body), plural, str(name))
    if found is None:
        raise Refused(f"no such resource: projects/{project.name}/{_place(body)}/{plural}/{name}")
    return found


def guest_write(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Writes to a disk."""
    disk = _find(project, body, "disks", body.get("disk"))
    try:
        data = base64.b64decode(str(body.get("data", "")), validate=True)
    except binascii.Error as error:
        raise Refused(f"data is not base64: {error}") from error
    before, disk.content = disk.content, disk.content.written(int(body.get("offset", 0)), data)
    for item in project.watches:
        item.rewrite(before, disk.content, f"disk {disk.name}")
    return {"digest": disk.content.digest}


def guest_read(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Reads from a disk."""
    disk = _find(project, body, "disks", body.get("disk"))
    return {"data": base64.b64encode(disk.content.read(int(body.get("offset", 0)), int(body.get("length", 4096)))).decode()}


def digest(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """The digest of what holds bytes."""
    for word, plural in HOLDERS.items():
        if body.get(word):
            found = _find(project, body, plural, body[word])
            return {"digests": [item.digest for item in found.saved]} if word == "machine_image" else {"digest": found.content.digest}
    raise Refused(f"one of {', '.join(HOLDERS)} is needed")


def take_address(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Gives an address to somebody else."""
    project.taken[str(body["address"])] = addressing.NEIGHBOUR
    return {}


def free_address(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Takes it back."""
    project.taken.pop(str(body["address"]), None)
    return {}


def begin_watch(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Watches a VM."""
    try:
        made = watch(project, body)
    except KeyError as error:
        raise Refused(f"{error} is needed") from error
    return {"old_disks": sorted(made.old.values()), "keep_digests": sorted(made.digests)}


def end_watch(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Watches no longer."""
    project.watches.clear()
    project.violations.clear()
    return {}


def permit(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Lets a run delete something."""
    for item in project.watches:
        item.permit(str(body.get("token")), body.get("names", []))
    return {}


def count_on(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Takes what is there for given."""
    for item in project.watches:
        item.count_on(body.get("names", []))
    return {}


def list_operations(project: Project, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The operations, oldest first."""
    return state.operation_log(project)


def set_fields(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Changes a resource behind everybody's back."""
    resource = _find(project, body, str(body.get("plural")), body.get("name"))
    resource.data.update(body.get("fields", {}))
    operations.committed(project)
    return {}


def remove(project: Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Removes a resource behind everybody's back: nobody watches this."""
    resource = _find(project, body, str(body.get("plural")), body.get("name"))
    project.table(resource.place, resource.plural).pop(resource.name)
    return {}


ACTIONS: dict[str, Callable[[Project, Mapping[str, Any]], Any]] = {
    "guest_write": guest_write,
    "guest_read": guest_read,
    "digest": digest,
    "take_address": take_address,
    "free_address": free_address,
    "watch": begin_watch,
    "unwatch": end_watch,
    "permit": permit,
    "count_on": count_on,
    "runs": lambda project, body: {token: run for item in project.watches for token, run in item.claims.runs.items()},
    "violations": lambda project, body: list(project.violations),
    "canonical": lambda project, body: state.canonical(project),
    "operations": list_operations,
    "set_fields": set_fields,
    "remove": remove,
}
