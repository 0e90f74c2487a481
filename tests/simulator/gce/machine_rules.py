# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must fit together in one VM: machine type, boot disk, firmware, accelerators, scheduling, metadata."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .context import Context
from .errors import ApiError, invalid
from .links import parse
from .places import architecture_of, cpus_of
from .store import Resource

FIRMWARE = ("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring")
STANDARD = {"onHostMaintenance": "MIGRATE", "automaticRestart": True, "preemptible": False, "provisioningModel": "STANDARD"}
SPOT = {"onHostMaintenance": "TERMINATE", "automaticRestart": False, "preemptible": True, "provisioningModel": "SPOT"}
# Characters of one value, and of all keys and values together.
LONGEST_VALUE = 256 * 1024
MOST_METADATA = 512 * 1024


def machine_type_of(ctx: Context, text: Any, place: str, field: str) -> str:
    """The name of the machine type that a URL names. Raises ApiError: a bare name is no URL."""
    ref = parse(text, ctx.project.name, field, "machineTypes")
    if ref.place != place:
        raise invalid(field, text, f"The machine type must be in {place}.")
    if cpus_of(ref.name) is None:
        raise invalid(field, text, f"Machine type with name '{ref.name}' does not exist in zone '{place.partition('/')[2]}'.")
    return ref.name


def require_bootable(machine_type: str, shielded: Mapping[str, Any] | None, boot: Resource) -> None:
    """Raises ApiError for a boot disk of another architecture than the machine's, or one that its firmware cannot boot."""
    wanted, there = architecture_of(machine_type), boot.data.get("architecture")
    if there in ("ARM64", "X86_64") and there != wanted:
        why = f"Requested boot disk architecture ({there}) is not compatible with machine type architecture ({wanted})."
        raise ApiError("invalidResourceUsage", f"Invalid resource usage: '{why}'.")
    if any((shielded or {}).get(name) for name in FIRMWARE) and not _has_feature(boot, "UEFI_COMPATIBLE"):
        raise invalid("resource.shieldedInstanceConfig", dict(shielded or {}), "Shielded VM Config can only be set when using a UEFI-compatible disk.")


def _has_feature(disk: Resource, name: str) -> bool:
    return any(feature.get("type") == name for feature in disk.data.get("guestOsFeatures", []))


def scheduled(ctx: Context, given: Any, accelerators: Any, field: str) -> dict[str, Any]:
    """The scheduling of a VM, completed. Raises ApiError for what does not go together."""
    asked = dict(given or {})
    spot = asked.get("provisioningModel") == "SPOT" or asked.get("preemptible") is True
    if spot and asked.get("automaticRestart"):
        raise invalid(f"{field}.preemptible", "true", "Scheduling must have preemptible be false when AutomaticRestart is true.")
    if spot and asked.get("onHostMaintenance", "TERMINATE") != "TERMINATE":
        raise invalid(f"{field}.preemptible", "true", "Scheduling must have preemptible be false when OnHostMaintenance is not TERMINATE.")
    done = {**(SPOT if spot else STANDARD), **asked}
    if accelerators and done["onHostMaintenance"] != "TERMINATE":
        raise ApiError("badRequest", "Instances with guest accelerators do not support live migration.")
    _check_termination(ctx, asked.get("terminationTime"), f"{field}.terminationTime")
    return done


def _check_termination(ctx: Context, text: Any, field: str) -> None:
    if not text:
        return
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError as error:
        raise invalid(field, text, "The time must be in RFC 3339 format.") from error
    if moment <= ctx.world.clock.at():
        raise invalid(field, text, "The termination time must be in the future.")


def check_accelerators(ctx: Context, accelerators: Any, place: str, field: str) -> None:
    """Raises ApiError for an accelerator type that is no URL, or of another zone."""
    for number, item in enumerate(accelerators or []):
        path = f"{field}[{number}].acceleratorType"
        if parse(item.get("acceleratorType"), ctx.project.name, path, "acceleratorTypes").place != place:
            raise invalid(path, item.get("acceleratorType"), f"The accelerator type must be in {place}.")


def check_metadata(metadata: Any, field: str) -> None:
    """Raises ApiError for a value that is too long, or for too much of all together."""
    total = 0
    for number, item in enumerate((metadata or {}).get("items") or []):
        size = len(str(item.get("value", "")))
        total += size + len(str(item.get("key", "")))
        if size > LONGEST_VALUE:
            raise _too_large(f"{field}.items[{number}].value", LONGEST_VALUE, size)
    if total > MOST_METADATA:
        raise _too_large(f"{field}.items", MOST_METADATA, total)


def _too_large(field: str, most: int, size: int) -> ApiError:
    return ApiError("fieldSizeTooLarge", f"Value for field '{field}' is too large: maximum size {most} character(s); actual size {size}.")
