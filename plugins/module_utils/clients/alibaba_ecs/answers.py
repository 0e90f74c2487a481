# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of Alibaba Cloud mean. Only the code decides: the same condition comes with different statuses, absence with 400, 403 and 404."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

from ...core.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    NotFound,
    ProviderFailure,
    RateLimited,
    RecoveryError,
    Unsupported,
)
from ...transport.retry import retry_after_s
from ...transport.session import Reply
from ...transport.trouble import Trouble

Wire = dict[str, Any]

_LONGEST_TEXT = 1000
_HIDDEN = "********"

_RATE_ADVICE = "Alibaba Cloud limits how often this may be done: let some time pass, or do less at once."
_STOCK_ADVICE = "Alibaba Cloud has none of it there now: try again later, with another instance type, or in another zone."
_QUOTA_ADVICE = "Free what is no longer needed, or ask Alibaba Cloud for a higher quota."
_BALANCE_ADVICE = "Settle what the account owes, or top up its balance."
_LOGIN_ADVICE = "Check access_key_id, access_key_secret and security_token."
_CLOCK_ADVICE = "Correct the clock of the host that runs this: it may differ by 15 minutes at the most."
_EXPIRED_ADVICE = "Give a new security_token, or role_arn or ecs_ram_role, whose credentials are renewed."
_KMS_ADVICE = "Enable the key in KMS, and let ECS use it."
_ADDRESS_ADVICE = "Is api_url the address of Alibaba Cloud ECS?"

_STOCK = (
    "NoStock|NotOnSale|NotOpen|NoInstanceStock|NotEnoughResource|ResourceControl|CapacityNotEnough|NotEnoughCapacity|LackResource"
    "|InsufficientPublicIp|^ResourceNotAvailable|NoAvaliableDedicatedHost|IpNotEnough|NotEnoughIp|NoAvailablePrivateIp"
)
_QUOTA = "Quota|LimitExceed|(Count|Number|Bandwidth)Exceeded"
_NAME_TAKEN = r"^(InvalidImageName\.Duplicated|KeyPair\.AlreadyExist|LaunchTemplateName\.Duplicated)$"
_IN_USE = "InUse|SnapshotCreated|ImageUs(ing|e)|StillAttached|AlreadyAttached|AlreadyAssociated|^DependencyViolation|^InvalidDependence|Eni.Attached"
_ALREADY = r"^(IncorrectInstanceStatus|InvalidDisk\.AlreadyDetached|InvalidAssociation\.Duplicated|Eni\.Attached|InvalidOperation\.InvalidEniState)$"
# These say that a value of a parameter does not exist, or the account or its place; what was asked for may well be there.
_NO_ABSENCE = "Type|Filter|Status|Language|Location|Region|Zone|Account|Params|LockReason|PaymentMethod"
_BUSY = (
    r"Operation\.?Conflict|OperationDenied\.(CreatingConflict|OtherSubnetCreating)|Incorrect(Disk|Instance)Status\.Initializing|InvalidPrivateIp\.Changing"
    r"|DisksDetachingOnEcsExceeded|TaskConflict|LastOrderProcessing|InstanceNotReady|System\.ServiceBusy"
    r"|OperationFailed\.(SystemBusy|DistibuteLock|ResourceConflict)"
)
_FORBIDDEN = (
    r"^(Forbidden(\.RAM|\.SubUser|\.NotSupportRAM)?|Forbbiden)$|^ImplicitDeny|^NoPermission|PermissionDenied|Unauthorized|NotAuthorized|NotInTheWhiteList"
    "|NotInWhiteList|^AuthenticationFail"
)
_MALFORMED = (
    r"^(Cmd(Content|Desc|Name|ParamName)\.|NumberExceed|Duplicate\.TagKey|TagKey\.Dup)|SizeExceeded|TooMany(Disks|Input|InstanceIds)|(Illegal|Mal[fF]ormed)$"
)
_STATE = (
    r"^Incorrect|^Operation|^InvalidOperation|^InvalidDisk(\.AlreadyDetached|Status)|^InvalidInstanceStatus|^InvalidStatus\.(?!ValueNot)|NotReady"
    r"|^ImageIs|^ImageStatus|Locked|CREATING|Creating|ChargeTypeViolation|DiskNotPortable|\.Unfinished|NotFoundSystemDisk|NotOriginInstance|^PrimaryEniHas"
    "|IncorrectTaskStatus|StatusViolation|IsTransfering|HasTransitionRecord|DiskInCoolingPeriod"
)


