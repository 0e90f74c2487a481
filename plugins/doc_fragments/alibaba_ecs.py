# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Alibaba Cloud ECS: the connection."""

    DOCUMENTATION = r"""
options:
  access_key_id:
    description:
      - (alibaba_ecs) The id of an access key. Give it with O(access_key_secret), or give O(ecs_ram_role).
      - The environment variables E(ALIBABA_CLOUD_ACCESS_KEY_ID) and E(ALICLOUD_ACCESS_KEY) stand in for it.
    type: str
  access_key_secret:
    description:
      - (alibaba_ecs) The secret of O(access_key_id).
      - The environment variables E(ALIBABA_CLOUD_ACCESS_KEY_SECRET) and E(ALICLOUD_SECRET_KEY) stand in for it.
    type: str
  security_token:
    description:
      - (alibaba_ecs) The STS token that belongs to O(access_key_id) when that is a temporary key. It is not renewed, so that it must outlast the
        task.
      - The environment variables E(ALIBABA_CLOUD_SECURITY_TOKEN) and E(ALICLOUD_SECURITY_TOKEN) stand in for it.
    type: str
  ecs_ram_role:
    description:
      - (alibaba_ecs) The RAM role of the ECS instance that the module runs on, whose keys the metadata service gives and renews; V(auto) asks
        for its name.
      - The environment variables E(ALIBABA_CLOUD_ECS_METADATA) and E(ALICLOUD_ECS_ROLE_NAME) stand in for it.
    type: str
  role_arn:
    description:
      - (alibaba_ecs) The ARN of a RAM role to assume, as V(acs:ram::123456789012:role/recovery). Its keys are renewed in long waits.
      - The environment variables E(ALIBABA_CLOUD_ROLE_ARN) and E(ALICLOUD_ASSUME_ROLE_ARN) stand in for it.
    type: str
  role_session_name:
    description:
      - (alibaba_ecs) The name under which the session with O(role_arn) stands in the audit log.
      - The environment variables E(ALIBABA_CLOUD_ROLE_SESSION_NAME) and E(ALICLOUD_ASSUME_ROLE_SESSION_NAME) stand in for it.
    type: str
  external_id:
    description:
      - (alibaba_ecs) The external id that the trust policy of O(role_arn) asks for.
      - The environment variables E(ALIBABA_CLOUD_EXTERNAL_ID) and E(ALICLOUD_ASSUME_ROLE_EXTERNAL_ID) stand in for it.
    type: str
  role_duration:
    description: (alibaba_ecs) How long the keys of O(role_arn) are valid before they are renewed, in seconds, V(900) to V(43200).
    type: int
    default: 3600
  sts_url:
    description:
      - (alibaba_ecs) The address of STS, which is asked for the keys of O(role_arn). The default is V(https://sts.aliyuncs.com).
      - The environment variable E(ALIBABA_STS_API_URL) stands in for it.
    type: str
notes:
  - (alibaba_ecs) Needs the Python library C(aliyun-python-sdk-ecs) where the module runs, and C(aliyun-python-sdk-sts) for O(role_arn).
"""
