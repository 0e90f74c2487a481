# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Python programs in processes of their own, with the time and the memory that they took from their start to their end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.module_server import MODULES
from tests.harness.modules import base_environment

from .figure import Figure

LIMIT_S = 600

# What a program's last line tells of itself.
_USED = """
import json, resource
used = resource.getrusage(resource.RUSAGE_SELF)
usage = json.dumps({"peak_kib": used.ru_maxrss, "cpu_s": used.ru_utime + used.ru_stime})
"""

_MODULE = f"""
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
module, options = json.load(sys.stdin)
try:
    with patch_module_args(options):
        importlib.import_module("{MODULES}." + module).main()
except SystemExit:
    pass
{_USED}
print()
print(usage)
"""


@dataclass(frozen=True)
class Ended:
    """What a program left, a module's result for one, and what it took: ``cpu_s`` is the part of ``seconds`` that it kept a processor busy."""

    value: dict[str, Any]
    seconds: float
    cpu_s: float
    peak_kib: int

    def beside(self, title: str, other_name: str, other: Ended) -> list[Figure]:
        """The figures of both."""
        return [
            Figure(f"{title}, time", self.seconds, other_name, other.seconds, "s"),
            Figure(f"{title}, processor time", self.cpu_s, other_name, other.cpu_s, "s"),
            Figure(f"{title}, peak memory", self.peak_kib / 1024, other_name, other.peak_kib / 1024, "MiB"),
        ]


def run_program(program: str, arguments: list[str], folder: Path) -> Ended:
    """Run a program that leaves the object ``value``, which can be written as JSON."""
    return _run(f"{program}{_USED}print(json.dumps(value))\nprint(usage)\n", arguments, "", folder)


def run_module(module: str, options: Mapping[str, Any], folder: Path, collections: str) -> Ended:
    """Run a module as Ansible does, with its imports and all."""
    given = {**options, "_ansible_remote_tmp": str(folder)}
    return _run(_MODULE, [], json.dumps([module, given]), folder, PYTHONPATH=collections)


def _run(program: str, arguments: list[str], given: str, folder: Path, **environ: str) -> Ended:
    # A process that replaces a fork of this one begins with this one's peak. The shell is small, and Python is its child, not its heir.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", program, *arguments]
    environment = {**base_environment(folder), **environ}
    began = time.monotonic()
    shown = subprocess.run(command, input=given, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT_S)
    seconds = time.monotonic() - began
    *_others, value, usage = [json.loads(line) for line in shown.stdout.splitlines() if line.startswith("{")]
    return Ended(value, seconds, **usage)
