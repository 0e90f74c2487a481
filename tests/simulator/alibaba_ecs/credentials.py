# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access keys, temporary credentials and the checks that every call passes: key, security token, timestamp, nonce, signature.

Every account has keys without being told: `sim-ACCOUNT` with the secret `secret-ACCOUNT`, and `sim-ACCOUNT.USER` with `secret-ACCOUNT.USER` for one more
user of it. `add_key` registers others.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ..clock import Clock
from ..settings import Settings
from .errors import ApiError, missing
from .signature import NEWER, Signed

PREFIX, SECRET_PREFIX = "sim-", "secret-"
MOST_SKEW_S = 15 * 60
STAMP = "%Y-%m-%dT%H:%M:%SZ"
OF_SIGNATURE = ("Signature", "SignatureMethod", "SignatureVersion")
METHODS = (("HMAC-SHA1", "1.0"), (NEWER, "3"))
FOR_EVERY_CALL = ("AccessKeyId", "SignatureNonce", "Timestamp", "Action", "Version")


@dataclass
class Key:
    """One access key. `token` and `ends_s` (a moment of the simulated clock) only for temporary ones; `arn` names who it is."""

    id: str
    secret: str
    account: str
    arn: str
    active: bool = True
    token: str | None = None
    ends_s: float | None = None


class Credentials:
    """All keys of one simulator."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._keys: dict[str, Key] = {}
        self._nonces: dict[str, set[str]] = {}

    def key(self, identity: str) -> Key | None:
        """A key; None when nobody has it."""
        if identity in self._keys:
            return self._keys[identity]
        if not identity.startswith(PREFIX) or identity == PREFIX:
            return None
        rest = identity[len(PREFIX) :]
        account, _dot, user = rest.partition(".")
        return Key(identity, SECRET_PREFIX + rest, account, user and f"user/{user}" or "root")

    def add(self, key: Key) -> Key:
        """Registers a key, in place of an older one with its id."""
        self._keys[key.id] = key
        return key

    def temporary(self, account: str, arn: str, seconds: float) -> Key:
        """New temporary credentials."""
        identity = f"STS.{secrets.token_hex(12)}"
        # As the real ones: with signs that need encoding.
        return self.add(Key(identity, secrets.token_hex(22), account, arn, True, f"CAIS{secrets.token_urlsafe(48)}+/==", self._clock.now() + seconds))

    def revoke(self, identity: str) -> None:
        """Makes a key of no use: expired when it is temporary, inactive otherwise."""
        key = self.key(identity)
        if key is not None and key.token is not None:
            key.ends_s = self._clock.now()
        elif key is not None:
            self.add(Key(key.id, key.secret, key.account, key.arn, False))

    def check(self, signed: Signed) -> Key:
        """The key of a call. Raises ApiError."""
        parameters = signed.parameters
        if any(not parameters.get(name) for name in OF_SIGNATURE) or (parameters["SignatureMethod"], parameters["SignatureVersion"]) not in METHODS:
            raise ApiError("IncompleteSignature", "The request signature does not conform to Aliyun standards.", 400)
        for name in FOR_EVERY_CALL:
            if not parameters.get(name):
                raise missing(name)
        key = self.key(parameters["AccessKeyId"])
        if key is None:
            raise ApiError("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
        if not key.active:
            raise ApiError("InvalidAccessKeyId.Inactive", "Specified access key is disabled.", 400)
        self._check_age(parameters["Timestamp"], key.account)
        self._check_token(key, parameters.get("SecurityToken"))
        if not signed.is_by(key.secret):
            message = f"Specified signature is not matched with our calculation. server string to sign is:{signed.text}"
            raise ApiError("SignatureDoesNotMatch", message, 400)
        nonces = self._nonces.setdefault(key.account, set())
        if parameters["SignatureNonce"] in nonces:
            raise ApiError("SignatureNonceUsed", "Specified signature nonce was used already.", 400)
        nonces.add(parameters["SignatureNonce"])
        return key

    def _check_age(self, text: str, account: str) -> None:
        try:
            sent = datetime.strptime(text, STAMP).replace(tzinfo=timezone.utc)
        except ValueError as error:
            raise ApiError("InvalidTimeStamp.Format", f"Specified time stamp is not well formatted: {text}", 400) from error
        # The age counts on the real clock: the client does not know of a simulated one.
        now = datetime.now(timezone.utc) + timedelta(seconds=float(self._settings.get("clock_skew", account)))
        if abs((now - sent).total_seconds()) > MOST_SKEW_S:
            raise ApiError("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.", 400)

    def _check_token(self, key: Key, given: str | None) -> None:
        if key.token is None:
            if given:
                raise ApiError("InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey.", 400)
            return
        if not given:
            raise ApiError("MissingSecurityToken", "SecurityToken is mandatory for this action.", 400)
        if given != key.token:
            raise ApiError("InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.", 400)
        if key.ends_s is not None and self._clock.now() >= key.ends_s:
            raise ApiError("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.", 400)

    def answer(self, key: Key) -> dict[str, Any]:
        """Temporary credentials as STS and the metadata service give them."""
        ends = self._clock.at(key.ends_s).strftime(STAMP)
        return {"AccessKeyId": key.id, "AccessKeySecret": key.secret, "SecurityToken": key.token, "Expiration": ends}
