"""What the demos of all clouds share: the bytes that they write, and how they compare what came back."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

IMAGE_BYTES = 2 * 1024 * 1024
BLOCK = 64 * 1024
WHEN = "1772330400"
UUID = "6d756c74-6963-6c6f-7564-2d7265636f76"
ORDERS = "".join(f"order {number}: {number * 3} apples\n" for number in range(1, 2001))


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """What is to be written to a disk that holds zeros, with the offset of each part."""
    for offset in range(0, len(data), BLOCK):
        block = data[offset : offset + BLOCK]
        if block.strip(b"\0"):
            yield offset, block


def as_it_should_be(device: str) -> bytes:
    return f"{device} as it should be\n".encode() * 500


def encrypted(device: str) -> bytes:
    return f"your files on {device} are encrypted\n".encode() * 500


def fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field with its path; one that is empty counts as a field."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            # A device name may hold a dot.
            yield from fields(part, f"{path}.{str(name).replace('.', '_')}".lstrip("."))
    elif isinstance(value, list) and value:
        for number, part in enumerate(value):
            yield from fields(part, f"{path}.{number}")
    else:
        yield path, value


def compare(expected: Mapping[str, Any], found: Mapping[str, Any], allowed: Mapping[str, str], address: re.Pattern[str]) -> tuple[list[str], str]:
    """The differences that are not allowed, that of bytes never is; and in a line what was compared. ``address`` is the path of an address."""
    before, after = (dict(fields({"vm": side["vm"], "disk": side["disk"]})) for side in (expected, found))
    differences = [f"the bytes of {device} differ" for device in sorted({*expected["bytes"], *found["bytes"]}) if _differ(expected, found, device)]
    changed = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    wrong = [path for path in changed if not any(re.fullmatch(pattern, path) for pattern in allowed)]
    differences += [f"{path}: {before.get(path)!r} became {after.get(path)!r}" for path in wrong]
    addresses = [{path: value for path, value in side.items() if address.fullmatch(path)} for side in (before, after)]
    kept = "same addresses" if addresses[0] == addresses[1] else "addresses of its own"
    equal = len({*before, *after}) - len(changed)
    count = len(found["bytes"])
    return differences, f"{count} disk{'s' * (count != 1)} equal to the byte, {equal} fields equal, {len(changed)} exempt, {kept}"


def _differ(expected: Mapping[str, Any], found: Mapping[str, Any], device: str) -> bool:
    return device not in expected["bytes"] or expected["bytes"][device] != found["bytes"].get(device)


def file_system() -> tuple[bytes, str]:
    """An ext4 file system with a file in it where mke2fs is there, else the file itself; and in a word which."""
    mke2fs = shutil.which("mke2fs", path=os.pathsep.join([os.environ.get("PATH", ""), "/sbin", "/usr/sbin"]))
    if not mke2fs:
        return ORDERS.encode(), "text"
    with tempfile.TemporaryDirectory() as folder:
        tree, image = Path(folder) / "tree", Path(folder) / "image"
        tree.mkdir()
        (tree / "orders.txt").write_text(ORDERS)
        for path in (tree / "orders.txt", tree):
            os.utime(path, (int(WHEN), int(WHEN)))
        image.touch()
        os.truncate(image, IMAGE_BYTES)
        command = [
            mke2fs,
            "-q",
            "-F",
            "-t",
            "ext4",
            "-O",
            "^has_journal",
            "-U",
            UUID,
            "-E",
            f"hash_seed={UUID},lazy_itable_init=0",
            "-d",
            str(tree),
            str(image),
        ]
        environment = {**os.environ, "E2FSPROGS_FAKE_TIME": WHEN, "SOURCE_DATE_EPOCH": WHEN}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return image.read_bytes(), "ext4"
