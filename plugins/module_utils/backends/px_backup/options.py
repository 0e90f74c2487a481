# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of PX-Backup, under the names that its users already have."""

from __future__ import annotations

from ...core.model import CREATE, DELETE, INSPECT_ALL, INSPECT_ONE, OPERATIONS
from ...core.options import Option

_REF = {"options": {"name": {"type": "str"}, "uid": {"type": "str"}}}
_SSL_CONFIG = {
    "options": {
        "validate_certs": {"type": "bool"},
        "ca_cert": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path", "no_log": False},
    }
}
_RESOURCE = ("name", "namespace", "group", "kind", "version")
_ACCESS = {"type": "list", "elements": "dict"}
_OWNERSHIP = {
    "options": {
        "owner": {"type": "str"},
        "groups": {**_ACCESS, "options": {"id": {"type": "str", "required": True}, "access": {"type": "str", "choices": ["Read", "Write", "Admin"]}}},
        "collaborators": {**_ACCESS, "options": {"id": {"type": "str", "required": True}, "access": {"type": "str", "choices": ["Read", "Write", "Admin"]}}},
        "public": {"type": "dict", "options": {"type": {"type": "str", "choices": ["Read", "Write", "Admin"]}}},
    }
}
_SHARED_WITH = {
    **_ACCESS,
    "options": {
        "id": {"type": "str", "required": True},
        "access": {"type": "str", "required": True, "choices": ["Invalid", "View", "Restorable", "FullAccess"]},
    },
}


def _on(*operations: str, **given: object) -> Option:
    return Option(operations=operations, **given)  # type: ignore[arg-type]


def _reference(*operations: str, required: bool = False) -> Option:
    return Option(type="dict", operations=operations, required_for=(CREATE,) if required else (), spec=_REF)


def _words(*operations: str, selects: bool = False) -> Option:
    return Option(type="list", operations=operations, selects=selects, spec={"elements": "str"})


def _resources(required: bool) -> Option:
    entry = {name: {"type": "str", "required": True} if required else {"type": "str"} for name in _RESOURCE}
    return Option(type="list", operations=(CREATE,), spec={"elements": "dict", "options": entry})


CONNECTION: dict[str, Option] = {
    "api_url": Option(required_for=OPERATIONS, env=("PX_BACKUP_API_URL",)),
    "org_id": Option(required_for=OPERATIONS, env=("PX_BACKUP_ORG_ID",)),
    "token": Option(way="token", secret=True, env=("PX_BACKUP_TOKEN",)),
    "auth_url": Option(way="login", env=("PX_BACKUP_AUTH_URL",)),
    "username": Option(way="login", env=("PX_BACKUP_USERNAME",)),
    "password": Option(way="login", secret=True, env=("PX_BACKUP_PASSWORD",)),
    "ssl_config": Option(type="dict", spec=_SSL_CONFIG),
}

_BOTH: dict[str, Option] = {
    **CONNECTION,
    "name": Option(operations=(CREATE, DELETE, INSPECT_ONE), required_for=(CREATE,)),
    "cluster": _on(CREATE),
    "accept_partial": Option(type="bool", operations=(CREATE,), spec={"default": True}),
    "replace_failed": Option(type="bool", operations=(CREATE,), spec={"default": False}),
    "ownership": Option(type="dict", operations=(CREATE,), spec=_OWNERSHIP),
    "owners": _words(INSPECT_ALL, selects=True),
    "cluster_name_filter": _on(INSPECT_ALL, selects=True),
    "cluster_uid_filter": _on(INSPECT_ALL, selects=True),
    "include_detailed_resources": Option(type="bool", operations=(INSPECT_ALL,), spec={"default": False}),
    "backup_object_type": Option(type="raw", operations=(CREATE, INSPECT_ALL)),
}

RESTORE: dict[str, Option] = {
    **_BOTH,
    "backup_ref": _reference(CREATE, required=True),
    "cluster_ref": _reference(CREATE),
    "namespace_mapping": _on(CREATE, type="dict"),
    "storage_class_mapping": _on(CREATE, type="dict"),
    "rancher_project_mapping": _on(CREATE, type="dict"),
    "rancher_project_name_mapping": _on(CREATE, type="dict"),
    "include_resources": _resources(required=True),
    "replace_policy": _on(CREATE, spec={"choices": ["Invalid", "Retain", "Delete"]}),
}

BACKUP: dict[str, Option] = {
    **_BOTH,
    "backup_location_ref": _reference(CREATE, required=True),
    # The API wants to know, when a backup is deleted, which cluster of that name is meant.
    "cluster_ref": _reference(CREATE, DELETE),
    "pre_exec_rule_ref": _reference(CREATE),
    "post_exec_rule_ref": _reference(CREATE),
    "volume_resource_only_policy_ref": _reference(CREATE),
    "namespaces": _words(CREATE),
    "resource_types": _words(CREATE),
    "exclude_resource_types": _words(CREATE),
    "label_selectors": _on(CREATE, type="dict"),
    "ns_label_selectors": _on(CREATE),
    "advanced_resource_label_selector": _on(CREATE),
    "volume_snapshot_class_mapping": _on(CREATE, type="dict"),
    "include_resources": _resources(required=False),
    "backup_type": _on(CREATE, spec={"choices": ["Generic", "Normal"]}),
    "skip_vm_auto_exec_rules": _on(CREATE, type="bool"),
    "direct_kdmp": _on(CREATE, type="bool"),
    "keep_cr_status": _on(CREATE, type="bool"),
    "schedule_policy_ref": Option(
        type="list",
        operations=(INSPECT_ALL,),
        selects=True,
        spec={"elements": "dict", "options": {"name": {"type": "str", "required": True}, "uid": {"type": "str"}}},
    ),
    "backup_schedule_ref": Option(
        type="list",
        operations=(INSPECT_ALL,),
        selects=True,
        spec={"elements": "dict", "options": {"name": {"type": "str", "required": True}, "uid": {"type": "str"}}},
    ),
    "sort_option": Option(
        type="dict",
        operations=(INSPECT_ALL,),
        spec={
            "options": {
                "sort_by": {
                    "type": "str",
                    "default": "CreationTimestamp",
                    "choices": ["CreationTimestamp", "Name", "ClusterName", "Size", "RestoreBackupName"],
                },
                "sort_order": {"type": "str", "default": "Descending", "choices": ["Ascending", "Descending"]},
            }
        },
    ),
    # Accepted so that tasks of the PX-Backup collection run as they are: the API's create call has no such field.
    "cloud_credential_ref": _reference(),
    "parallel_backup": Option(type="bool", operations=(), spec={"default": False}),
    "backup_share": Option(type="dict", operations=(), spec={"options": {"collaborators": _SHARED_WITH, "groups": _SHARED_WITH}}),
}
