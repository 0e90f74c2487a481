# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of one's own: found by their name, which is unique in an account and region."""

from __future__ import annotations

from ...clients.alibaba_ecs.client import AlibabaClient, Wire

# Without it only those that are available are listed.
ALL_STATUSES = "Creating,Waiting,Available,UnAvailable,CreateFailed,Deprecated"


def image_named(client: AlibabaClient, name: str) -> Wire | None:
    """The image of this very name, in any state; the filter of the API also finds names that begin so."""
    params = {"ImageOwnerAlias": "self", "Status": ALL_STATUSES, "ImageName": name}
    return next((wire for wire in client.listed("images", "DescribeImages", ("Images", "Image"), params) if wire.get("ImageName") == name), None)


def image_of_id(client: AlibabaClient, image_id: str) -> Wire | None:
    """The image of this id, one's own or not, in any state."""
    return next(iter(client.listed(f"image {image_id}", "DescribeImages", ("Images", "Image"), {"ImageId": image_id, "Status": ALL_STATUSES})), None)
