# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: a VM's configuration as its provider gave it, kept with the recovery points, so that a VM that is gone can be rebuilt."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import InvalidRequest
from .naming import digest

Document = dict[str, Any]

VERSION = 1
HIDDEN = "(hidden)"
# No VM's configuration is nested deeper, and a document that is must not exhaust the stack.
_DEEPEST = 40


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
    """The document to be shown: the texts below the members named ``sensitive`` are hidden, keys stay.

    No digest stands in for them: a short password could be found by trying.
    """
    shown: Document = _shown(document, sensitive, hide=False)
    return shown


def _shown(value: Any, sensitive: Collection[str], *, hide: bool) -> Any:
    if isinstance(value, Mapping):
        # In a list of pairs the key is no secret: it is how the values are told apart.
        return {key: _shown(part, sensitive, hide=hide and key != "key" or key in sensitive) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(part, sensitive, hide=hide) for part in value]
    return HIDDEN if hide and isinstance(value, str) else value


def write_file(directory: str, name: str, document: Mapping[str, Any]) -> str:
    """Write the full document, readable by its owner alone, and give its path; the file is there whole or not at all. Raises InvalidRequest."""
    target = Path(directory) / f"{name}.json"
    part = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A file, or a link, that somebody has put there is not written to.
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=2, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError as error:
        raise InvalidRequest(f"manifest_dir: {target} cannot be written: {error.strerror}.") from error
    return str(target)


def read_file(path: str) -> Any:
    """The JSON value in a file. Raises InvalidRequest."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"manifest_file: {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"manifest_file: {path} holds no JSON: {error}.") from error


def checked(option: str, document: Any, problem: Callable[[Document], str]) -> Document:
    """The document when it is a manifest of ours; ``problem`` says what is wrong with the provider's part of it. Raises InvalidRequest."""
    found = _problem(document) or problem(document)
    if found:
        raise InvalidRequest(f"{option} is no manifest: {found}, as the file that backup writes to manifest_dir has it.")
    checked_document: Document = document
    return checked_document


def _problem(document: Any) -> str:
    """Why it is no manifest; empty when nothing is wrong with what all providers share."""
    if _depth(document) > _DEEPEST:
        return f"it is nested more than {_DEEPEST} levels deep; it must be a flat document"
    if not isinstance(document, dict) or document.get("version") != VERSION:
        version = f", not {document['version']!r}" if isinstance(document, dict) and "version" in document else ""
        return f'it must have "version": {VERSION}{version}'
    if not all(isinstance(document.get(member, ""), str) for member in ("vm", "zone", "uid", "provider")):
        return "vm, zone, uid and provider must be texts"
    return ""


def _depth(document: Any) -> int:
    """How deeply it is nested, found without recursion."""
    depth, level = 0, [document]
    while level and depth <= _DEEPEST:
        level = [part for value in level for part in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())]
        depth += 1
    return depth