class _Meaning(NamedTuple):
    """``acted``: the server may have done what it was asked, or is still doing it."""

    kind: type[RecoveryError]
    advice: str = ""
    transient: bool = False
    acted: bool = False


# The first pattern that is found in the code decides.
_MEANINGS = [
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (r"^(Rejected\.)?Throttling", _Meaning(RateLimited, _RATE_ADVICE, transient=True)),
        (
            "^(InternalError|ServiceUnavailable|UnknownError|InnerServiceFailed|Mayi.Internal|NodeControllerUn)",
            _Meaning(ProviderFailure, transient=True, acted=True),
        ),
        # The request had arrived before: something between us and the server has sent it twice.
        ("^SignatureNonceUsed", _Meaning(ProviderFailure, transient=True, acted=True)),
        ("^(Idempotent|LastToken)Processing|TokenProcessing|TOKEN_PROCESSING", _Meaning(Conflict, transient=True, acted=True)),
        (f"^({_BUSY})$", _Meaning(Conflict, transient=True)),
        ("^(InvalidTimeStamp|IllegalTimestamp)", _Meaning(AuthenticationFailed, _CLOCK_ADVICE)),
        (r"^InvalidSecurityToken\.Expired", _Meaning(AuthenticationFailed, _EXPIRED_ADVICE)),
        ("^(InvalidAccessKey|InvalidSecurityToken|Missing(SecurityToken|AccessKey)|(Incomplete)?Signature)", _Meaning(AuthenticationFailed, _LOGIN_ADVICE)),
        ("(?i:kms)|CMK", _Meaning(ProviderFailure, _KMS_ADVICE)),
        (r"^InvalidUser\.PassRoleForbidden", _Meaning(AuthenticationFailed, "Grant ram:PassRole on the role.")),
        ("^NoSetRoleto", _Meaning(AuthenticationFailed, "Create the RAM role that ECS needs for this, and let ECS assume it.")),
        (_FORBIDDEN, _Meaning(AuthenticationFailed)),
        ("^DryRunOperation$", _Meaning(ProviderFailure)),
        (r"^Invalid(Action|Api|Product|Version)(\.|$)|^UnsupportedHTTPMethod", _Meaning(Unsupported, _ADDRESS_ADVICE)),
        (rf"({_NO_ABSENCE})[A-Za-z]*\.?Not(Found|Exists?)$", _Meaning(InvalidRequest)),
        (r"(\.|^)(NotFound|NotExists?)$|^NoSuchResource|InstanceNotExist|^VpcNotFound|^EntityNotExist", _Meaning(NotFound)),
        (_STOCK, _Meaning(ProviderFailure, _STOCK_ADVICE)),
        ("Balance|Arrear|CouponAmount|PayAmount|OverduePayment|(?i:FinancialLocked|UnPaid_?Order)", _Meaning(ProviderFailure, _BALANCE_ADVICE)),
        (_MALFORMED, _Meaning(InvalidRequest)),
        (_QUOTA, _Meaning(ProviderFailure, _QUOTA_ADVICE)),
        ("^(InvalidAccountStatus|RealNameAuthentication|SecurityRisk|Forbidden.RiskControl|DiskError)|(?i:Failed)$", _Meaning(ProviderFailure)),
        (f"{_NAME_TAKEN}|{_IN_USE}|^Idempoten(t|ce)Param|^Duplicated.ClientToken|Duplicated$|Duplication$|{_STATE}", _Meaning(Conflict)),
        ("^(Unsupported|NotSupport)", _Meaning(Unsupported)),
    )
]


def meaning(code: str, status: int) -> _Meaning:
    """What a code means; for one that is in no list, the status tells only whether the server has failed."""
    found = next((each for pattern, each in _MEANINGS if pattern.search(code)), None)
    return found or (_Meaning(ProviderFailure, transient=True, acted=True) if status >= 500 else _Meaning(InvalidRequest))


def refusal(status: int, headers: Mapping[str, str], body: Mapping[str, Any], permission: str, hide: Callable[[str], str]) -> Trouble:
    """What an answer with a ``Code`` means; ``permission`` is the RAM action that the request needs, as ``ecs:CreateDisk``.

    ``hide`` takes the secrets out of what the server says, which quotes what it refuses; before it is cut, or a part of one could stay.
    """
    code, text = hide(str(body["Code"])), hide(str(body.get("Message") or "no explanation"))
    kind, advice, transient, acted = meaning(code, status)
    if code.startswith("SignatureDoesNotMatch"):
        # The server's words hold the text that it signed, with the security token in it.
        text = "the signature does not match: the secret is not that of the access key, or the request was changed on its way"
    if kind is AuthenticationFailed and not advice:
        advice = f"Grant {permission} to the RAM user or role that runs this."
    request_id = str(body.get("RequestId") or "") or None
    marks = f"HTTP {status}, {code}{f', request {request_id}' if request_id else ''}"
    error = kind(_sentence(text, marks, advice), code=code, http_status=status, request_id=request_id, transient=transient)
    return Trouble(error, acted=acted, after_s=retry_after_s(headers.get("Retry-After")))


