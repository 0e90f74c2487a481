# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that say where the provider is and how it is reached."""

    DOCUMENTATION = r"""
options:
  api_url:
    description:
      - The address of the provider's API.
      - (px_backup) The REST port of PX-Backup, as V(https://px-backup.example.com:10001); required. Without a scheme, V(http://) is assumed
        and a warning is given. The environment variable E(PX_BACKUP_API_URL) stands in for it.
      - (gce) Where Compute Engine is reached, as V(https://compute.googleapis.com), which is the default; for an endpoint of Private Service
        Connect. The environment variable E(GCE_API_URL) stands in for it.
      - (alibaba_ecs) Where ECS is reached, as V(https://ecs.cn-hangzhou.aliyuncs.com). The default is the address of the region. The environment
        variable E(ALIBABA_ECS_API_URL) stands in for it.
    type: str
  validate_certs:
    description: Whether the server's certificate is verified.
    type: bool
    default: true
  ca_path:
    description: A file of PEM certificates to verify the server with, instead of those of the system.
    type: path
  client_cert:
    description: A PEM file with the certificate to identify with, and its key if O(client_key) is not given.
    type: path
  client_key:
    description: A PEM file with the key of O(client_cert).
    type: path
  request_timeout:
    description:
      - The longest time in seconds for one answer, from connecting to its last byte, V(1) to V(600).
      - An answer of more than 64 MiB, unpacked, is not read, and the task fails.
    type: int
    default: 30
  retries:
    description:
      - How often a request is repeated that failed for a passing reason, V(0) to V(100).
      - Only what is safe to repeat is repeated. The pauses grow, and a C(Retry-After) header is obeyed.
    type: int
    default: 5
notes:
  - Proxies are taken from E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY) in the environment of the module.
"""

    LOCATION = r"""
options:
  region:
    description:
      - (gce, alibaba_ecs) The region.
      - (gce) As V(europe-west1), of what belongs to a whole region. The environment variable E(GCP_REGION) stands in for it.
      - (alibaba_ecs) As V(cn-hangzhou). Required. The environment variables E(ALIBABA_CLOUD_REGION_ID) and E(ALICLOUD_REGION) stand in for it.
    type: str
  zone:
    description:
      - (gce) The zone, as V(europe-west1-b), of what belongs to one zone. The environment variable E(GCP_ZONE) stands in for it.
    type: str
"""
