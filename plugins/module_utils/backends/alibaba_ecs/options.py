# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of Alibaba Cloud ECS: the connection, and what snapshots, backups and restores have beside the options that all clouds share."""

from __future__ import annotations

from ...core.model import CREATE, DELETE, INSPECT_ALL, OPERATIONS
from ...core.options import Option
from ...recovery import options as shared
from ...recovery.options import RETENTION, WORDS, flag, on

CONNECTION: dict[str, Option] = {
    "region": Option(required_for=OPERATIONS, env=("ALIBABA_CLOUD_REGION_ID", "ALICLOUD_REGION")),
    "access_key_id": Option(way="key", spec={"no_log": False}, env=("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY")),
    "access_key_secret": Option(way="key", secret=True, env=("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALICLOUD_SECRET_KEY")),
    "security_token": Option(way="key", secret=True, env=("ALIBABA_CLOUD_SECURITY_TOKEN", "ALICLOUD_SECURITY_TOKEN")),
    "ecs_ram_role": Option(way="instance", env=("ALIBABA_CLOUD_ECS_METADATA", "ALICLOUD_ECS_ROLE_NAME")),
    "role_arn": Option(env=("ALIBABA_CLOUD_ROLE_ARN", "ALICLOUD_ASSUME_ROLE_ARN")),
    "role_session_name": Option(env=("ALIBABA_CLOUD_ROLE_SESSION_NAME", "ALICLOUD_ASSUME_ROLE_SESSION_NAME")),
    "external_id": Option(env=("ALIBABA_CLOUD_EXTERNAL_ID", "ALICLOUD_ASSUME_ROLE_EXTERNAL_ID")),
    "role_duration": Option(type="int", minimum=900, maximum=43_200, spec={"default": 3600}),
    "api_url": Option(env=("ALIBABA_ECS_API_URL",)),
    "sts_url": Option(env=("ALIBABA_STS_API_URL",)),
}

SNAPSHOT: dict[str, Option] = {
    **CONNECTION,
    # The provider chooses the id; with it a snapshot can be given another name.
    "uid": Option(),
    "source_disk": Option(operations=(CREATE, DELETE, INSPECT_ALL), selects=True, spec={"aliases": ["disk_id", "source_volume"]}),
    "min_age": Option(type="int", operations=(CREATE,), minimum=1, maximum=525_600),
    "description": Option(operations=(CREATE,)),
    "retention_days": Option(type="int", operations=(CREATE,), minimum=1, maximum=65_536),
    "kms_key": Option(operations=(CREATE,), spec={"no_log": False}),
    "copy_to_regions": on(CREATE, **WORDS),
    "force": flag(DELETE),
    "retention": Option(type="dict", operations=(DELETE,), selects=True, spec=RETENTION),
    "all_snapshots": Option(type="bool", operations=(DELETE,), selects=True, spec={"default": False}),
    "include_scheduled": Option(type="bool", operations=(DELETE,), selects=True, spec={"default": False}),
}

VM_BACKUP: dict[str, Option] = {
    **CONNECTION,
    **{name: option for name, option in shared.VM_BACKUP.items() if name != "disk_encryption_keys"},
    "method": on(CREATE, spec={"choices": ["snapshot", "image"], "default": "snapshot"}),
    # No request makes the guest write out: what a plugin in the guest has reached is not ours to claim.
    "consistency": on(CREATE, spec={"choices": ["crash", "stopped"], "default": "crash"}),
    "image_family": on(CREATE),
}

VM_RESTORE: dict[str, Option] = {
    **CONNECTION,
    **{name: option for name, option in shared.VM_RESTORE.items() if name not in ("disk_encryption_keys", "network", "ensure_network", "preserve_external_ip")},
    "snapshots": on(CREATE, type="dict"),
    "source_image": on(CREATE),
    "image_family": on(CREATE),
    "strategy": on(CREATE, spec={"choices": ["in_place", "rollback", "replace", "new"], "default": "in_place"}),
    "safety_snapshot": flag(CREATE, default=True),
    "security_groups": on(CREATE, **WORDS),
}
