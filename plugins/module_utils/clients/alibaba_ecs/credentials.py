# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signs the requests: an access key, or keys that expire and are renewed, from AssumeRole or from an ECS instance's metadata service."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from ...core.errors import AuthenticationFailed, Cancelled, InvalidRequest, ProviderFailure
from ...transport.exchange import Limits
from ...transport.failures import Unanswered
from ...transport.session import HttpSession, Reply, Tls, acquire, server_of
from ...transport.trouble import Trouble, retold
from .answers import judged, scrubbed
from .signing import STS, USE, Call, Key, flattened, signed, sts_address

METADATA_URL = "http://100.100.100.200"
# As ecs_ram_role: the metadata service is asked which role the instance has.
AUTO = "auto"

_ASSUME = Call(STS, "AssumeRole")
_METADATA_LIMIT_S = 2.0
_ROLES = "/latest/meta-data/ram/security-credentials/"
_HEADER = "X-aliyun-ecs-metadata-token"
_TOKEN_S = 21_600
_NO_PROXY: dict[str, None] = dict.fromkeys(("http", "https", "all"))
# Keys are renewed so long before they end, or with a fifth of their time left; a renewal that fails is tried again after a while.
_MARGIN_S, _SHARE, _PAUSE_S = 300.0, 0.2, 30.0
_NONE = (
    "no credentials: give access_key_id and access_key_secret (ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET), security_token"
    " (ALIBABA_CLOUD_SECURITY_TOKEN) as well for a temporary key, or on an ECS instance ecs_ram_role (ALIBABA_CLOUD_ECS_METADATA)."
)


@dataclass(frozen=True)
class Role:
    """A RAM role to assume, and how; the session is named in the log of the account."""

    arn: str
    session_name: str = "multicloud-recovery"
    external_id: str = ""
    duration_s: int = 3600


@dataclass(frozen=True)
class Credentials:
    """Who we are: an access key with or without a token, or an instance's RAM role (AUTO for the one that it has), and a role that is assumed with it."""

    access_key_id: str = ""
    access_key_secret: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    ecs_ram_role: str = ""
    role: Role | None = None
    sts_url: str | None = None
    metadata_url: str = METADATA_URL


