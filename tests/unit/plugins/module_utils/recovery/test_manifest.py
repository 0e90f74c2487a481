# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: one text for one content, secrets hidden where it is shown, a file only for its owner."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import InvalidRequest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import manifest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.manifest import (
    VERSION,
    checked,
    compact,
    fingerprint,
    read_file,
    without,
    without_secrets,
    write_file,
)

DOCUMENT: dict[str, Any] = {
    "version": VERSION,
    "instance": {
        "name": "web",
        "metadata": {"items": [{"key": "startup-script", "value": "password=hunter2"}, {"key": "ssh-keys", "value": "root:ssh-rsa AAAA"}]},
        "disks": [{"deviceName": "boot", "autoDelete": True}],
    },
}


# One content


def test_same_content_has_one_text_in_whatever_order_it_came() -> None:
    assert compact({"b": 1, "a": {"d": 1, "c": 2}}) == compact({"a": {"c": 2, "d": 1}, "b": 1}) == '{"a":{"c":2,"d":1},"b":1}'


def test_fingerprint_changes_with_the_content_and_with_nothing_else() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert len(fingerprint(DOCUMENT)) == 16


def test_members_are_left_out_at_any_depth_and_the_original_stays() -> None:
    value = {"a": 1, "x": 2, "list": [{"x": 3, "b": {"x": 4, "c": 5}}]}
    assert without(value, ["x"]) == {"a": 1, "list": [{"b": {"c": 5}}]}
    assert value["x"] == 2


# Secrets


def test_sensitive_values_are_not_shown_and_nothing_is_computed_from_them() -> None:
    shown = without_secrets(DOCUMENT, ["metadata"])
    values = [item["value"] for item in shown["instance"]["metadata"]["items"]]
    assert values == ["(hidden)", "(hidden)"]
    assert "hunter2" not in json.dumps(shown)
    assert "AAAA" not in json.dumps(shown)


def test_keys_of_sensitive_values_stay_readable() -> None:
    shown = without_secrets(DOCUMENT, ["metadata"])
    assert [item["key"] for item in shown["instance"]["metadata"]["items"]] == ["startup-script", "ssh-keys"]


def test_what_is_not_sensitive_is_shown_as_it_is() -> None:
    shown = without_secrets(DOCUMENT, ["metadata"])
    assert shown["instance"]["disks"] == DOCUMENT["instance"]["disks"]
    assert shown["instance"]["name"] == "web"


def test_showing_leaves_the_manifest_itself_whole() -> None:
    without_secrets(DOCUMENT, ["metadata"])
    assert DOCUMENT["instance"]["metadata"]["items"][0]["value"] == "password=hunter2"


def test_secrets_in_a_plain_map_are_hidden_too() -> None:
    shown = without_secrets({"metadata": {"password": "hunter2", "nested": {"key": {"deep": "hunter2"}}}}, ["metadata"])
    assert "hunter2" not in json.dumps(shown["metadata"]["password"])


# The file


def test_file_holds_the_full_document_for_its_owner_alone(tmp_path: Path) -> None:
    path = Path(write_file(str(tmp_path), "web-1", DOCUMENT))
    assert path == tmp_path / "web-1.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == DOCUMENT


def test_new_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_file(str(tmp_path / "new" / "deep"), "web-1", DOCUMENT)
    assert stat.S_IMODE((tmp_path / "new" / "deep").stat().st_mode) == 0o700


def test_file_that_others_could_read_is_replaced_by_one_that_they_cannot(tmp_path: Path) -> None:
    (tmp_path / "web-1.json").write_text("old")
    (tmp_path / "web-1.json").chmod(0o644)
    write_file(str(tmp_path), "web-1", DOCUMENT)
    assert stat.S_IMODE((tmp_path / "web-1.json").stat().st_mode) == 0o600


def test_nothing_but_the_file_is_left(tmp_path: Path) -> None:
    write_file(str(tmp_path), "web-1", DOCUMENT)
    assert [path.name for path in tmp_path.iterdir()] == ["web-1.json"]


def test_directory_that_cannot_be_made_is_refused_by_its_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequest, match="manifest_dir: .*cannot be written"):
        write_file(str(tmp_path / "file" / "below"), "web-1", DOCUMENT)


def test_written_file_is_read_back(tmp_path: Path) -> None:
    assert read_file(write_file(str(tmp_path), "web-1", DOCUMENT)) == DOCUMENT


@pytest.mark.parametrize("text", ["{", "", "version: 1", "[" * 100_000])
def test_file_that_holds_no_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(InvalidRequest, match=r"manifest_file: .* holds no JSON"):
        read_file(str(tmp_path / "m.json"))


def test_what_a_file_holds_is_not_checked_while_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("[]")
    assert read_file(str(tmp_path / "m.json")) == []


def test_link_that_somebody_has_put_in_the_way_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the part file cannot be guessed; if it is there all the same, it is not written to."""
    monkeypatch.setattr(manifest.secrets, "token_hex", lambda _size: "guessed")
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".web-1.json.guessed").symlink_to(tmp_path / "precious")
    with pytest.raises(InvalidRequest, match="manifest_dir: .*cannot be written"):
        write_file(str(tmp_path), "web-1", DOCUMENT)
    assert (tmp_path / "precious").read_text() == "mine"


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidRequest, match="manifest_file"):
        read_file(str(tmp_path / "m.json"))


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="manifest_file: .*cannot be read"):
        read_file(str(tmp_path / "absent.json"))


# Whether it is one of ours


def nothing_wrong(_document: manifest.Document) -> str:
    return ""


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _level in range(depth):
        value = {"a": [value]}
    return value


def test_manifest_is_given_back_as_it_came() -> None:
    assert checked("manifest", DOCUMENT, nothing_wrong) is DOCUMENT


@pytest.mark.parametrize("option", ["manifest", "manifest_file"])
@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], 'it must have "version": 1'),
        (None, 'it must have "version": 1'),
        ("text", 'it must have "version": 1'),
        ({}, 'it must have "version": 1'),
        ({"version": 2}, 'it must have "version": 1, not 2'),
        ({"version": "1"}, "it must have \"version\": 1, not '1'"),
        ({**DOCUMENT, "vm": 7}, "vm, zone, uid and provider must be texts"),
        ({**DOCUMENT, "zone": ["z"]}, "vm, zone, uid and provider must be texts"),
        ({**DOCUMENT, "uid": None}, "vm, zone, uid and provider must be texts"),
        ({**DOCUMENT, "deep": nested(30)}, "it is nested more than 40 levels deep"),
        ({**DOCUMENT, "deep": nested(100_000)}, "it is nested more than 40 levels deep"),
    ],
)
def test_document_that_is_no_manifest_is_refused_under_the_name_of_its_option(option: str, document: Any, why: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{option} is no manifest: {re.escape(why)}"):
        checked(option, document, nothing_wrong)


def test_document_as_deep_as_configurations_get_is_taken() -> None:
    assert checked("manifest", {**DOCUMENT, "deep": nested(10)}, nothing_wrong)


def test_provider_says_what_is_wrong_with_its_part() -> None:
    with pytest.raises(InvalidRequest, match="manifest is no manifest: instance must be an object, as the file that backup writes"):
        checked("manifest", DOCUMENT, lambda _document: "instance must be an object")


def test_provider_is_asked_only_about_what_is_a_manifest() -> None:
    """It need not be prepared for anything else."""

    def broken(_document: manifest.Document) -> str:
        raise AssertionError("it was asked")

    with pytest.raises(InvalidRequest):
        checked("manifest", [], broken)
