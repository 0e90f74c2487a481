# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disk an option means: a name or id beside zone and region, or a link, which says all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ...clients.gce.objects import Disk, Place, last_part, place_of, region, zone
from ...core.errors import AmbiguousName, InvalidRequest, NotFound, Unsupported
from ...core.steps import at_once

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LINK = re.compile(r"(.*/)?(?:zones|regions)/[^/]+/disks/([^/]+)")
_PROJECT = re.compile(r"(?:.*/)?projects/([^/]+)/")


class Reader(Protocol):
    """What is needed of the client."""

    def get_disk(self, place: Place, name: str) -> Disk | None: ...


def check_name(option: str, name: str) -> str:
    """The name when Compute Engine takes it. Raises InvalidRequest."""
    if not _NAME.fullmatch(name):
        rule = "lower case letters, digits and hyphens, at most 63 of them, the first a letter, the last no hyphen"
        raise InvalidRequest(f'{option}: "{name}" cannot be a name in Compute Engine, which has {rule}.')
    return name


@dataclass(frozen=True)
class DiskRef:
    """A disk by name or by numeric id (the other is empty), and the places to look for it: none when nothing says where."""

    option: str
    project: str
    name: str
    uid: str
    places: tuple[Place, ...]

    @property
    def key(self) -> str:
        return self.uid or self.name

    def paths(self) -> tuple[str, ...]:
        """The paths that a disk of this name would have."""
        return tuple(f"projects/{self.project}/{place.path}/disks/{self.name}" for place in self.places)

    def fits(self, path: str, uid: str) -> bool:
        """Whether a disk of this path and id may be meant; of an earlier disk of the same name it may, too."""
        if self.uid:
            return uid == self.uid
        return path in self.paths() if self.places else last_part(path) == self.name

    def require_place(self) -> None:
        """Raise InvalidRequest when nothing says where the disk is."""
        if not self.places:
            raise InvalidRequest(
                f'{self.option}: "{self.key}" does not say where the disk is: give zone (GCP_ZONE), region (GCP_REGION), or a link to the disk.'
            )

    def __str__(self) -> str:
        kind = "id" if self.uid else "name"
        where = " or ".join(f'{place.scope} "{place.name}"' for place in self.places)
        return f'{kind} "{self.key}"{f" in {where}" if where else ""}'


def disk_ref(option: str, text: str, options: Mapping[str, Any]) -> DiskRef:
    """What the option says; ``options`` has project_id, zone and region. Raises InvalidRequest, and Unsupported for another project."""
    project = str(options["project_id"]).strip()
    link = _LINK.fullmatch(text)
    if link:
        its_project = _PROJECT.fullmatch(link[1] or "")
        # A project's number in a link cannot be compared with its id.
        if its_project and its_project[1] != project and not its_project[1].isdigit():
            raise Unsupported(f'{option}: the disk is in the project "{its_project[1]}", and this task in "{project}": run it with that as project_id.')
        key = link[2]
        places: tuple[Place, ...] = (place_of(text),)
        check_name(option, places[0].name)
    elif "/" in text:
        raise InvalidRequest(f'{option}: "{text}" is no link to a disk; give a name, an id, or a link that ends as in zones/ZONE/disks/NAME.')
    else:
        key = text
        places = tuple(make(check_name(name, options[name])) for name, make in (("zone", zone), ("region", region)) if options.get(name))
    if key.isdigit():
        return DiskRef(option, project, "", key, places)
    return DiskRef(option, project, check_name(option, key), "", places)


def find_disk(client: Reader, ref: DiskRef) -> Disk | None:
    """The disk, None when there is none. Raises InvalidRequest when nothing says where, AmbiguousName for a zonal and a regional one."""
    ref.require_place()
    looks = at_once(*((lambda place=place: client.get_disk(place, ref.key)) for place in ref.places))
    found = [disk for disk in looks if disk and (not ref.uid or disk.uid == ref.uid)]
    if len(found) > 1:
        ids = ", ".join(f"{disk.path} (id {disk.uid})" for disk in found)
        raise AmbiguousName(f"{ref.option}: {len(found)} disks have the name: {ids}. Give the link of one, or its id.")
    return found[0] if found else None


def absent(ref: DiskRef) -> NotFound:
    return NotFound(f"{ref.option}: the project {ref.project} has no disk with the {ref}.")