def judged(reply: Reply, server: str, permission: str, hide: Callable[[str], str]) -> Wire:
    """The JSON object of a good answer. Raises Trouble for every other, whatever its status is."""
    status, headers = reply.status_code, reply.headers
    try:
        body = json.loads(reply.content)
    except (ValueError, RecursionError):  # The second for lists within lists, some thousand deep.
        body = None
    if isinstance(body, dict) and _is_refusal(status, body):
        raise refusal(status, headers, body, permission, hide)
    if 300 <= status < 400:
        raise Trouble(InvalidRequest(f"{server} redirects (HTTP {status}): give the address that answers itself as api_url.", http_status=status))
    if status >= 400:
        raise _foreign(status, headers)
    if isinstance(body, dict) and body.get("RequestId"):
        return body
    if body is None and "text/html" in headers.get("Content-Type", ""):
        raise Trouble(InvalidRequest(f"{server} answers with a web page, not with JSON. {_ADDRESS_ADVICE}"))
    lacks = "without a RequestId" if isinstance(body, dict) else "with something that is no JSON object, or with a part of one"
    raise Trouble(ProviderFailure(f"{server} answered HTTP {status} {lacks}.", http_status=status, transient=True), acted=True)


def _is_refusal(status: int, body: Mapping[str, Any]) -> bool:
    """Whether an answer is an error: with 200 as well, when it has a code of an error and nothing of what was asked for."""
    if not isinstance(body.get("Code"), str) or not body["Code"]:
        return False
    return status >= 300 or (
        body["Code"] not in ("OK", "Success", "200") and not set(body) - {"Code", "Message", "RequestId", "HostId", "Recommend", "Success"}
    )


def _foreign(status: int, headers: Mapping[str, str]) -> Trouble:
    """An answer that is not Alibaba Cloud's: a proxy's, or that of another server. It never means absence."""
    passing = status >= 500 or status in (408, 429)
    message = (
        f"the answer does not come from Alibaba Cloud but from something before it or in its place: HTTP {status}.{'' if passing else ' ' + _ADDRESS_ADVICE}"
    )
    kind = RateLimited if status == 429 else ProviderFailure if passing else InvalidRequest
    return Trouble(kind(message, http_status=status, transient=passing), acted=passing and status != 429, after_s=retry_after_s(headers.get("Retry-After")))


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """The text without secrets and signatures, percent-encoded ones (twice over in a text to sign) and JSON-escaped ones too."""
    for form in sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True):
        text = text.replace(form, _HIDDEN)
    return re.sub(r"(Signature(?:=|%3D|%253D))[^&\s\"']+", rf"\1{_HIDDEN}", text)


def _forms(secret: str) -> set[str]:
    once = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    forms = {secret, json.dumps(secret)[1:-1], *once, *(quote(each, safe="") for each in once)}
    return forms | {re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), form) for form in forms} | {form.replace("/", "\\/") for form in forms}


def is_in_use(error: RecoveryError) -> bool:
    """Whether another resource uses what was to be changed or deleted."""
    return bool(re.search(_IN_USE, error.code or ""))


def is_scarce(error: RecoveryError) -> bool:
    """Whether there is no stock, or no quota, of what was asked for: somebody may free some before the deadline. Limits of one resource are none."""
    code = error.code or ""
    return isinstance(error, ProviderFailure) and bool(re.search(f"{_STOCK}|^Quota|(?i:EipQuota)", code)) and "Tags" not in code


def is_name_taken(error: RecoveryError) -> bool:
    """Whether something else has the name that was to be given."""
    return bool(re.search(_NAME_TAKEN, error.code or ""))


def is_dry_run_passed(error: RecoveryError) -> bool:
    """Whether a request with DryRun would have been carried out."""
    return error.code == "DryRunOperation"


def is_already(error: RecoveryError) -> bool:
    """Whether a change may have been refused because what it asks for is already so; look whether it is."""
    return bool(re.search(_ALREADY, error.code or ""))


def _sentence(text: str, marks: str, advice: str) -> str:
    text = text.strip().rstrip(".")
    text = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    return f"{text} ({marks}).{f' {advice}' if advice else ''}"
