# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an export is made from: an image, or a snapshot or an instance of which an image is made first."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ....clients.alibaba_ecs.client import Wire
from ....core.errors import AmbiguousName, InvalidRequest, NotFound, Unsupported
from ....core.model import FAILED
from .wire import Image, Images, tags_of

IMAGE, SNAPSHOT, INSTANCE = "image", "snapshot", "instance"
_MOST_DATA_DISKS, _MOST_GIB = 4, 500
_LIMITS = f"Alibaba Cloud exports a system disk and at most {_MOST_DATA_DISKS} data disks, of {_MOST_GIB} GiB each at the most"


@dataclass(frozen=True)
class Source:
    """``kind`` is the resource type that its tags are set by; ``image`` is there for an image only."""

    kind: str
    uid: str
    name: str
    wire: Wire = field(repr=False)
    image: Image | None = None

    @property
    def tags(self) -> dict[str, str]:
        return tags_of(self.wire)


def find_source(images: Images, word: str) -> Source:
    """What ``source`` means: an id, or the name of an image or an instance. Raises NotFound, AmbiguousName, and Unsupported for what cannot be exported."""
    if re.fullmatch("s-[a-z0-9]+", word):
        return _of_snapshot(images, word)
    image = images.by_id(word, own=False) if word.startswith("m-") else None
    if image:
        return _of_image(image)
    image, instance = images.named(word), images.instance(word)
    if image and instance:
        raise AmbiguousName(f'both the image {image.uid} and the instance {instance["InstanceId"]} have the name "{word}": give the id as source.')
    if instance:
        return _of_instance(images, instance)
    image = image or images.by_id(word, own=False)
    if not image:
        raise NotFound(f'there is no image, snapshot or instance "{word}" in this region. Snapshots are given by their ids.')
    return _of_image(image)


def _of_image(image: Image) -> Source:
    owner = image.wire.get("ImageOwnerAlias")
    if owner not in (None, "", "self"):
        raise Unsupported(
            f'"{image.name}" ({image.uid}) is not a custom image of this account, but one of {owner}: Alibaba Cloud exports only custom images. Make an image'
            " of an instance that was started from it, and export that."
        )
    if image.status == FAILED:
        raise InvalidRequest(f'the image "{image.name}" ({image.uid}) is {image.provider_status}: it cannot be exported.')
    _check_disks([(str(disk.get("Type") or "system"), int(disk.get("Size") or 0)) for disk in image.disks])
    return Source(IMAGE, image.uid, image.name, image.wire, image)


def _of_snapshot(images: Images, uid: str) -> Source:
    wire = images.snapshot(uid)
    if wire is None:
        raise NotFound(f"there is no snapshot {uid} in this region.")
    if str(wire.get("SourceDiskType") or "").lower() == "data":
        raise Unsupported(f"{uid} is a snapshot of a data disk, of which no image can be made: give a snapshot of a system disk, or the instance.")
    if wire.get("Status") == "failed":
        raise InvalidRequest(f"the snapshot {uid} has failed: it holds nothing.")
    _check_disks([("system", int(wire.get("SourceDiskSize") or 0))])
    return Source(SNAPSHOT, uid, str(wire.get("SnapshotName") or uid), wire)


def _of_instance(images: Images, wire: Wire) -> Source:
    uid = str(wire["InstanceId"])
    _check_disks([(str(disk.get("Type")), int(disk.get("Size") or 0)) for disk in images.disks_of(uid)])
    return Source(INSTANCE, uid, str(wire.get("InstanceName") or uid), wire)


def _check_disks(disks: list[tuple[str, int]]) -> None:
    data, largest = sum(kind == "data" for kind, _size in disks), max((size for _kind, size in disks), default=0)
    if data > _MOST_DATA_DISKS:
        raise Unsupported(f"it has {data} data disks. {_LIMITS}.")
    if largest > _MOST_GIB:
        raise Unsupported(f"it has a disk of {largest} GiB. {_LIMITS}.")
