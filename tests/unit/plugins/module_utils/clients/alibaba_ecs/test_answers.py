# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Alibaba Cloud's error codes mean. The status never decides."""

from __future__ import annotations

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs import answers
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    NotFound,
    ProviderFailure,
    RateLimited,
    RecoveryError,
    Unsupported,
)

CODES: dict[type[RecoveryError], str] = {
    RateLimited: "Throttling Throttling.User Throttling.Api Throttling.Resource Rejected.Throttling",
    AuthenticationFailed: "Forbidden.RAM Forbidden NoPermission NoPermission.Tag InvalidUser.PassRoleForbidden UserNotInTheWhiteList"
    " InvalidOperation.Unauthorized InvalidAccessKeyId.NotFound InvalidAccessKeyId.Inactive SignatureDoesNotMatch IncompleteSignature MissingSecurityToken"
    " InvalidSecurityToken.Expired InvalidSecurityToken.Malformed InvalidTimeStamp.Expired IllegalTimestamp NoSetRoletoECSServiceAcount"
    " OperationDenied.NotAuthorized",
    NotFound: "InvalidDiskId.NotFound InvalidSnapshotId.NotFound InvalidSnapshotGroup.NotFound InvalidInstanceId.NotFound InvalidCmdId.NotFound"
    " Disk.NotFound InvalidImageId.NotFound InvalidInstance.NotExist InvalidVSwitchId.NotExist EntityNotExist.Role NoSuchResource"
    " InvalidLaunchTemplateVersion.NotFound InvalidKeyPairName.NotFound InvalidAllocationId.NotFound InvalidRamRole.NotFound",
    Conflict: "IncorrectDiskStatus IncorrectInstanceStatus IncorrectDiskStatus.CreatingSnapshot IncorrectDiskStatus.HasUnfinishedSnapshot"
    " InvalidSnapshotId.NotReady InvalidDisk.InUse InvalidDisk.AlreadyDetached SnapshotCreatedDisk SnapshotCreatedImage ImageUsingByInstance"
    " ImageIsExporting OperationDenied.ImageCopying InvalidImageName.Duplicated KeyPair.AlreadyExist IdempotentParameterMismatch"
    " IdempotenceParamNotMatch IdempotentProcessing Operation.Conflict InstanceLockedForSecurity InvalidInstance.NotFoundSystemDisk"
    " InvalidInstance.NotOriginInstance InvalidPrivateIpAddress.Duplicated DISK_HAS_CREATING_SNAPSHOT DiskCreatingSnapshot"
    " InvalidDiskStatus.DeleteProtection InvalidOperation.DeletionProtection IncorrectEipStatus InvalidParameter.KeypairAlreadyAttachedInstance"
    " ChargeTypeViolation DependencyViolation.RouteEntry InvalidStatus.CmdIdInUse Operation.Forbidden InvalidOperation.RelatedSnapshotNotFinished"
    " PrimaryEniHasSubIp",
    ProviderFailure: "QuotaExceed.Snapshot QuotaExceed.SnapshotQuota QuotaExceed.KeyPair CmdCount.ExceedQuota InstanceDiskLimitExceeded OperationDenied.NoStock"
    " Zone.NotOnSale InvalidAccountStatus.NotEnoughBalance InsufficientBalance Account.Arrearage DiskInArrears InternalError ServiceUnavailable"
    " SignatureNonceUsed CreateSnapshot.Failed InvalidParameter.KMSKeyId.CMKNotEnabled InvalidAccountStatus.SnapshotServiceUnavailable"
    " DryRunOperation InvalidDedicatedHost.NotEnoughResource",
    InvalidRequest: "InvalidDescription.Malformed MissingParameter InvalidParameter.Mismatch InvalidRegionId.NotFound InvalidZoneId.NotFound"
    " InvalidStatus.NotFound InvalidResourceType.NotFound InvalidDiskChargeType.NotFound InvalidAccount.NotFound InvalidSnapshotName.Malformed"
    " Duplicate.TagKey NumberExceed.TooManyDisks CmdContent.ExceedLimit InvalidUserData.SizeExceeded NoAttributeToModify InvalidParameter.AllEmpty"
    " ResourcesNotInSameZone SomethingNew",
    Unsupported: "InvalidAction.NotFound InvalidVersion UnsupportedOperation NotSupport.SnapshotEncryptedAlgorithmConflict",
}


