# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disk an option means, and whose key belongs to it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import keys
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.disk_refs import DiskRef, disk_ref, find_disk
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import objects as gce_objects
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.objects import Disk, Place, region, zone
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import AmbiguousName, InvalidRequest, Unsupported

KEY = base64.b64encode(b"k" * 32).decode()
WRAPPED = base64.b64encode(b"w" * 256).decode()
DIGEST = base64.b64encode(hashlib.sha256(b"k" * 32).digest()).decode()


def ref(text: str, **options: Any) -> DiskRef:
    return disk_ref("source_disk", text, {"project_id": "p", "zone": None, "region": None, **options})


class Disks:
    """Disks by their path below the project."""

    def __init__(self, **ids: str) -> None:
        self.ids = {path.replace("__", "/"): uid for path, uid in ids.items()}

    def get_disk(self, place: Place, name: str) -> Disk | None:
        for path, uid in self.ids.items():
            where, _slash, own = path.rpartition("/")
            if where.endswith(place.name) and name in (own, uid):
                return gce_objects.disk({"name": own, "id": uid, "selfLink": f"https://c/compute/v1/projects/p/{place.path}/disks/{own}"})
        return None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("https://compute.googleapis.com/compute/v1/projects/p/zones/z-a/disks/data", zone("z-a")),
        ("https://www.googleapis.com/compute/v1/projects/p/regions/z/disks/data", region("z")),
        ("//compute.googleapis.com/projects/p/zones/z-a/disks/data", zone("z-a")),
        ("projects/p/zones/z-a/disks/data", zone("z-a")),
        ("projects/123456/zones/z-a/disks/data", zone("z-a")),
        ("zones/z-a/disks/data", zone("z-a")),
        ("/zones/z-a/disks/data", zone("z-a")),
        ("regions/z/disks/data", region("z")),
    ],
)
def test_link_says_all_whatever_zone_and_region_are(text: str, place: Place) -> None:
    found = ref(text, zone="other-a", region="other")
    assert (found.name, found.uid, found.places) == ("data", "", (place,))


def test_name_is_looked_for_in_zone_and_region() -> None:
    assert ref("data", zone="z-a").places == (zone("z-a"),)
    assert ref("data", region="z").places == (region("z"),)
    assert ref("data", zone="z-a", region="z").places == (zone("z-a"), region("z"))
    assert ref("12345", zone="z-a").uid == "12345"
    assert ref("zones/z-a/disks/12345").uid == "12345"


@pytest.mark.parametrize("text", ["disks/data", "projects/p/disks/data", "zones/z/disks/", "zones/z/instances/data", "Data", "data_1", "a" * 64, "data-"])
def test_what_is_no_disk_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="source_disk"):
        ref(text, zone="z-a")


@pytest.mark.parametrize("text", ["projects/other/zones/z-a/disks/data", "https://compute.googleapis.com/compute/v1/projects/other/zones/z-a/disks/data"])
def test_disk_of_another_project_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(Unsupported, match='"other"'):
        ref(text)


def test_nothing_that_says_where_is_refused_naming_the_options() -> None:
    with pytest.raises(InvalidRequest, match=r"zone \(GCP_ZONE\)"):
        find_disk(Disks(), ref("data"))


def test_disk_is_found_by_name_and_id() -> None:
    disks = Disks(**{"z-a__data": "1", "z__big": "2"})
    for text in ("data", "1"):
        found = find_disk(disks, ref(text, zone="z-a", region="z"))
        assert found is not None
        assert found.uid == "1"
    found = find_disk(disks, ref("big", zone="z-a", region="z"))
    assert found is not None
    assert found.place == region("z")
    assert find_disk(disks, ref("none", zone="z-a")) is None


def test_zonal_and_regional_disk_of_one_name_are_ambiguous() -> None:
    disks = Disks(**{"z-a__data": "1", "z__data": "2"})
    with pytest.raises(AmbiguousName, match=r"id 1.*id 2"):
        find_disk(disks, ref("data", zone="z-a", region="z"))
    found = find_disk(disks, ref("2", zone="z-a", region="z"))
    assert found is not None
    assert found.uid == "2"


def test_fits_compares_path_or_id() -> None:
    path = "projects/p/zones/z-a/disks/data"
    assert ref("data", zone="z-a").fits(path, "1")
    assert ref("data").fits(path, "1")
    assert not ref("data", zone="z-b").fits(path, "1")
    assert not ref("data", zone="z-a").fits("projects/other/zones/z-a/disks/data", "1")
    assert ref("1").fits(path, "1")
    assert not ref("2").fits(path, "1")


# -- Keys


def test_keys_are_checked_and_never_quoted() -> None:
    assert keys.check_keys("k", {"data": KEY, "log": WRAPPED}) == {"data": KEY, "log": WRAPPED}
    assert keys.check_keys("k", None) == {}
    for bad in ("short", base64.b64encode(b"x" * 31).decode(), "", 12345678, None):
        with pytest.raises(InvalidRequest, match='"data"') as caught:
            keys.check_keys("k", {"data": bad})
        assert not bad or str(bad) not in caught.value.message


@pytest.mark.parametrize(
    "name", ["data", "17", "projects/p/zones/z-a/disks/data", "https://x/compute/v1/projects/p/zones/z-a/disks/data", "zones/z-a/disks/data"]
)
def test_key_is_found_by_name_id_and_link(name: str) -> None:
    assert keys.key_of_disk("k", {"other": WRAPPED, name: KEY}, ("data", "17", "projects/p/zones/z-a/disks/data")) == KEY


def test_keys_of_other_disks_only_are_refused() -> None:
    assert keys.key_of_disk("k", {}, ("data", "17", "path")) is None
    with pytest.raises(InvalidRequest, match="keys for log, temp"):
        keys.key_of_disk("k", {"temp": KEY, "log": KEY}, ("data", "17", "path"))


def test_key_on_the_wire_and_its_digest() -> None:
    assert keys.as_wire(KEY) == {"rawKey": KEY}
    assert keys.as_wire(WRAPPED) == {"rsaEncryptedKey": WRAPPED}
    assert keys.digest_of(KEY) == DIGEST
    assert keys.digest_of(WRAPPED) is None


def test_key_is_compared_with_the_disks() -> None:
    plain, locked = (gce_objects.disk({"name": "data", "diskEncryptionKey": key}) for key in ({}, {"sha256": DIGEST}))
    assert keys.check_disk_key("k", plain, None) is False
    assert keys.check_disk_key("k", plain, KEY) is False
    assert keys.check_disk_key("k", locked, KEY) is True
    assert keys.check_disk_key("k", locked, WRAPPED) is True
    with pytest.raises(InvalidRequest, match="give it in k"):
        keys.check_disk_key("k", locked, None)
    with pytest.raises(InvalidRequest, match="is not the one"):
        keys.check_disk_key("k", locked, base64.b64encode(b"o" * 32).decode())
