# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that hold for every kind: names, labels, fingerprints, customer-supplied keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from .errors import ApiError, invalid
from .places import MULTI_REGIONS, is_place

NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
MAX_LABELS = 64
MAX_DESCRIPTION = 2048
# A key of the key management service is named in requests; answers name the version of it that was used.
KEY_VERSION = "/cryptoKeyVersions/"
# What requests may hold and answers never show, by kind.
INPUT_ONLY: dict[str, tuple[str, ...]] = {
    "disks": ("params",),
    "snapshots": ("params", "guestFlush"),
    "images": ("params",),
    "machineImages": ("params", "guestFlush", "sourceDiskEncryptionKeys"),
    "instances": ("params",),
    "networks": ("params",),
    "subnetworks": ("params",),
}


def check_name(body: Mapping[str, Any]) -> str:
    """The name of a new resource. Raises ApiError."""
    name = body.get("name")
    if not name:
        raise ApiError("required", "Required field 'resource.name' not specified")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise invalid("resource.name", name, r"Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'")
    if len(str(body.get("description", ""))) > MAX_DESCRIPTION:
        raise invalid("resource.description", f"{body['description'][:40]}...", f"Must be at most {MAX_DESCRIPTION} characters.")
    check_labels(body.get("labels"))
    return name


def check_labels(labels: Any, field: str = "resource.labels") -> None:
    """Raises ApiError for labels that cannot be."""
    if labels is None:
        return
    if not isinstance(labels, dict):
        raise invalid(field, labels, "Labels are a map of strings.")
    if len(labels) > MAX_LABELS:
        raise invalid(field, "", f"At most {MAX_LABELS} labels are allowed.")
    for key, value in labels.items():
        if not LABEL_KEY.fullmatch(key):
            raise invalid(field, key, f"Label key '{key}' violates format constraints.")
        if not isinstance(value, str) or not LABEL_VALUE.fullmatch(value):
            raise invalid(field, value, f"Label value '{value}' violates format constraints.")


def check_fingerprint(given: Any, current: str, field: str) -> None:
    """Raises ApiError: conditionNotMet when another, or none, was given; for a network interface none is a missing field."""
    if not given and field.startswith("networkInterface"):
        raise ApiError("required", f"Required field '{field}' not specified")
    if given != current:
        word = "Labels fingerprint" if "label" in field.lower() else "Supplied fingerprint"
        raise ApiError("conditionNotMet", f"{word} either invalid or resource labels have changed" if "Labels" in word else f"{word} does not match current.")


def key_digest(raw_key: Any) -> str:
    """The sha256 that the API shows for a customer-supplied key. Raises ApiError for a key that is none."""
    try:
        key = base64.b64decode(str(raw_key), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("diskEncryptionKey.rawKey", "***", "The key is not base64.") from error
    if len(key) != 32:
        raise invalid("diskEncryptionKey.rawKey", "***", "The key must be 256 bits.")
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def shown_key(key: Any, field: str) -> dict[str, Any] | None:
    """An encryption key as answers show it: the digest instead of the key, the key's version instead of its name. None when there is none. Raises ApiError."""
    check_key_name(key, field)
    if not isinstance(key, dict) or not key:
        return None
    if key.get("rawKey"):
        return {"sha256": key_digest(key["rawKey"])}
    return {**key, "kmsKeyName": f"{key['kmsKeyName']}{KEY_VERSION}1"} if key.get("kmsKeyName") else dict(key)


def check_key_name(key: Any, field: str) -> None:
    """Raises ApiError for the version of a key where the name of a key belongs."""
    name = key.get("kmsKeyName") if isinstance(key, dict) else None
    if name and KEY_VERSION in name:
        raise invalid(f"{field}.kmsKeyName", name, "The name of a Cloud KMS key must be specified, not one of its versions.")


def without_input(data: Mapping[str, Any], plural: str) -> dict[str, Any]:
    """The fields of a request that answers show."""
    return {name: value for name, value in data.items() if name not in INPUT_ONLY.get(plural, ())}


def storage_locations(given: Any, default: str) -> list[str]:
    """Where a snapshot or image is kept. Raises ApiError for a place that does not exist, or more than one."""
    if not given:
        return [default]
    if not isinstance(given, list) or len(given) > 1:
        raise invalid("resource.storageLocations", given, "Exactly one storage location can be specified.")
    if given[0] not in MULTI_REGIONS and not is_place(f"regions/{given[0]}"):
        raise invalid("resource.storageLocations[0]", given[0], "The storage location does not exist.")
    return list(given)


def check_key(given: Any, shown: Any, path: str, field: str = "diskEncryptionKey") -> None:
    """Raises ApiError when a resource is encrypted with a customer-supplied key and another key, or none, is given."""
    check_key_name(given, field)
    wanted = shown.get("sha256") if isinstance(shown, dict) else None
    if not wanted:
        if isinstance(given, dict) and given.get("rawKey"):
            raise ApiError("invalid", f"The resource '{path}' is not encrypted with a customer-supplied key.")
        return
    if not isinstance(given, dict) or not given.get("rawKey"):
        raise ApiError("invalid", f"The resource '{path}' is encrypted with a customer-supplied encryption key: the key must be supplied.")
    if key_digest(given["rawKey"]) != wanted:
        raise ApiError("invalid", f"The provided encryption key does not match the key of the resource '{path}'.")
