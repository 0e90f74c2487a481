# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may call: access tokens, JWTs of a service account, and the exchange of one for the other."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

import pytest

from tests.simulator.clock import Clock
from tests.simulator.gce.tokens import AUDIENCE, GRANT_TYPE, TOKEN_AUDIENCE, Tokens, email_of
from tests.simulator.messages import Call

crypt = pytest.importorskip("google.auth.crypt")
jwt = pytest.importorskip("google.auth.jwt")
pytest.importorskip("cryptography")

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
BASE_URL = "http://127.0.0.1:8080"


class Account:
    """A service account of a project, with everything that can be wrong about what it signs."""

    def __init__(self, project: str = "one") -> None:
        self.clock = Clock(monotonic=lambda: 0.0)
        self.tokens = Tokens(self.clock, lambda name, scope: {"token_lifetime_s": 100 if scope == "one" else 50}[name])
        self.info = self.tokens.service_account(BASE_URL, project)

    def signed(self, key: str | None = None, key_id: str | None = None, issued_s: float = 0, lifetime_s: float = 3600, **claims: object) -> str:
        """A JWT; a claim given as None is left out."""
        now = time.time() + issued_s
        content = {"iss": self.info["client_email"], "sub": self.info["client_email"], "iat": now, "exp": now + lifetime_s, "aud": AUDIENCE, **claims}
        signer = crypt.RSASigner.from_string(key or self.info["private_key"], key_id or self.info["private_key_id"])
        return jwt.encode(signer, {name: value for name, value in content.items() if value is not None}).decode()

    def user(self, token: str, scope: str | None = None) -> str | None:
        """Whom the simulator sees."""
        return self.tokens.user_of(f"Bearer {token}", scope)

    def exchange(self, content_type: str = "application/x-www-form-urlencoded", **form: str) -> tuple[int, dict]:
        """Status and body of a token request."""
        answer = self.tokens.token_endpoint(Call("POST", "/token", "", {"content-type": content_type}, urlencode(form).encode()))
        return answer.status, json.loads(answer.body)

    def assertion(self, **changes: object) -> str:
        """A JWT made out to the token endpoint."""
        return self.signed(**{"aud": TOKEN_AUDIENCE, "scope": CLOUD_PLATFORM, "sub": None, **changes})


@pytest.fixture(name="account")
def _account() -> Account:
    return Account()


@pytest.fixture(scope="module", name="other_key")
def _other_key() -> str:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def test_the_first_token_outlives_the_clock(account):
    account.clock.advance(10**9)
    assert account.user(account.tokens.access_token) == email_of("simulator")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer unknown", "Basic dTpw", "Bearer a.b.c", "Bearer ä.ö.ü", "Bearer ..", "Bearer W10.W10."]
)
def test_what_is_no_token_of_ours_is_nobody(account, header):
    assert account.tokens.user_of(header, "one") is None


def test_a_jwt_for_the_service_or_with_its_scope_is_its_account(account):
    assert account.user(account.signed()) == email_of("one")
    assert account.user(account.signed(aud=None, scope=f"x {CLOUD_PLATFORM}")) == email_of("one")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://storage.googleapis.com/"},
        {"aud": None},
        {"aud": None, "scope": "https://www.googleapis.com/auth/devstorage.read_only"},
        {"iss": "somebody@example.com"},
        {"sub": "somebody@example.com"},
        {"sub": None},
        {"issued_s": -4000},
        {"issued_s": 60},
        {"lifetime_s": 7200},
        {"lifetime_s": -5},
        {"iat": None},
        {"iat": "soon"},
        {"key_id": "another"},
    ],
    ids=str,
)
def test_a_jwt_with_a_wrong_claim_is_nobody(account, changes):
    assert account.user(account.signed(**changes)) is None


def test_a_jwt_signed_with_another_key_is_nobody(account, other_key):
    assert account.user(account.signed(key=other_key)) is None
    head, _claims, signature = account.signed().split(".")
    assert account.user(".".join([head, account.signed(aud="x").split(".")[1], signature])) is None


def test_simulated_time_does_not_end_a_jwt(account):
    token = account.signed()
    account.clock.advance(10**6)
    assert account.user(token) == email_of("one")


def test_an_exchanged_token_lives_as_long_as_the_setting_of_its_project_says(account):
    status, body = account.exchange(grant_type=GRANT_TYPE, assertion=account.assertion())
    assert (status, body["expires_in"], body["token_type"]) == (200, 100, "Bearer")
    assert account.user(body["access_token"]) == email_of("one")
    account.clock.advance(99)
    assert account.user(body["access_token"]) == email_of("one")
    account.clock.advance(1)
    assert account.user(body["access_token"]) is None


def test_an_assertion_may_name_the_address_it_is_sent_to(account):
    assert account.exchange(grant_type=GRANT_TYPE, assertion=account.assertion(aud=f"{BASE_URL}/token"))[0] == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"aud": AUDIENCE}, "invalid_grant"),
        ({"issued_s": -4000}, "invalid_grant"),
        ({"iss": "somebody@example.com"}, "invalid_grant"),
        ({"key_id": "another"}, "invalid_grant"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
def test_a_wrong_assertion_is_refused_in_the_shape_of_oauth(account, changes, error):
    status, body = account.exchange(grant_type=GRANT_TYPE, assertion=account.assertion(**changes))
    assert (status, body["error"]) == (400, error)
    assert body["error_description"]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": GRANT_TYPE}, "invalid_grant"),
        ({"grant_type": GRANT_TYPE, "content_type": "application/json"}, "invalid_request"),
    ],
)
def test_a_token_request_without_its_parts_is_refused(account, form, error):
    status, body = account.exchange(**form)
    assert (status, body["error"]) == (400, error)


def test_a_revoked_token_is_refused_in_the_scope_alone(account):
    for token in (account.tokens.access_token, account.signed()):
        account.tokens.revoke(f"Bearer {token}", "one")
        assert (account.user(token, "one"), account.user(token, "two") is None, account.user(token) is None) == (None, False, False)
        account.tokens.revoke(f"Bearer {token}", None)
        assert (account.user(token, "two"), account.user(token)) == (None, None)
    assert account.user(account.signed(issued_s=-1), "one") == email_of("one")


def test_a_token_request_belongs_to_the_project_of_its_account(account):
    form = urlencode({"assertion": account.assertion()}).encode()
    assert account.tokens.scope_of(Call("POST", "/token", "", {}, form)) == "one"
    assert account.tokens.scope_of(Call("POST", "/token", "", {}, b"assertion=x.y.z")) is None
    assert account.tokens.scope_of(Call("POST", "/token", "", {}, b"")) is None


def test_a_key_without_an_id_signs_without_naming_the_key(account: Account):
    signer = crypt.RSASigner.from_string(account.info["private_key"])
    now = time.time()
    claims = {"iss": account.info["client_email"], "iat": now, "exp": now + 3600, "aud": TOKEN_AUDIENCE, "scope": CLOUD_PLATFORM}
    status, body = account.exchange(grant_type=GRANT_TYPE, assertion=jwt.encode(signer, claims).decode())
    assert status == 200
    assert account.user(body["access_token"]) == email_of("one")