def error(code: str, status: int = 403, message: str = "It is refused.") -> RecoveryError:
    return answers.refusal(status, {}, {"Code": code, "Message": message, "RequestId": "R"}, "ecs:CreateDisk", lambda text: text.replace("secret", "***")).error


@pytest.mark.parametrize(("code", "kind"), [(code, kind) for kind, codes in CODES.items() for code in codes.split()])
def test_code_says_what_happened_whatever_the_status_is(code: str, kind: type[RecoveryError]) -> None:
    for status in (200, 400, 401, 403, 404, 409):
        assert error(code, status).__class__ is kind
    assert error(code).as_result() == {"kind": kind.__name__, "code": code, "http_status": 403, "request_id": "R"}


def test_sentence_has_the_words_the_code_the_request_and_what_to_do() -> None:
    expected = "It is refused (HTTP 403, Forbidden.RAM, request R). Grant ecs:CreateDisk to the RAM user or role that runs this."
    assert error("Forbidden.RAM").message == expected
    assert "quota" in error("QuotaExceed.Snapshot").message
    assert "another zone" in error("OperationDenied.NoStock").message
    assert "balance" in error("InsufficientBalance").message
    assert "clock" in error("InvalidTimeStamp.Expired").message
    assert "ram:PassRole" in error("InvalidUser.PassRoleForbidden").message
    assert "KMS" in error("InvalidParameter.KMSKeyId.CMKNotEnabled").message


def test_long_text_is_cut() -> None:
    assert len(error("InvalidParameter", message="x" * 5000).message) < 1200


def test_secret_at_the_cut_is_hidden_before_it() -> None:
    assert "secr" not in error("InvalidParameter", message="x" * 997 + "secret").message


def test_predicates() -> None:
    def those(predicate: object) -> set[str]:
        codes = {code for codes in CODES.values() for code in codes.split()} | {"QuotaExceed.Tags", "OperationDenied.QuotaExceed", "Eni.Attached"}
        return {code for code in codes if predicate(error(code))}  # type: ignore[operator]

    assert those(answers.is_name_taken) == {"InvalidImageName.Duplicated", "KeyPair.AlreadyExist"}
    assert those(answers.is_dry_run_passed) == {"DryRunOperation"}
    assert those(answers.is_already) == {"IncorrectInstanceStatus", "InvalidDisk.AlreadyDetached", "Eni.Attached"}
    assert those(answers.is_in_use) == {
        *("InvalidDisk.InUse", "SnapshotCreatedDisk", "SnapshotCreatedImage", "ImageUsingByInstance", "InvalidStatus.CmdIdInUse", "Eni.Attached"),
        *("InvalidParameter.KeypairAlreadyAttachedInstance", "DependencyViolation.RouteEntry"),
    }
    assert those(answers.is_scarce) == {
        *("QuotaExceed.Snapshot", "QuotaExceed.SnapshotQuota", "QuotaExceed.KeyPair"),
        *("OperationDenied.NoStock", "Zone.NotOnSale", "InvalidDedicatedHost.NotEnoughResource"),
    }


@pytest.mark.parametrize(
    "quoted",
    ["a+b/c==", "a%2Bb%2Fc%3D%3D", "a%2bb%2fc%3d%3d", "a%252Bb%252Fc%253D%253D", "a+b\\/c==", "a%2Bb/c%3D%3D"],
)
def test_secret_is_hidden_in_every_form(quoted: str) -> None:
    assert answers.scrubbed(f"x={quoted}&y", ["a+b/c=="]) == "x=********&y"


def test_signature_is_hidden() -> None:
    assert answers.scrubbed("http://h/?a=1&Signature=ab%2Bc%3D&b=2", []) == "http://h/?a=1&Signature=********&b=2"
