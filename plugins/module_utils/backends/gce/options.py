# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of Compute Engine: the connection, and what snapshots, backups and restores have beside the options that all clouds share."""

from __future__ import annotations

from ...core.model import CREATE, DELETE, INSPECT_ALL, INSPECT_ONE, OPERATIONS
from ...core.options import Option
from ...recovery import options as shared
from ...recovery.options import RETENTION, on

CONNECTION: dict[str, Option] = {
    "project_id": Option(required_for=OPERATIONS, env=("GCP_PROJECT",), spec={"aliases": ["project"]}),
    "zone": Option(env=("GCP_ZONE",)),
    "region": Option(env=("GCP_REGION",)),
    "service_account_file": Option(type="path", way="file", env=("GCP_SERVICE_ACCOUNT_FILE",)),
    "service_account_contents": Option(
        type="raw",
        way="contents",
        secret=True,
        secret_parts=("private_key", "private_key_id"),
        env=("GCP_SERVICE_ACCOUNT_CONTENTS",),
    ),
    "access_token": Option(way="token", secret=True, env=("GCP_ACCESS_TOKEN",)),
    "api_url": Option(env=("GCE_API_URL",)),
}

SNAPSHOT: dict[str, Option] = {
    **CONNECTION,
    # The provider chooses the id.
    "uid": Option(operations=(DELETE, INSPECT_ONE)),
    "source_disk": Option(operations=(CREATE, DELETE, INSPECT_ALL), required_for=(CREATE,), selects=True, spec={"aliases": ["disk_id", "source_volume"]}),
    "min_age": Option(type="int", operations=(CREATE,), minimum=1, maximum=525_600),
    "description": Option(operations=(CREATE,)),
    "retention_days": Option(type="int", operations=(CREATE,), minimum=1, maximum=36_500),
    "storage_location": Option(operations=(CREATE,)),
    "guest_flush": Option(type="bool", operations=(CREATE,)),
    "snapshot_type": Option(operations=(CREATE,), spec={"choices": ["STANDARD", "ARCHIVE"]}),
    "kms_key": Option(operations=(CREATE,), spec={"no_log": False}),
    "disk_encryption_keys": Option(type="dict", operations=(CREATE,), secret=True),
    "retention": Option(type="dict", operations=(DELETE,), selects=True, spec=RETENTION),
    "all_snapshots": Option(type="bool", operations=(DELETE,), selects=True, spec={"default": False}),
    "include_scheduled": Option(type="bool", operations=(DELETE,), selects=True, spec={"default": False}),
}

_VM: dict[str, Option] = {
    **CONNECTION,
    "zone": Option(required_for=OPERATIONS, env=("GCP_ZONE",)),
    # A zone says its region; the environment may have one for other tasks.
    "region": Option(operations=(), env=("GCP_REGION",)),
}

VM_BACKUP: dict[str, Option] = {
    **_VM,
    **shared.VM_BACKUP,
    "method": on(CREATE, spec={"choices": ["snapshot", "image", "machine_image"], "default": "snapshot"}),
    "image_family": on(CREATE),
    "storage_location": on(CREATE),
}

VM_RESTORE: dict[str, Option] = {
    **_VM,
    **shared.VM_RESTORE,
    "snapshots": on(CREATE, type="dict"),
    "source_image": on(CREATE),
    "image_family": on(CREATE),
    "strategy": on(CREATE, spec={"choices": ["in_place", "replace", "new"], "default": "in_place"}),
    "new_zone": Option(operations=OPERATIONS),
}
