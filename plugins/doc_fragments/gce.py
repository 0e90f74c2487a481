# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Compute Engine: the connection. Where in it is in the fragment place.location."""

    DOCUMENTATION = r"""
options:
  project_id:
    description:
      - (gce) The id of the project. Required.
      - The environment variable E(GCP_PROJECT) stands in for it.
    type: str
    aliases: [project]
  service_account_file:
    description:
      - (gce) The file with the key of a service account, in JSON.
      - Give one of O(service_account_file), O(service_account_contents) and O(access_token). Without any of them, Application Default
        Credentials are used, which are those of the machine, or those that E(GOOGLE_APPLICATION_CREDENTIALS) names.
      - The environment variable E(GCP_SERVICE_ACCOUNT_FILE) stands in for it.
    type: path
  service_account_contents:
    description:
      - (gce) The key of a service account itself, as JSON or as a dictionary.
      - The environment variable E(GCP_SERVICE_ACCOUNT_CONTENTS) stands in for it.
    type: raw
  access_token:
    description:
      - (gce) An OAuth 2.0 access token. It is not renewed, so that it must outlast the task.
      - The environment variable E(GCP_ACCESS_TOKEN) stands in for it.
    type: str
notes:
  - (gce) Needs the Python library C(google-cloud-compute) where the module runs.
"""
