# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator can do about refusals of exports and imports."""

from __future__ import annotations

from ....core.errors import RecoveryError

_ROLE = (
    'ECS reads and writes OSS as the RAM role "{role}", which is missing or does not let it: create the role in the RAM console for the trusted service'
    " ecs.aliyuncs.com, attach the policy {policy} to it, or name another role of this kind with ram_role."
)
_ADVICE = {
    "NoSetRoletoECSServiceAcount": _ROLE,
    "InvalidOSS.NotAuthorized": _ROLE,
    "InvalidImageFormat.RegionNotSupported": "In this region images can be exported as raw only: set format: raw, or export from another region.",
    "InvalidRegion.NotSupport": "Use a bucket and an image in a region that exports and imports images.",
    "ConcurrentQuotaExceed.ExportImage": "Too many exports run at once: run the task again when one has ended, or ask Alibaba Cloud for a higher quota.",
    "WeeklyQuotaExceed.ExportImage": "Nothing more can be exported this week: run the task again next week, or ask Alibaba Cloud for a higher quota.",
    "ImageIsExporting": "Another export of this image is under way: run the task again when it has ended. operation INSPECT_ONE shows how far it is.",
    "ImageIsImporting": "Run the task again when the import of this image has ended.",
    "ImageNotSupported": "Only custom images can be exported: no public ones, none from the marketplace, and none with encrypted snapshots.",
    "InvalidImageLicense.NotSupported": "The license of its operating system does not let this image be exported.",
    "InvalidImageCategory.NotSupported": "Only custom images can be exported.",
    "InvalidImage.DiskAmountOrSize": "An image with more than 4 data disks, or with one of more than 500 GiB, cannot be exported.",
    "InvalidOSSBucket.NotFound": "Give a bucket that exists in the region of the image.",
    "InvalidOSSBucket.NotMatched": "Give a bucket in the region of the image: region is where the image is.",
    "InvalidOSSBucket.EncryptUnsupported": "Give a bucket without server-side encryption.",
    "InvalidOSSObject.NotFound": "source_object is the whole key of an object in bucket, with the letters in the same case.",
    "InvalidOSSObject.NeedRestore": "The object is archived: restore it in OSS first.",
    "InvalidOSSObject.Size": "The object is empty.",
    "UnsupportedSuffix.OSSObject": "The key must end in .raw, .vhd or .qcow2, or give the format.",
    "InvalidImageFormat.Malformed": "Images are imported as raw, vhd and qcow2.",
    "QuotaExceed.Image": "Delete images that are no longer needed, or ask Alibaba Cloud for a higher quota.",
    "UserNotInTheWhiteList": "Ask Alibaba Cloud to let this account export and import images.",
}


def explained(error: RecoveryError, role: str, policy: str) -> RecoveryError:
    """The same error with what can be done about it, where that is known."""
    advice = _ADVICE.get(error.code or "")
    if advice:
        error.message = f"{error.message} {advice.format(role=role, policy=policy)}"
    return error
