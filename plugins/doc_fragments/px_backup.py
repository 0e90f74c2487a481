# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """PX-Backup: the connection, and what its backups and restores have in common."""

    DOCUMENTATION = r"""
options:
  org_id:
    description:
      - (px_backup) The organization, often V(default). Required.
      - The environment variable E(PX_BACKUP_ORG_ID) stands in for it.
    type: str
  token:
    description:
      - (px_backup) A bearer token. Required, unless O(auth_url), O(username) and O(password) are given.
      - When both are given, the token is used until the server refuses it, and then renewed.
      - The environment variable E(PX_BACKUP_TOKEN) stands in for it.
    type: str
  auth_url:
    description:
      - (px_backup) The address of PX-Backup's login, without the path C(/auth/realms/...). Tokens are fetched there, and renewed during
        long waits.
      - The environment variable E(PX_BACKUP_AUTH_URL) stands in for it.
    type: str
  username:
    description:
      - (px_backup) The user to log in as at O(auth_url).
      - The environment variable E(PX_BACKUP_USERNAME) stands in for it.
    type: str
  password:
    description:
      - (px_backup) The password of O(username).
      - The environment variable E(PX_BACKUP_PASSWORD) stands in for it.
    type: str
  ssl_config:
    description: (px_backup) The TLS options as one dictionary, as the PX-Backup collection has them. Each may be given here or on its own.
    type: dict
    suboptions:
      validate_certs:
        description: The same as O(validate_certs).
        type: bool
      ca_cert:
        description: The same as O(ca_path).
        type: path
      client_cert:
        description: The same as O(client_cert).
        type: path
      client_key:
        description: The same as O(client_key).
        type: path
"""

    OBJECTS = r"""
options:
  cluster:
    description:
      - (px_backup) On O(operation=CREATE), the cluster by name or by uid; another way to give O(cluster_ref).
    type: str
  accept_partial:
    description:
      - (px_backup) On O(operation=CREATE), whether an end as C(PartialSuccess) is accepted, with a warning.
      - With V(false) the task fails then. What was made is left as it is.
    type: bool
    default: true
  replace_failed:
    description:
      - (px_backup) On O(operation=CREATE), whether one of the same name that has failed is deleted first and made again.
      - Everything that the new one needs is checked before the failed one is deleted.
      - One whose data is only not found in the backup location (C(CloudBackupMissing)) is never replaced.
    type: bool
    default: false
  ownership:
    description: (px_backup) On O(operation=CREATE), who owns it and who else may use it.
    type: dict
    suboptions:
      owner:
        description: The uid of the owner.
        type: str
      groups:
        description: The groups with access.
        type: list
        elements: dict
        suboptions: &access
          id:
            description: The uid of the group or user.
            type: str
            required: true
          access:
            description: What they may do.
            type: str
            choices: [Read, Write, Admin]
      collaborators:
        description: The users with access.
        type: list
        elements: dict
        suboptions: *access
      public:
        description: The access of everybody else.
        type: dict
        suboptions:
          type:
            description: What they may do.
            type: str
            choices: [Read, Write, Admin]
  owners:
    description: (px_backup) On O(operation=INSPECT_ALL), the uids of the owners.
    type: list
    elements: str
  cluster_name_filter:
    description: (px_backup) On O(operation=INSPECT_ALL), a part of the cluster's name.
    type: str
  cluster_uid_filter:
    description: (px_backup) On O(operation=INSPECT_ALL), the uid of the cluster.
    type: str
  include_detailed_resources:
    description: (px_backup) On O(operation=INSPECT_ALL), whether each record lists all its resources.
    type: bool
    default: false
  backup_object_type:
    description:
      - (px_backup) The type of objects, one of V(All), V(VirtualMachine) and V(Invalid), which means not set.
      - Text, or a dictionary with the only key C(type).
      - On O(operation=CREATE) what is taken; on O(operation=INSPECT_ALL) a filter.
    type: raw
requirements:
  - requests >= 2.28 (px_backup)
  - PX-Backup 2.8.1 or later (px_backup)
"""
