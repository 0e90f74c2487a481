# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Customer-supplied encryption keys: found for a disk, checked without any request, written as the API wants them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from ...clients.gce.objects import Disk, Wire, path_of
from ...core.errors import InvalidRequest

_RAW_BYTES, _WRAPPED_BYTES = 32, 256


def check_keys(option: str, keys: Mapping[str, Any] | None) -> dict[str, str]:
    """The keys by what names their disks. Raises InvalidRequest, which never quotes a key."""
    for name, key in (keys or {}).items():
        if not isinstance(key, str) or len(_decoded(key)) not in (_RAW_BYTES, _WRAPPED_BYTES):
            raise InvalidRequest(f'{option}: the key of "{name}" must be base64 of 32 bytes, or of 256 bytes when it is wrapped with Google\'s RSA key.')
    return {str(name): str(key) for name, key in (keys or {}).items()}


def _decoded(key: str) -> bytes:
    try:
        return base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return b""


def key_of_disk(option: str, keys: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """The key of the disk that has these names (its name, id, path); None without any keys. Raises InvalidRequest when it has none."""
    if not keys:
        return None
    for name, key in keys.items():
        if name in names or path_of(name) in names or any(known.endswith(f"/{name}") for known in names):
            return key
    raise InvalidRequest(f"{option} has no key for the disk {names[0]}: it has keys for {', '.join(sorted(keys))}.")


def digest_of(key: str) -> str | None:
    """The digest that the API shows for a key; None for a wrapped one, which only Google can open."""
    raw = _decoded(key)
    return base64.b64encode(hashlib.sha256(raw).digest()).decode() if len(raw) == _RAW_BYTES else None


def as_wire(key: str) -> Wire:
    """The key as a request carries it."""
    return {"rawKey" if digest_of(key) else "rsaEncryptedKey": key}


def needs_own_key(encryption_key: Mapping[str, Any] | None) -> bool:
    """Whether the data is encrypted with a key that only the customer has."""
    return bool(encryption_key and "sha256" in encryption_key and "kmsKeyName" not in encryption_key)


def check_disk_key(option: str, disk: Disk, key: str | None) -> bool:
    """Whether the disk is encrypted with a customer-supplied key. Raises InvalidRequest when it is, and the key is missing or another."""
    wanted = (disk.wire.get("diskEncryptionKey") or {}).get("sha256")
    if not wanted:
        return False
    if not key:
        raise InvalidRequest(f'the disk "{disk.name}" is encrypted with a customer-supplied key: give it in {option}.')
    if digest_of(key) not in (None, wanted):
        raise InvalidRequest(f'{option}: the key given for the disk "{disk.name}" is not the one that it is encrypted with.')
    return True
