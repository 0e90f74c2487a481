# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control actions of ECS, as POST /_control/NAME with {"account": ...} and what each needs.

add_instance {name, region, zone, status, disks: [{DiskName, Size, Category, text, tags, ...fields}], tags, address, fields}: gives {instance_id, disk_ids}.
add_disk {region, zone, name, text, tags, fields}: gives {disk_id}. add_network {region, zone}: gives {vpc_id, vswitch_id, security_group_id}.
guest_write {disk, offset, data | text}: writes base64 `data`, or `text`, as the guest would; gives {digest}.
guest_read {disk, offset, length}: gives {data} in base64, and {text}. digest {id}: of a disk or snapshot; gives {digest}.
watch {instance, keep_digests, sets, given_up, lock}: see watch.py; `lock` false: nobody need hold one. give_up {ids}: they may go.
count_on {ids}: they must not go any more.
unwatch {}: ends all watches. canonical {}: the account without what differs from run to run.
add_key {id, secret, user, active}: one more access key. add_role {name, external_id, max_session_s, denied}: a role of RAM; gives {arn}.
add_bucket {name, region}, add_object {bucket, object, size}, remove_object {bucket, object}: what OSS holds.
take_address {vswitch, address}, free_address {vswitch, address}: a private address is somebody else's.
set_fields {kind, id, fields, tags, hidden}: overwrites, as if somebody else had. remove {kind, id}: takes an item away without any rule.
record {since}, violations {}: see record.py. forget {}: empties both.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from ..messages import Refused
from . import disks, seeds
from .canonical import canonical
from .credentials import Credentials, Key
from .places import DEFAULT_REGION, REGIONS, region_of_zone, zones_of
from .store import KINDS, Account, Item
from .watch import watch

Action = Callable[[Account, Mapping[str, Any], Credentials], Any]


def _find(account: Account, kind: str, identity: Any) -> Item:
    found = account.find(kind, str(identity)) if kind in KINDS else None
    if found is None:
        raise Refused(f"no such item: {kind} {identity}")
    return found


def _place(body: Mapping[str, Any]) -> tuple[str, str]:
    zone = str(body.get("zone") or "")
    region = str(body.get("region") or (region_of_zone(zone) if zone else "") or DEFAULT_REGION)
    if region not in REGIONS or (zone and zone not in zones_of(region)):
        raise Refused(f"no such place: {region} {zone}")
    return region, zone or zones_of(region)[0]


