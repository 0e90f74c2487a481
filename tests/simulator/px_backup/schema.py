# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages of the PX-Backup API that the simulator reads and writes (api.proto of the 2.8 to 2.11 releases)."""

from __future__ import annotations

from .jsonpb import BOOL, INT64, STRING, STRING_MAP, STRINGS, TIMESTAMP, Enumeration, Message, Repeated

ACCESS = Enumeration(("Invalid", "Read", "Write", "Admin"))
SHARE_ACCESS = Enumeration(("Invalid", "View", "Restorable", "FullAccess"))
REPLACE_POLICY = Enumeration(("Invalid", "Retain", "Delete"))
BACKUP_TYPE = Enumeration(("Invalid", "Generic", "Normal"))
OBJECT_TYPE = Enumeration(("Invalid", "All", "VirtualMachine"))
STAGE = Enumeration(("Invalid", "Initial", "PreExecRule", "PostExecRule", "Volumes", "Applications", "Final"))
RESTORE_STEP = Enumeration(("Preparing", "Deleting", "Verifying", "Applying"))
CLUSTER_STATUS = Enumeration(("Invalid", "Online", "Offline", "DeletePending", "Pending", "Failed", "Success"))
LOCATION_STATUS = Enumeration(("Invalid", "Valid", "DeletePending", "ValidationInProgress", "ValidationFailed", "LimitedAvailability"))
LOCATION_TYPE = Enumeration(("Invalid", "S3", "Azure", "Google", "NFS"))
CREDENTIAL_TYPE = Enumeration(("Invalid", "AWS", "Azure", "Google", "IBM", "Rancher"))
RECLAIM_POLICY = Enumeration(("Invalid", "Delete", "Retain"))
RESTORE_STATUS = Enumeration(("Invalid", "Pending", "InProgress", "Aborted", "Failed", "Deleting", "Success", "Retained", "PartialSuccess"))
BACKUP_STATUS = Enumeration(
    ("Invalid", "Pending", "InProgress", "Aborted", "Failed", "Deleting", "Success", "Captured", "PartialSuccess", "DeletePending", "CloudBackupMissing")
)


def _status(names: Enumeration) -> Message:
    return Message({"status": names, "reason": STRING})


REF = Message({"name": STRING, "uid": STRING})
OBJECT_KIND = Message({"type": OBJECT_TYPE})
ACCESS_CONFIG = Message({"id": STRING, "access": ACCESS})
OWNERSHIP = Message(
    {"owner": STRING, "groups": Repeated(ACCESS_CONFIG), "collaborators": Repeated(ACCESS_CONFIG), "public": Message({"type": ACCESS})},
)
SHARE_CONFIG = Message({"id": STRING, "access": SHARE_ACCESS})
BACKUP_SHARE = Message({"groups": Repeated(SHARE_CONFIG), "collaborators": Repeated(SHARE_CONFIG)})
RESOURCE_FIELDS = {"name": STRING, "namespace": STRING, "group": STRING, "kind": STRING, "version": STRING}
RESOURCE = Message(RESOURCE_FIELDS)

CREATE_METADATA = Message(
    {"name": STRING, "org_id": STRING, "owner": STRING, "labels": STRING_MAP, "ownership": OWNERSHIP, "uid": STRING},
)
METADATA = Message(
    {
        "name": STRING,
        "uid": STRING,
        "owner": STRING,
        "org_id": STRING,
        "create_time": TIMESTAMP,
        "last_update_time": TIMESTAMP,
        "labels": STRING_MAP,
        "create_time_in_sec": INT64,
        "ownership": OWNERSHIP,
    },
)

# What the user asks for at create; everything of it is echoed in the object's info.
RESTORE_ASKED = {
    "backup": STRING,
    "cluster": STRING,
    "namespace_mapping": STRING_MAP,
    "replace_policy": REPLACE_POLICY,
    "include_optional_resource_types": STRINGS,
    "include_resources": Repeated(RESOURCE),
    "storage_class_mapping": STRING_MAP,
    "backup_ref": REF,
    "cluster_ref": REF,
    "rancher_project_mapping": STRING_MAP,
    "rancher_project_name_mapping": STRING_MAP,
    "backup_object_type": OBJECT_KIND,
}
RESTORE_CREATE = Message({"metadata": CREATE_METADATA, **RESTORE_ASKED})
RESTORED_RESOURCE = Message({**RESOURCE_FIELDS, "status": _status(RESTORE_STATUS)})
RESTORED_VOLUME = Message(
    {
        "pvc": STRING,
        "source_namespace": STRING,
        "source_volume": STRING,
        "restore_volume": STRING,
        "status": _status(RESTORE_STATUS),
        "driver_name": STRING,
        "zones": STRINGS,
        "options": STRING_MAP,
        "total_size": INT64,
    },
)
RESTORE_INFO = Message(
    {
        **RESTORE_ASKED,
        "backup_location": STRING,
        "label_selectors": STRING_MAP,
        "status": _status(RESTORE_STATUS),
        "resources": Repeated(RESTORED_RESOURCE),
        "volumes": Repeated(RESTORED_VOLUME),
        "total_size": INT64,
        "resource_count": INT64,
        "stork_version": STRING,
        "backup_location_ref": REF,
        "large_resource_enabled": BOOL,
        "restored_resource_count": INT64,
        "restore_status": Message({"restore_status": RESTORE_STEP}),
    },
)