class Keys:
    """The key of now, for all threads of a task. ``clock`` is the task's; ``on_secret`` is told every secret and token.

    Raises AuthenticationFailed when no credentials are given, MissingLibrary without requests.
    """

    def __init__(self, given: Credentials, region: str, *, tls: Tls, timeout_s: float, clock: Callable[[], float], on_secret: Callable[[str], None]) -> None:
        if not (given.access_key_id and given.access_key_secret) and not given.ecs_ram_role:
            raise AuthenticationFailed(_NONE)
        # A client's certificate is for the servers that take our requests, not for these.
        self._http = HttpSession(Tls(tls.verify, tls.ca_path), use=USE, connections=2)
        self._given, self._region, self._timeout_s, self._clock, self._on_secret = given, region, timeout_s, clock, on_secret
        self._told: set[str] = set()
        self._seen_metadata = False
        base = Key(given.access_key_id, given.access_key_secret, given.security_token) if given.access_key_id else None
        if base:
            self._tell(base.secret, base.token)
        self._base = _Renewed(self._from_metadata, clock, base)
        self._assumed = _Renewed(self._assume, clock) if given.role else None

    @property
    def secrets(self) -> set[str]:
        """All secrets and tokens that were used so far."""
        return set(self._told)

    def current(self, limits: Limits) -> Key:
        """The key to sign with, renewed in time by one thread while the others wait for it. Raises Trouble and Unanswered."""
        return (self._assumed or self._base).current(limits)

    def renewed(self, refused: Key, limits: Limits) -> Key | None:
        """Another key than the one that was refused as expired; None when there is no way to get one."""
        source = self._assumed or self._base
        return source.renewed(refused, limits) if source is self._assumed or not self._given.access_key_id else None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _assume(self, limits: Limits) -> Key:
        role = self._given.role
        if role is None:
            raise RuntimeError("there is no role to assume")
        try:
            base = self._base.current(limits)
            try:
                return self._asked_of_sts(role, base, limits)
            except Trouble as trouble:
                if not is_expired(trouble) or self._given.access_key_id:
                    raise
                return self._asked_of_sts(role, self._base.renewed(base, limits), limits)
        except Trouble as trouble:
            raise _login_failed(trouble, f"could not assume the role {role.arn}") from trouble

    def _asked_of_sts(self, role: Role, base: Key, limits: Limits) -> Key:
        wanted = {"RoleArn": role.arn, "RoleSessionName": role.session_name, "DurationSeconds": role.duration_s, "ExternalId": role.external_id or None}
        url = sts_address(self._given.sts_url)
        headers, body = signed(_ASSUME, base, self._region, flattened(wanted))
        asked_at = self._clock()
        reply = self._ask("POST", f"{url}/", limits, self._timeout_s, headers=headers, data=body)
        wire = judged(reply, server_of(url), _ASSUME.permission, lambda text: scrubbed(text, self.secrets))
        return self._key(wire.get("Credentials"), asked_at, float(role.duration_s), server_of(url))

    def _from_metadata(self, limits: Limits) -> Key:
        url = self._given.metadata_url
        try:
            made = self._ask_metadata("PUT", "/latest/api/token", limits, {f"{_HEADER}-ttl-seconds": str(_TOKEN_S)})
            headers: dict[str, str] = {}
            # An instance may not know tokens yet.
            if made.status_code not in (404, 405):
                headers[_HEADER] = _text(made, "its token")
                self._tell(headers[_HEADER])
            role = self._given.ecs_ram_role
            if role == AUTO:
                named = self._ask_metadata("GET", _ROLES, limits, headers)
                role = "" if named.status_code == 404 else _text(named, "the instance's role").partition("\n")[0].strip()
                if not role:
                    raise Trouble(AuthenticationFailed("the instance has no RAM role: attach one, or give an access key."))
            found = self._ask_metadata("GET", _ROLES + quote(role, safe=""), limits, headers)
            if found.status_code == 404:
                raise Trouble(
                    AuthenticationFailed(f"the instance does not have the RAM role {role}: correct ecs_ram_role, or give {AUTO} for the role that it has.")
                )
            try:
                wire = json.loads(_text(found, "its credentials"))
                ends = datetime.strptime(wire["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
            except (ValueError, TypeError, KeyError):
                raise Trouble(ProviderFailure(f"{server_of(url)} answered without credentials.", transient=True)) from None
        except Trouble as trouble:
            raise _login_failed(trouble, "could not get credentials from the metadata service") from trouble
        self._seen_metadata = True
        lifetime_s = (ends - datetime.now(timezone.utc)).total_seconds()
        return self._key(wire, self._clock(), lifetime_s, server_of(url))

    def _ask_metadata(self, method: str, path: str, limits: Limits, headers: Mapping[str, str]) -> Reply:
        url = self._given.metadata_url + path
        try:
            return self._ask(method, url, limits, _METADATA_LIMIT_S, headers=dict(headers), proxies=_NO_PROXY)
        except Trouble as trouble:
            if isinstance(trouble.error, Cancelled):
                raise
            message = f"{trouble.error.message} It answers on ECS instances only, and only where it is not switched off."
            # Where it has never answered it is not there at all: waiting for it would take half a minute.
            raise Trouble(AuthenticationFailed(message, transient=self._seen_metadata)) from trouble

    def _ask(self, method: str, url: str, limits: Limits, seconds: float, **request: Any) -> Reply:
        own = replace(limits, seconds=min(seconds, limits.seconds), changes=False)
        try:
            return self._http.exchange(method, url, limits=own, guarded=False, **request)
        except Unanswered as failure:
            raise Trouble(failure.error) from failure

    def _key(self, wire: Any, since: float, lifetime_s: float, server: str) -> Key:
        parts = [wire.get(name) if isinstance(wire, dict) else None for name in ("AccessKeyId", "AccessKeySecret", "SecurityToken")]
        own_id, secret, token = (part if isinstance(part, str) else "" for part in parts)
        if not (own_id and secret and token):
            raise Trouble(ProviderFailure(f"{server} answered without credentials.", transient=True))
        self._tell(secret, token)
        margin_s = min(_MARGIN_S, lifetime_s * _SHARE)
        return Key(own_id, secret, token, renew_at=since + max(lifetime_s - margin_s, _PAUSE_S), ends_at=since + lifetime_s)

    def _tell(self, *secrets: str) -> None:
        for secret in secrets:
            if secret and secret not in self._told:
                self._told.add(secret)
                self._on_secret(secret)


class _Renewed:
    """A key that one thread fetches anew when its time comes; one that is ``given`` stays as it is."""

    def __init__(self, fetch: Callable[[Limits], Key], clock: Callable[[], float], given: Key | None = None) -> None:
        self._fetch, self._clock, self._key = fetch, clock, given
        self._turn = threading.Lock()

    def current(self, limits: Limits) -> Key:
        key = self._key
        return key if key and self._clock() < key.renew_at else self._replaced(key, limits, still=True)

    def renewed(self, refused: Key, limits: Limits) -> Key:
        return self._replaced(refused, limits, still=False)

    def _replaced(self, old: Key | None, limits: Limits, *, still: bool) -> Key:
        """Another key, unless another thread has replaced the old one meanwhile; that one again if it is ``still`` good and none can be had."""
        acquire(self._turn, limits, "credentials that another thread fetches")
        try:
            # A key that was refused may be an earlier one than this.
            if self._key and (old is None or self._key.token != old.token or (still and self._clock() < self._key.renew_at)):
                return self._key
            try:
                self._key = self._fetch(limits)
            except Trouble as trouble:
                if not (still and self._key and self._clock() < self._key.ends_at) or isinstance(trouble.error, Cancelled):
                    raise
                self._key = replace(self._key, renew_at=self._clock() + _PAUSE_S)
            return self._key
        finally:
            self._turn.release()


def is_expired(trouble: Trouble) -> bool:
    """Whether a key was refused because its time has passed."""
    return str(trouble.error.code).startswith("InvalidSecurityToken.Expired")


def _text(reply: Reply, what: str) -> str:
    if reply.status_code != 200:
        raise Trouble(AuthenticationFailed(f"it refuses {what} (HTTP {reply.status_code}).", http_status=reply.status_code))
    text = reply.content.decode("utf-8", "replace").strip()
    if not text:
        raise Trouble(ProviderFailure(f"it answered without {what}.", transient=True))
    return text


def _login_failed(trouble: Trouble, attempted: str) -> Trouble:
    """What a refusal of credentials means for whoever needed them: nothing was asked of ECS, and nothing is absent there."""
    error = trouble.error
    keeps = error.transient or isinstance(error, (InvalidRequest, Cancelled))
    advice = " The role's trust policy must name the one that assumes it." if str(error.code).startswith("NoPermission") else ""
    advice = advice or (" Correct role_arn." if str(error.code).startswith("EntityNotExist") else "")
    return Trouble(retold(error, f"{attempted}: {error.message}{advice}", None if keeps else AuthenticationFailed), after_s=trouble.after_s)
