# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The signature of an RPC request (HMAC-SHA1 over its sorted parameters), as the vendor describes it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

SAFE = "-_.~"


def encode(text: str) -> str:
    """Percent-encoding with nothing but letters, digits and -_.~ left as it is."""
    return quote(text, safe=SAFE)


def string_to_sign(method: str, parameters: Mapping[str, str]) -> str:
    """What is signed: all parameters of query and form but the signature itself."""
    canonical = "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(parameters.items()) if name != "Signature")
    return f"{method}&%2F&{encode(canonical)}"


def sign(secret: str, text: str) -> str:
    """The signature in base64."""
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()).decode()