BACKUP_ASKED = {
    "backup_location": STRING,
    "cluster": STRING,
    "namespaces": STRINGS,
    "label_selectors": STRING_MAP,
    "include_resources": Repeated(RESOURCE),
    "csi_snapshot_class_name": STRING,
    "resource_types": STRINGS,
    "backup_location_ref": REF,
    "pre_exec_rule_ref": REF,
    "post_exec_rule_ref": REF,
    "cluster_ref": REF,
    "ns_label_selectors": STRING,
    "backup_object_type": OBJECT_KIND,
    "skip_vm_auto_exec_rules": BOOL,
    "volume_snapshot_class_mapping": STRING_MAP,
    "direct_kdmp": BOOL,
    "exclude_resource_types": STRINGS,
}
# The type of a backup is a bare enum in the request and a message in the object.
BACKUP_CREATE = Message({"metadata": CREATE_METADATA, **BACKUP_ASKED, "backup_type": BACKUP_TYPE})
BACKUP_VOLUME = Message(
    {
        "name": STRING,
        "namespace": STRING,
        "pvc": STRING,
        "backup_id": STRING,
        "status": _status(BACKUP_STATUS),
        "driver_name": STRING,
        "total_size": INT64,
        "actual_size": INT64,
        "storage_class": STRING,
    },
)
BACKUP_INFO = Message(
    {
        **BACKUP_ASKED,
        "backup_type": Message({"type": BACKUP_TYPE}),
        "status": _status(BACKUP_STATUS),
        "resources": Repeated(RESOURCE),
        "volumes": Repeated(BACKUP_VOLUME),
        "backup_path": STRING,
        "stage": STAGE,
        "backup_schedule": REF,
        "cr_name": STRING,
        "total_size": INT64,
        "resource_count": INT64,
        "stork_version": STRING,
        "cloud_credential_ref": REF,
        "cr_uid": STRING,
        "retention_period": INT64,
        "backup_share": BACKUP_SHARE,
        "large_resource_enabled": BOOL,
        "retention_time": TIMESTAMP,
        "completion_time_info": Message({name: TIMESTAMP for name in ("volumes_completion_time", "resources_completion_time", "total_completion_time")}),
    },
)

CLUSTER_INFO = Message(
    {
        "kubeconfig": STRING,
        "cloud_credential": STRING,
        "cloud_credential_ref": REF,
        "platform_credential_ref": REF,
        "teleport_cluster_id": STRING,
        "tenant_id": STRING,
        "service_token": STRING,
        "provider": CREDENTIAL_TYPE,
        "status": _status(CLUSTER_STATUS),
        "stork_version": STRING,
        "k8s_version": STRING,
    },
)
S3_CONFIG = Message({"endpoint": STRING, "region": STRING, "disable_ssl": BOOL, "disable_path_style": BOOL, "storage_class": STRING})
NFS_CONFIG = Message({"server_addr": STRING, "sub_path": STRING, "mount_option": STRING})
LOCATION_INFO = Message(
    {
        "type": LOCATION_TYPE,
        "path": STRING,
        "encryption_key": STRING,
        "cloud_credential": STRING,
        "status": _status(LOCATION_STATUS),
        "delete_backups": BOOL,
        "validate_cloud_credential": BOOL,
        "cloud_credential_ref": REF,
        "object_lock_enabled": BOOL,
        "s3_config": S3_CONFIG,
        "nfs_config": NFS_CONFIG,
    },
)
ACTION = Message({"background": BOOL, "run_in_single_pod": BOOL, "value": STRING})
RULES_INFO = Message({"rules": Repeated(Message({"pod_selector": STRING_MAP, "actions": Repeated(ACTION), "container": STRING}))})
CREDENTIAL_INFO = Message(
    {
        "type": CREDENTIAL_TYPE,
        "aws_config": Message({"access_key": STRING, "secret_key": STRING}),
        "google_config": Message({"project_id": STRING, "json_key": STRING}),
        "ibm_config": Message({"api_key": STRING}),
        "rancher_config": Message({"endpoint": STRING, "token": STRING}),
    },
)
SCHEDULE_INFO = Message(
    {
        **{name: kind for name, kind in BACKUP_ASKED.items() if name not in ("csi_snapshot_class_name",)},
        "schedule_policy_ref": REF,
        "reclaim_policy": RECLAIM_POLICY,
        "suspend": BOOL,
    },
)
SHARE_UPDATE = Message({"org_id": STRING, "name": STRING, "uid": STRING, "backupshare": BACKUP_SHARE})
ENUMERATE_OPTIONS = Message(
    {
        "max_objects": INT64,
        "object_index": INT64,
        "time_range": Message({"start_time": TIMESTAMP, "end_time": TIMESTAMP}),
        "name_filter": STRING,
        "cluster_name_filter": STRING,
        "cluster_uid_filter": STRING,
        "include_detailed_resources": BOOL,
        "owners": STRINGS,
        "backup_object_type": STRING,
        "status": STRINGS,
        "labels": STRING_MAP,
    },
)
