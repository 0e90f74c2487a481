# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials of the simulated Compute Engine: access tokens, and the JWTs that a service account signs for itself.

Access tokens expire with simulated time. JWTs expire with the wall clock, because the client that signs them knows no other.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..clock import Clock
from ..messages import Answer, Call

AUDIENCE = "https://compute.googleapis.com/"
# google-auth puts this into the assertion, whatever the `token_uri` it posts to.
TOKEN_AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES = {f"https://www.googleapis.com/auth/{name}" for name in ("cloud-platform", "compute", "compute.readonly")}
DEFAULT_PROJECT = "simulator"
# Accounts are called "simulator", or "run-1", "run-2", ... where runs are to be told apart.
EMAIL = re.compile(r"(simulator|run-\d+)@([a-z][-a-z0-9]*)\.iam\.gserviceaccount\.com")
# The longest life that Google allows, and how far apart the clocks may be.
JWT_LIFETIME_S = 3600
SKEW_S = 10
BAD_SIGNATURE = "Invalid JWT Signature."
BAD_TIMES = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."
# The token printed at the start must outlive every `advance` of the tests that share it.
UNLIMITED_S = float("inf")


@dataclass(frozen=True)
class _Key:
    private: str
    public: str
    key_id: str


@dataclass(frozen=True)
class _Issued:
    user: str
    until_s: float
    scopes: frozenset[str]


class Tokens:
    """All credentials. A service account is made for a project, so that its token requests can be told apart from those of other tests."""

    def __init__(self, clock: Clock, setting: Callable[[str, str | None], Any]) -> None:
        """`setting` gives a setting by name and scope; `token_lifetime_s` is the only one that is read."""
        self._clock = clock
        self._setting = setting
        self._issued: dict[str, _Issued] = {}
        self._revoked: set[tuple[str, str | None]] = set()
        self._token_uris = {TOKEN_AUDIENCE}
        self.access_token = self.issue(DEFAULT_PROJECT)

    def issue(self, project: str, name: str = "simulator") -> str:
        """One more access token, of an account of a project, that does not expire. There may be any number of them."""
        return self._issue(email_of(project, name), UNLIMITED_S, frozenset(SCOPES))

    def service_account(self, base_url: str, project: str = DEFAULT_PROJECT, name: str = "simulator") -> dict[str, str]:
        """What a service account's key file holds. `base_url`: where this simulator listens; all accounts share one key."""
        key = signing_key()
        email = email_of(project, name)
        token_uri = f"{base_url.rstrip('/')}/token"
        self._token_uris.add(token_uri)
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": key.key_id,
            "private_key": key.private,
            "client_email": email,
            "client_id": str(int(hashlib.sha256(email.encode()).hexdigest(), 16))[:21],
            "auth_uri": f"{base_url.rstrip('/')}/auth",
            "token_uri": token_uri,
            "auth_provider_x509_cert_url": f"{base_url.rstrip('/')}/certs",
            "client_x509_cert_url": f"{base_url.rstrip('/')}/certs/{email.replace('@', '%40')}",
            "universe_domain": "googleapis.com",
        }

    def user_of(self, authorization_header: str | None, scope: str | None) -> str | None:
        """The e-mail address of whoever sends the header; None when it is absent, unknown, expired, for another service, or revoked for the scope."""
        token = _bearer(authorization_header)
        if token is None or not self._revoked.isdisjoint({(_identity(token), None), (_identity(token), scope)}):
            return None
        issued = self._issued.get(token)
        if issued is not None:
            return issued.user if self._clock.now() < issued.until_s and issued.scopes & SCOPES else None
        try:
            claims = _verified(token)
        except ValueError:
            return None
        # A JWT is made out to the service, or says like a token what it may do.
        fits = claims["aud"] == AUDIENCE if "aud" in claims else bool(_scopes(claims) & SCOPES)
        return str(claims["iss"]) if fits and claims.get("sub") == claims["iss"] else None

    def caller_of(self, call: Call) -> str | None:
        """A short id of whoever sends a call: the name of a run's account, or a digest of the token. It is the same for all tokens of one account of a run."""
        token = _bearer(call.headers.get("authorization"))
        if token is None:
            name = _account_in(dict(call.form).get("assertion", "")) if call.is_form else ""
            return name or None
        issued = self._issued.get(token)
        name = issued.user.partition("@")[0] if issued is not None else _account_in(token)
        return name if name.startswith("run-") else hashlib.sha256(token.encode()).hexdigest()[:8]

    def revoke(self, authorization_header: str, scope: str | None) -> None:
        """Ends the token of a header, for one scope or (None) everywhere. A JWT signed anew in the same second is the same, so it is ended too."""
        token = _bearer(authorization_header)
        if token is not None:
            self._revoked.add((_identity(token), scope))

    def scope_of(self, call: Call) -> str | None:
        """The project of the service account that asks for a token, read without verifying anything; None when there is none to be read."""
        found = EMAIL.fullmatch(_issuer(dict(call.form).get("assertion", "")))
        return found[2] if found else None

    def token_endpoint(self, call: Call) -> Answer:
        """Exchanges a signed assertion for an access token, as in RFC 7523."""
        form = dict(call.form) if call.method == "POST" and call.is_form else {}
        if "grant_type" not in form:
            return _refusal("invalid_request", "Required parameter is missing: grant_type")
        if form["grant_type"] != GRANT_TYPE:
            return _refusal("unsupported_grant_type", f"Invalid grant_type: {form['grant_type']}")
        try:
            claims = _verified(form.get("assertion", ""))
        except ValueError as error:
            return _refusal("invalid_grant", str(error))
        if claims.get("aud") not in self._token_uris:
            return _refusal("invalid_grant", "Invalid JWT: Failed audience check.")
        scopes = _scopes(claims)
        if not scopes:
            return _refusal("invalid_scope", "Empty or missing scope not allowed.")
        lifetime_s = float(self._setting("token_lifetime_s", self.scope_of(call)))
        token = self._issue(claims["iss"], lifetime_s, scopes)
        return Answer.of_json({"access_token": token, "expires_in": int(lifetime_s), "token_type": "Bearer"})

    def _issue(self, user: str, lifetime_s: float, scopes: frozenset[str]) -> str:
        token = f"ya29.sim-{secrets.token_urlsafe(24)}"
        self._issued[token] = _Issued(user, self._clock.now() + lifetime_s, scopes)
        return token


