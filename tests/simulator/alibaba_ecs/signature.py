# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two signatures of a request: the older one is a parameter (HMAC-SHA1 over all parameters), the newer one a header (ACS3-HMAC-SHA256)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from ..messages import Call

SAFE = "-_.~"
NEWER = "ACS3-HMAC-SHA256"
HEADER = re.compile(r"ACS3-HMAC-SHA256 Credential=([^,]*),\s*SignedHeaders=([^,]*),\s*Signature=([0-9a-f]*)")
# What the newer form has in headers, and the older one in parameters.
HEADERS = {
    "Action": "x-acs-action",
    "Version": "x-acs-version",
    "Timestamp": "x-acs-date",
    "SignatureNonce": "x-acs-signature-nonce",
    "SecurityToken": "x-acs-security-token",
}


@dataclass(frozen=True)
class Signed:
    """One request: its parameters, those of the protocol among them, and what the signature is over."""

    parameters: Mapping[str, str]
    text: str

    def is_by(self, secret: str) -> bool:
        """Whether the signature was made with this secret."""
        if self.parameters.get("SignatureMethod") == NEWER:
            wanted = hmac.new(secret.encode(), self.text.encode(), hashlib.sha256).hexdigest()
        else:
            wanted = sign(secret, self.text)
        return hmac.compare_digest(wanted.encode(), self.parameters.get("Signature", "").encode())


def read(call: Call) -> Signed:
    """A request as it came."""
    with_form = call.body and (call.is_form or not call.headers.get("content-type"))
    query = parse_qsl(call.raw_query, keep_blank_values=True)
    given = dict(query + (call.form if with_form else []))
    if not call.headers.get("authorization", "").startswith(NEWER):
        return Signed(given, string_to_sign(call.method, given))
    given.update({name: call.headers[header] for name, header in HEADERS.items() if header in call.headers})
    match = HEADER.fullmatch(call.headers["authorization"])
    if match is None:
        return Signed(given, "")
    given.update(AccessKeyId=match[1], Signature=match[3], SignatureMethod=NEWER, SignatureVersion="3")
    return Signed(given, _newer_text(call, query, match[2].split(";")))


def encode(text: str) -> str:
    """Percent-encoding with nothing but letters, digits and -_.~ left as it is."""
    return quote(text, safe=SAFE)


def string_to_sign(method: str, parameters: Mapping[str, str]) -> str:
    """What the older signature is over: all parameters of query and form but the signature itself."""
    canonical = "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(parameters.items()) if name != "Signature")
    return f"{method}&%2F&{encode(canonical)}"


def sign(secret: str, text: str) -> str:
    """The older signature in base64."""
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()).decode()


def _newer_text(call: Call, query: list[tuple[str, str]], names: list[str]) -> str:
    headers = "".join(f"{name}:{call.headers.get(name, '').strip()}\n" for name in names)
    texts = [call.method, call.raw_path or "/", "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(query)), headers, ";".join(names)]
    canonical = "\n".join([*texts, hashlib.sha256(call.body).hexdigest()])
    return f"{NEWER}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
