# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of what PX-Backup says, also when it leaves out what is zero."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.px_backup.records import BACKUP_SHAPE, RESTORE_SHAPE, Shape, record_of
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import STATUSES

SHAPES = [RESTORE_SHAPE, BACKUP_SHAPE]


@pytest.mark.parametrize("shape", SHAPES)
def test_empty_object_has_the_keys_of_a_full_one(shape: Shape) -> None:
    info: dict[str, Any] = {**dict.fromkeys(shape.fields), "status": {"status": "Success", "reason": "fine"}, "total_size": "7", "resource_count": "3"}
    full = {"metadata": {"name": "n", "uid": "u", "org_id": "o", "labels": {"a": "b"}, "create_time": "2026-01-01T00:00:00Z"}, shape.info_key: info}
    assert record_of(shape, {}).as_result().keys() == record_of(shape, full).as_result().keys()
    assert {"metadata", shape.info_key} <= record_of(shape, {}).as_result().keys()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("status", "word"),
    [
        (None, "pending"),
        ({}, "pending"),
        ({"status": ""}, "pending"),
        ({"status": "Pending"}, "pending"),
        ({"status": "InProgress"}, "running"),
        ({"status": "NewerThanThis"}, "running"),
        ({"status": "Success"}, "succeeded"),
        ({"status": "PartialSuccess"}, "partial"),
        ({"status": "Failed"}, "failed"),
        ({"status": "Aborted"}, "failed"),
        ({"status": "Invalid"}, "failed"),
        ({"status": "Deleting"}, "deleting"),
    ],
)
def test_status_in_common_words(shape: Shape, status: Any, word: str) -> None:
    assert record_of(shape, {"metadata": {}, shape.info_key: {"status": status}}).status == word


@pytest.mark.parametrize(
    ("shape", "theirs", "word"),
    [
        (RESTORE_SHAPE, "Retained", "succeeded"),
        (BACKUP_SHAPE, "Captured", "running"),
        (BACKUP_SHAPE, "DeletePending", "deleting"),
        (BACKUP_SHAPE, "CloudBackupMissing", "failed"),
    ],
)
def test_status_that_only_one_kind_has(shape: Shape, theirs: str, word: str) -> None:
    assert record_of(shape, {shape.info_key: {"status": {"status": theirs}}}).status == word


@pytest.mark.parametrize("shape", SHAPES)
def test_every_status_is_a_common_one(shape: Shape) -> None:
    assert set(shape.statuses.values()) == set(STATUSES)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("2026-03-01T02:00:07Z", "2026-03-01T02:00:07Z"), ("2026-03-01T04:00:07.123456789+02:00", "2026-03-01T02:00:07Z"), (None, None), ("", None)],
)
def test_time_is_in_utc(sent: Any, shown: Any) -> None:
    assert record_of(RESTORE_SHAPE, {"metadata": {"create_time": sent}}).created_at == shown


def test_sizes_are_numbers_and_types_are_words() -> None:
    info = {"total_size": "9223372036854775807", "resource_count": "", "backup_type": {"type": "Normal"}, "backup_object_type": "All"}
    result = record_of(BACKUP_SHAPE, {"backup_info": info}).as_result()
    assert (result["total_size"], result["resource_count"], result["backup_type"], result["backup_object_type"]) == (9223372036854775807, 0, "Normal", "All")
    assert result["backup_info"] == info


def test_difference_shows_no_wire_shape() -> None:
    shown = record_of(RESTORE_SHAPE, {"metadata": {"name": "n"}, "restore_info": {"status": {"status": "Success"}}}).as_diff()
    assert "metadata" not in shown
    assert "restore_info" not in shown
    assert list(shown)[:6] == ["name", "uid", "provider", "status", "created_at", "tags"]