_MAKING = threading.Lock()


def signing_key() -> _Key:
    """The one key of this process; making it takes about a tenth of a second."""
    with _MAKING:
        # Of two that ask at once, each would be given a key of its own.
        return _made_key()


@lru_cache(maxsize=1)
def _made_key() -> _Key:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return _Key(text.decode(), public.decode(), hashlib.sha1(public, usedforsecurity=False).hexdigest())


def email_of(project: str, name: str = "simulator") -> str:
    """The address of a service account of a project."""
    return f"{name}@{project}.iam.gserviceaccount.com"


def _issuer(token: str) -> str:
    """Who says to have signed a JWT, read without verifying anything; "" for what is none."""
    from google.auth import jwt

    decode: Callable[..., Mapping[str, Any]] = jwt.decode
    try:
        return str(decode(token, verify=False).get("iss"))
    except ValueError:
        return ""


def _account_in(token: str) -> str:
    return _issuer(token).partition("@")[0] if token.count(".") == 2 else ""


def _verified(token: str) -> Mapping[str, Any]:
    """The claims of a JWT that one of our accounts signed and that is valid now by the wall clock. Raises ValueError with Google's words."""
    from google.auth import exceptions, jwt

    key = signing_key()
    read_header: Callable[..., Mapping[str, Any]] = jwt.decode_header
    decode: Callable[..., Mapping[str, Any]] = jwt.decode
    try:
        header = read_header(token)
        claims = decode(token, certs=key.public, clock_skew_in_seconds=SKEW_S)
        lifetime_s = claims["exp"] - claims["iat"]
    except exceptions.InvalidValue as error:
        raise ValueError(BAD_TIMES) from error
    except (ValueError, TypeError) as error:
        raise ValueError(BAD_SIGNATURE) from error
    # A key file without `private_key_id`, as some tools write it, signs without naming the key.
    if header.get("alg") != "RS256" or header.get("kid") not in (None, key.key_id):
        raise ValueError(BAD_SIGNATURE)
    if not EMAIL.fullmatch(str(claims.get("iss"))):
        raise ValueError("Invalid grant: account not found")
    if not 0 < lifetime_s <= JWT_LIFETIME_S:
        raise ValueError(BAD_TIMES)
    return claims


def _bearer(authorization_header: str | None) -> str | None:
    scheme, _space, token = (authorization_header or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _identity(token: str) -> str:
    # The part that is different in every JWT; an access token is its own.
    return token.rpartition(".")[2] if token.count(".") == 2 else token


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(claims.get("scope", "")).split())


def _refusal(error: str, description: str) -> Answer:
    return Answer.of_json({"error": error, "error_description": description}, 400)