def add_instance(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Makes an instance with disks that hold bytes."""
    region, zone = _place(body)
    more = {**body.get("fields", {}), **{name: body[name] for name in ("tags", "address", "hidden") if name in body}}
    made = seeds.add_instance(account, str(body.get("name", "vm-1")), body.get("disks", [{}]), region, zone, str(body.get("status", "Running")), **more)
    return {"instance_id": made.id, "disk_ids": [item.id for item in disks.of_instance(account, made.id)]}


def add_disk(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Makes a disk that is on no instance."""
    more = {name: body[name] for name in ("text", "tags") if name in body}
    region, zone = _place(body)
    return {"disk_id": seeds.add_disk(account, region, zone, str(body.get("name", "disk-1")), **{**body.get("fields", {}), **more}).id}


def add_network(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Makes what an instance needs around it."""
    vswitch, group = seeds.add_network(account, *_place(body))
    return {"vpc_id": vswitch.data["VpcId"], "vswitch_id": vswitch.id, "security_group_id": group.id}


def guest_write(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Writes to a disk."""
    disk = _find(account, "disks", body.get("disk"))
    try:
        data = str(body["text"]).encode() if "text" in body else base64.b64decode(str(body.get("data", "")), validate=True)
    except binascii.Error as error:
        raise Refused(f"data is not base64: {error}") from error
    before, disk.content = disk.content.digest, disk.content.written(int(body.get("offset", 0)), data)
    for item in account.watches:
        # The guest wrote: other bytes are to be kept from now on.
        if item.digests.get(before) == disk.id:
            item.digests[disk.content.digest] = item.digests.pop(before)
    return {"digest": disk.content.digest}


def guest_read(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Reads from a disk."""
    data = _find(account, "disks", body.get("disk")).content.read(int(body.get("offset", 0)), int(body.get("length", 4096)))
    return {"data": base64.b64encode(data).decode(), "text": data.rstrip(b"\0").decode("utf-8", "replace")}


def digest(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """The digest of a disk or snapshot."""
    identity = str(body.get("id"))
    item = account.find("disks", identity) or account.find("snapshots", identity)
    if item is None:
        raise Refused(f"no such disk or snapshot: {identity}")
    return {"digest": item.content.digest}


def begin_watch(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Watches an instance."""
    try:
        made = watch(account, body)
    except KeyError as error:
        raise Refused(f"{error} is needed") from error
    return {"disks": sorted(made.disks), "keep_digests": sorted(made.digests)}


def end_watch(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Watches no longer."""
    account.watches.clear()
    account.violations.clear()
    return {}


def give_up(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Lets things go."""
    for item in account.watches:
        item.given_up |= set(body.get("ids", []))
    return {}


def count_on(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Takes things for given that were made since."""
    for item in account.watches:
        item.count_on(body.get("ids", []))
    return {}


def add_key(account: Account, body: Mapping[str, Any], keys: Credentials) -> dict[str, Any]:
    """Registers an access key."""
    keys.add(Key(str(body["id"]), str(body["secret"]), account.name, f"user/{body['user']}" if body.get("user") else "root", bool(body.get("active", True))))
    return {}


def add_role(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Makes a role."""
    account.roles[str(body["name"])] = {name: body[name] for name in ("external_id", "max_session_s", "denied") if name in body}
    return {"arn": f"acs:ram::{account.number}:role/{body['name']}"}


def add_bucket(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Makes a bucket."""
    account.buckets[str(body["name"])] = str(body.get("region") or DEFAULT_REGION)
    return {}


def add_object(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Puts an object into a bucket."""
    account.objects[str(body["bucket"]), str(body["object"])] = int(body.get("size", 0))
    return {}


def remove_object(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Takes an object away."""
    account.objects.pop((str(body["bucket"]), str(body["object"])), None)
    return {}


def take_address(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Gives an address to somebody else."""
    account.taken.add((str(body["vswitch"]), str(body["address"])))
    return {}


def free_address(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Takes it back."""
    account.taken.discard((str(body["vswitch"]), str(body["address"])))
    return {}


def set_fields(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Changes an item behind everybody's back."""
    item = _find(account, str(body.get("kind")), body.get("id"))
    item.data.update(body.get("fields", {}))
    item.hidden.update(body.get("hidden", {}))
    item.tags = {**item.tags, **body.get("tags", {})}
    return {}


def remove(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Removes an item behind everybody's back."""
    account.remove(_find(account, str(body.get("kind")), body.get("id")))
    return {}


def show_record(account: Account, body: Mapping[str, Any], _keys: Credentials) -> list[dict[str, Any]]:
    """The record, or what came after an entry."""
    return [entry for entry in account.record if entry["n"] > int(body.get("since", 0))]


def show_violations(account: Account, body: Mapping[str, Any], _keys: Credentials) -> list[dict[str, Any]]:
    """The violations."""
    for item in account.watches:
        item.check()
    return list(account.violations)


def forget(account: Account, body: Mapping[str, Any], _keys: Credentials) -> dict[str, Any]:
    """Empties record and violations."""
    account.record.clear()
    account.violations.clear()
    return {}


ACTIONS: dict[str, Action] = {
    "add_instance": add_instance,
    "add_disk": add_disk,
    "add_network": add_network,
    "guest_write": guest_write,
    "guest_read": guest_read,
    "digest": digest,
    "watch": begin_watch,
    "unwatch": end_watch,
    "give_up": give_up,
    "count_on": count_on,
    "canonical": lambda account, body, keys: canonical(account),
    "add_key": add_key,
    "add_role": add_role,
    "add_bucket": add_bucket,
    "add_object": add_object,
    "remove_object": remove_object,
    "take_address": take_address,
    "free_address": free_address,
    "set_fields": set_fields,
    "remove": remove,
    "record": show_record,
    "violations": show_violations,
    "forget": forget,
}
