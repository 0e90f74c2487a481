# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of Alibaba Cloud ECS: the connection."""

from __future__ import annotations

from ...core.model import OPERATIONS
from ...core.options import Option

CONNECTION: dict[str, Option] = {
    "region": Option(required_for=OPERATIONS, env=("ALIBABA_CLOUD_REGION_ID", "ALICLOUD_REGION")),
    "access_key_id": Option(way="key", env=("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY")),
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
