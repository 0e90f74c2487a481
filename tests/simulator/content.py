# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a disk holds: real bytes, sparse, shared between a disk and everything made from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property

BLOCK = 4096
ZEROS = bytes(BLOCK)


class Content:
    """Bytes that never change; writing gives a new one that shares the other blocks. Blocks of zeros are not kept."""

    def __init__(self, blocks: Mapping[int, bytes] | None = None) -> None:
        self._blocks: dict[int, bytes] = dict(blocks or {})

    @classmethod
    def of(cls, data: bytes, offset: int = 0) -> Content:
        """Content that has some bytes at an offset, and zeros everywhere else."""
        return cls().written(offset, data)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from an offset on; beyond what was written there are zeros."""
        first, last = offset // BLOCK, (offset + length + BLOCK - 1) // BLOCK
        joined = b"".join(self._blocks.get(number, ZEROS) for number in range(first, last))
        return joined[offset - first * BLOCK :][:length]

    def written(self, offset: int, data: bytes) -> Content:
        """The content after a write."""
        blocks = dict(self._blocks)
        position = 0
        while position < len(data):
            number, start = divmod(offset + position, BLOCK)
            part = data[position : position + BLOCK - start]
            old = blocks.get(number, ZEROS)
            new = old[:start] + part + old[start + len(part) :]
            if new == ZEROS:
                blocks.pop(number, None)
            else:
                blocks[number] = new
            position += len(part)
        return Content(blocks)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the blocks that are not zero, with their places: a disk that is larger but has the same bytes has the same digest. "" for all zeros."""
        if not self._blocks:
            return ""
        whole = hashlib.sha256()
        for number in sorted(self._blocks):
            whole.update(number.to_bytes(8, "big") + self._blocks[number])
        return whole.hexdigest()

    @property
    def size(self) -> int:
        """Bytes that are really kept."""
        return len(self._blocks) * BLOCK


EMPTY = Content()
