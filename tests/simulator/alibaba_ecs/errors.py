# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors as Alibaba Cloud sends them: a code and a message, under the status that the published error lists give."""

from __future__ import annotations

import uuid

from ..messages import Answer

# Codes whose status does not follow from their beginning; see status_of.
STATUS_OF = {
    "DISK_HAS_CREATING_SNAPSHOT": 403,
    "DeleteWithInstance.Conflict": 403,
    "DependencyViolation.RouteEntry": 400,
    "DiskNotPortable": 403,
    "DiskCreatingSnapshot": 403,
    "DryRunOperation": 400,
    "Forbidden.RAM": 403,
    "IdempotenceParamNotMatch": 400,
    "ImageIsExporting": 403,
    "ImageIsImporting": 403,
    "ImageUsingByInstance": 403,
    "IncorrectEipStatus": 400,
    "IncorrectImageStatus": 400,
    "InstanceDiskLimitExceeded": 403,
    "InstanceExpiredOrInArrears": 403,
    "InstanceLockedForSecurity": 403,
    "InternalError": 500,
    "InvalidAccountStatus.NotEnoughBalance": 403,
    "InvalidDescription.Malformed": 404,
    "InvalidDisk.AlreadyDetached": 404,
    "InvalidDisk.InUse": 404,
    "InvalidDiskId.OperationNotSupported": 404,
    "InvalidDiskSize.TooSmall": 403,
    "InvalidDiskStatus.DeleteProtection": 403,
    "InvalidInstance.IpAddressMissing": 404,
    "InvalidInstance.NoDisk": 403,
    "InvalidInstance.ZeroBandwidth": 403,
    "InvalidOSSBucket.NotFound": 400,
    "InvalidOSSObject.NotFound": 400,
    "InvalidOperation.DecreaseRetentionDaysUnsupported": 400,
    "InvalidOperation.DetachPrimaryEniNotAllowed": 400,
    "InvalidOperation.EniHotPlugNotSupported": 400,
    "InvalidOperation.InvalidEcsState": 400,
    "InvalidOperation.InvalidEniState": 400,
    "InvalidParameter.Mismatch": 403,
    "InvalidRamRole.NotEcsRole": 404,
    "InvalidResourceId.NotFound": 404,
    "InvalidSnapshotId.NotDataDiskSnapshot": 403,
    "InvalidSnapshotId.NotReady": 403,
    "InvalidUser.PassRoleForbidden": 403,
    "LastTokenProcessing": 403,
    "NoPermission": 403,
    "NoSetRoletoECSServiceAcount": 403,
    "ResourcesNotInSameZone": 403,
    "ServiceUnavailable": 503,
    "SnapshotCreatedDisk": 403,
    "SnapshotCreatedImage": 403,
    "TagKey.Duplication": 403,
    "Throttling.Resource": 429,
    "TooManySnapshot.Unfinished": 403,
    "UserNotInTheWhiteList": 403,
    "WeeklyQuotaExceed.ExportImage": 403,
}
FORBIDDEN = (
    "Incorrect",
    "InvalidOperation.",
    "QuotaExceed",
    "Operation",
    "Idempotent",
    "NumberExceed",
    "CapacityExceed",
    "ChargeType",
    "Cmd",
    "InvalidStatus.",
)
# The likeliest code for a bare HTTP status.
CODE_OF = {400: "InvalidParameter", 403: "Forbidden.RAM", 404: "InvalidResourceId.NotFound", 429: "Throttling.Resource", 500: "InternalError"}
CODE_OF.update({502: "ServiceUnavailable", 503: "ServiceUnavailable", 504: "ServiceUnavailable"})
MESSAGES = {
    "DryRunOperation": "Request validation has been passed with DryRun flag set.",
    "IdempotentParameterMismatch": "The specified parameter has changed while using an already used clientToken.",
    "IdempotentProcessing": "The previous idempotent request(s) is still processing.",
    "IncorrectInstanceStatus": "The current status of the resource does not support this operation.",
    "IncorrectDiskStatus": "The current disk status does not support this operation.",
    "InternalError": "The request processing has failed due to some unknown error.",
    "NoAttributeToModify": "No attribute to be modified in this request.",
    "ServiceUnavailable": "The request has failed due to a temporary failure of the server.",
    "Throttling": "Request was denied due to request throttling.",
    "Throttling.Api": "Request was denied due to api flow control.",
    "Throttling.User": "Request was denied due to user flow control.",
}


class ApiError(Exception):
    """Ends a handler with an error answer."""

    def __init__(self, code: str, message: str | None = None, status: int | None = None) -> None:
        self.code = code
        self.message = message or MESSAGES.get(code, f"The request was refused: {code}.")
        self.status = status or status_of(code)
        super().__init__(f"{code}: {self.message}")


def status_of(code: str) -> int:
    """The HTTP status of a code."""
    if code in STATUS_OF:
        return STATUS_OF[code]
    if code.endswith(".NotFound"):
        return 404
    return 403 if code.startswith(FORBIDDEN) else 400


def error_answer(status: int, message: str | None, code: str | None = None, request_id: str | None = None) -> Answer:
    """An error body under any status."""
    code = code or CODE_OF.get(status, "InternalError" if status >= 500 else "InvalidParameter")
    number = request_id or new_request_id()
    text = message or MESSAGES.get(code, f"The request was refused: {code}.")
    body = {
        "RequestId": number,
        "HostId": "ecs.simulated",
        "Code": code,
        "Message": text,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={code}&product=Ecs",
    }
    return Answer.of_json(body, status)


def new_request_id() -> str:
    """An id nobody had before."""
    return str(uuid.uuid4()).upper()


def missing(name: str) -> ApiError:
    """The refusal of a request without a parameter that it needs."""
    return ApiError(f"Missing{name}", f"{name} is mandatory for this action.", 400)


def invalid(name: str, value: object, why: str = "") -> ApiError:
    """The refusal of a parameter's value."""
    return ApiError("InvalidParameter", f"The specified parameter {name} is not valid: {value!r}. {why}".strip(), 400)
