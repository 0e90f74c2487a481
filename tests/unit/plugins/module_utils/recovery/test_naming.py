# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Derived names: the same for the same thing, unique by a hash, never too long, legal everywhere."""

from __future__ import annotations

import re

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import InvalidRequest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.naming import (
    backup_name,
    check_datetime,
    derived_name,
    digest,
    fitting_name,
    now_as_datetime,
    parse_backup_name,
)

LEGAL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def test_two_runs_derive_the_same_name() -> None:
    assert derived_name("web-1-data", "p/z/web-1/r1/data") == derived_name("web-1-data", "p/z/web-1/r1/data")


def test_names_that_read_the_same_differ_by_what_they_are_for() -> None:
    assert derived_name("web", "restore one") != derived_name("web", "restore two")


def test_names_cut_to_the_same_beginning_differ() -> None:
    first, second = (derived_name("v" * 80 + end, "v" * 80 + end) for end in ("a", "b"))
    assert first != second


@pytest.mark.parametrize("readable", ["web", "Odd_device.7", "9lives", "v" * 63, "v" * 52 + "-" * 20, "---", "", "Ünïcode", "a.b.c"])
def test_derived_name_is_legal_and_has_63_characters_at_the_most(readable: str) -> None:
    assert LEGAL.fullmatch(derived_name(readable, "x"))


def test_derived_name_begins_with_what_it_stands_for() -> None:
    assert derived_name("Odd_device.7", "x").startswith("odd-device-7-")


def test_derived_name_is_as_short_as_asked() -> None:
    assert len(derived_name("v" * 100, "x", 50)) == 50


def test_name_that_fits_stays_as_it_is() -> None:
    assert fitting_name("v" * 63) == "v" * 63
    assert fitting_name("under_score", 50) == "under_score"


def test_name_too_long_ends_in_a_hash_of_the_whole() -> None:
    first, second = fitting_name("v" * 60 + "1", 50), fitting_name("v" * 60 + "2", 50)
    assert first != second
    assert len(first) == len(second) == 50


def test_digest_is_of_the_text_and_as_long_as_asked() -> None:
    assert digest("abc", 8) == "ba7816bf"
    assert len(digest("abc")) == 16


def test_now_is_a_legal_datetime() -> None:
    assert check_datetime("snapshot_datetime", now_as_datetime())


@pytest.mark.parametrize("text", ["20260131-235959", "20240229-000000"])
def test_moment_is_taken_as_it_is(text: str) -> None:
    assert check_datetime("snapshot_datetime", text) == text


@pytest.mark.parametrize(
    "text", ["", "2026-01-31", "20260131", "20260231-000000", "20260131-240000", "20260131-235900Z", " 20260131-235900", "latest", "２0260131-235900"]
)
def test_text_that_is_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"snapshot_datetime must be a date and time in UTC as YYYYMMDD-HHMMSS, for example"):
        check_datetime("snapshot_datetime", text)


@pytest.mark.parametrize("vm", ["web", "web-1", "web-20260101-000000"])
def test_name_of_a_backup_gives_back_vm_and_datetime(vm: str) -> None:
    assert parse_backup_name(backup_name(vm, "20260131-235900")) == (vm, "20260131-235900")


@pytest.mark.parametrize("name", ["web", "20260131-235900", "-20260131-235900", "web-20260131", "web20260131-235900x"])
def test_name_that_is_no_backups_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="is not the name of a backup"):
        parse_backup_name(name)


def test_name_of_a_backup_with_an_impossible_date_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="YYYYMMDD-HHMMSS"):
        parse_backup_name("web-20261331-235900")
