# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alibaba Cloud's own library: it makes and signs every request. What it signs travels through our session.

Only its request classes and signers are used. AcsClient would send by itself: over http, past NO_PROXY, repeating a change without a client
token, with the security token in the address that its errors quote, and with the keys of ALIYUN_ACCESS_KEY_ID instead of those it was given.
"""

from __future__ import annotations

import importlib.util
import pkgutil
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ...core.errors import InvalidRequest, MissingLibrary

ECS, VPC, STS = "Ecs", "Vpc", "Sts"
LIBRARY = "aliyun-python-sdk-ecs"
STS_LIBRARY = "aliyun-python-sdk-sts"
USE = "to talk to Alibaba Cloud ECS"

_VERSIONS = {ECS: "2014-05-26", VPC: "2016-04-28", STS: "2015-04-01"}
_PACKAGES = {ECS: ("aliyunsdkecs.request.v20140526", LIBRARY), STS: ("aliyunsdksts.request.v20150401", STS_LIBRARY)}
_REAL = ".aliyuncs.com"
_STS_HOST = "sts.aliyuncs.com"


@dataclass(frozen=True)
class Key:
    """What signs requests; ``token`` comes with keys that expire, ``renew_at`` is on the task's clock."""

    id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    renew_at: float = float("inf")
    ends_at: float = float("inf")


class Call(NamedTuple):
    """One action of one product, as the API spells it."""

    product: str
    action: str

    @property
    def permission(self) -> str:
        """The RAM action that it needs."""
        return f"{self.product.lower()}:{self.action}"


def check_library(*, sts: bool) -> None:
    """Raise MissingLibrary unless what signs is installed; nothing of it is loaded yet."""
    for package, library in [_PACKAGES[ECS], _PACKAGES[STS]] if sts else [_PACKAGES[ECS]]:
        root = package.partition(".")[0]
        for name in ("aliyunsdkcore", root):
            if importlib.util.find_spec(name) is None:
                raise MissingLibrary(USE, library=library, trace=f"The package {name} was not found.")


def signed(call: Call, key: Key, region: str, params: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Headers and form body of a request, with a new nonce and the time of now.

    All parameters are in the body, as in Alibaba Cloud's library for Node.js: addresses stand in messages and logs, and have a greatest length.
    """
    from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential  # type: ignore[import-untyped]
    from aliyunsdkcore.auth.signers.access_key_signer import AccessKeySigner  # type: ignore[import-untyped]
    from aliyunsdkcore.auth.signers.sts_token_signer import StsTokenSigner  # type: ignore[import-untyped]

    request = request_of(call)
    request.set_method("POST")
    request.set_accept_format("JSON")
    # Not by its setters, of which some turn None into the text "None" and others drop what they do not know.
    for name, value in {"RegionId": region, **params}.items():
        request.add_query_param(name, value)
    if key.token:
        signer = StsTokenSigner(StsTokenCredential(key.id, key.secret, key.token))
    else:
        signer = AccessKeySigner(AccessKeyCredential(key.id, key.secret))
    try:
        headers, url = signer.sign(region, request)
    except UnicodeError as error:
        raise InvalidRequest(f"{call.action} cannot be sent: a value holds characters that are no text.") from error
    return {**headers, "Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}, url.partition("?")[2]


def request_of(call: Call) -> Any:
    """A new request of the SDK; of VPC, whose own package is not needed for it, what CommonRequest makes of itself."""
    package, library = _PACKAGES.get(call.product, ("", LIBRARY))
    try:
        if package:
            # All of them together would take seconds. Ansible has none of them to pack: the library is installed where the module runs.
            return pkgutil.resolve_name(f"{package}.{call.action}Request:{call.action}Request")()
        from aliyunsdkcore.request import RpcRequest  # type: ignore[import-untyped]

        return RpcRequest(call.product, _VERSIONS[call.product], call.action)
    except ImportError as error:  # It is too old for the action, or something that it needs is not there.
        raise MissingLibrary(f"to call {call.action}", library=library, trace=traceback.format_exc()) from error


def address(call: Call, region: str, api_url: str | None, home: str) -> str:
    """Where a call to a region goes. An ``api_url`` of Alibaba Cloud's is that of ECS in the ``home`` region only; every other serves all."""
    host = urlsplit(api_url).hostname or "" if api_url else ""
    if api_url and not host.endswith(_REAL):
        return api_url
    if api_url and call.product == ECS and region == home:
        return api_url
    for start in ("ecs.", "ecs-vpc."):
        if host.startswith(f"{start}{home}."):
            return f"https://{start.replace('ecs', call.product.lower())}{region}{_REAL}"
    return f"https://{_host(call, region)}"


def sts_address(sts_url: str | None) -> str:
    """Where AssumeRole goes."""
    return sts_url or f"https://{_STS_HOST}"


def _host(call: Call, region: str) -> str:
    """The SDK's host for a region. It would ask a service of Alibaba Cloud's, over its own connections, for those that it does not know."""
    own = getattr(request_of(call), "endpoint_map", None) or {}
    return str(own.get(region) or _listed_host(call.product, region) or f"{call.product.lower()}.{region}{_REAL}")


@lru_cache
def _listed_host(product: str, region: str) -> str | None:
    from aliyunsdkcore.endpoint.local_config_regional_endpoint_resolver import LocalConfigRegionalEndpointResolver  # type: ignore[import-untyped]
    from aliyunsdkcore.endpoint.resolver_endpoint_request import ResolveEndpointRequest  # type: ignore[import-untyped]

    host: str | None = LocalConfigRegionalEndpointResolver().resolve(ResolveEndpointRequest(region, product, None, None))
    return host


def flattened(params: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as the wire has them: ``Tag.1.Key`` for the first of a list, true and false in small letters; what is None is left out."""
    flat: dict[str, str] = {}
    for name, value in params.items():
        _flatten(name, value, flat)
    return flat


def _flatten(name: str, value: Any, flat: dict[str, str]) -> None:
    if isinstance(value, Mapping):
        for key, part in value.items():
            _flatten(f"{name}.{key}", part, flat)
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(value, 1):
            _flatten(f"{name}.{number}", part, flat)
    elif isinstance(value, bool):
        flat[name] = "true" if value else "false"
    elif value is not None:
        flat[name] = str(value)
