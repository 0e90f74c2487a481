# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labels that only recovery of VMs uses, and the filters that find them."""

from __future__ import annotations

from collections.abc import Mapping

# Which try at a backup a member belongs to; which manifest describes its VM; how a restore went about it; old disks of a restore that is complete.
ATTEMPT, MANIFEST, STRATEGY, KEPT = "mcr-attempt", "mcr-manifest", "mcr-strategy", "mcr-kept"

# What stands before the name of a task in the label that says what a lock is for.
RESTORING, SAVING = "restore_", "backup_"


def all_of(labels: Mapping[str, str | None], having: str = "") -> str:
    """A list filter: every label that is not None must match, ``having`` must be there with any value."""
    terms = [f'labels.{key}="{value}"' for key, value in labels.items() if value is not None]
    return " AND ".join([*terms, *([f"labels.{having}:*"] if having else [])])
