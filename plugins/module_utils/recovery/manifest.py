# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: a VM's configuration as its provider gave it, kept with the recovery points, so that a VM that is gone can be rebuilt."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import InvalidRequest
from .naming import digest

Document = dict[str, Any]

VERSION = 1


def compact(document: Mapping[str, Any]) -> str:
    """The document as JSON, as short as it gets and always in the same order."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def fingerprint(document: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that name the content."""
    return digest(compact(document))


def without(value: Any, names: Collection[str]) -> Any:
    """A copy of a JSON value without the object members of these names, at any depth."""
    if isinstance(value, Mapping):
        return {key: without(part, names) for key, part in value.items() if key not in names}
    if isinstance(value, (list, tuple)):
        return [without(part, names) for part in value]
    return value


def without_secrets(document: Document, sensitive: Collection[str]) -> Document:
    """The document to be shown: the values below the members named ``sensitive`` are replaced by digests, keys stay."""
    shown: Document = _shown(document, sensitive, hide=False)
    return shown


def _shown(value: Any, sensitive: Collection[str], *, hide: bool) -> Any:
    if isinstance(value, Mapping):
        # In a list of pairs the key is no secret: it is how the values are told apart.
        return {key: _shown(part, sensitive, hide=hide and key != "key" or key in sensitive) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(part, sensitive, hide=hide) for part in value]
    return f"sha256:{digest(str(value))}" if hide and isinstance(value, str) else value


def write_file(directory: str, name: str, document: Mapping[str, Any]) -> str:
    """Write the full document, readable by its owner alone, and give its path; the file is there whole or not at all. Raises InvalidRequest."""
    target = Path(directory) / f"{name}.json"
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=2, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError as error:
        raise InvalidRequest(f"manifest_dir: {target} cannot be written: {error.strerror}.") from error
    return str(target)


def read_file(path: str) -> Document:
    """The document in a file. Raises InvalidRequest."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"manifest_file: {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidRequest(f"manifest_file: {path} holds no JSON: {error}.") from error
    return checked("manifest_file", document)


def checked(option: str, document: Any) -> Document:
    """The document when it is a manifest of ours. Raises InvalidRequest."""
    if not isinstance(document, dict) or document.get("version") != VERSION or not isinstance(document.get("instance"), dict):
        raise InvalidRequest(f'{option} is no manifest: it must have "version": {VERSION} and "instance", as the file that backup writes to manifest_dir has.')
    return document
