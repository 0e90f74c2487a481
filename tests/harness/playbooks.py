# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs real ansible-playbook, with nothing of the user's own settings, and collects what each task said."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from . import ROOT
from .modules import base_environment

LIMIT_S = 300


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `tasks` are {"task", "action", "status", "seconds", "result"} in the order they ended."""

    code: int
    stdout: str
    stderr: str
    tasks: list[dict[str, Any]] = field(default_factory=list)

    def result(self, task: str) -> dict[str, Any]:
        """The result of the last task of this name."""
        return [entry["result"] for entry in self.tasks if entry["task"] == task][-1]

    @property
    def text(self) -> str:
        """All that a reader of the run could see."""
        return f"{self.stdout}\n{self.stderr}\n{json.dumps(self.tasks)}"


class Playbook:
    """A run of ansible-playbook under way."""

    def __init__(self, process: subprocess.Popen[str], results: Path) -> None:
        self._process, self._results = process, results

    @property
    def pid(self) -> int:
        """The process id of ansible-playbook."""
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait(self, limit_s: float = LIMIT_S) -> Outcome:
        """Its outcome, when it has ended."""
        try:
            stdout, stderr = self._process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            stdout, stderr = self._process.communicate()
            raise AssertionError(f"ansible-playbook did not end within {limit_s} s:\n{stdout}\n{stderr}") from None
        lines = self._results.read_text("utf-8").splitlines() if self._results.exists() else []
        return Outcome(self._process.returncode, stdout, stderr, [json.loads(line) for line in lines])


class Playbooks:
    """Starts playbooks that find the collection in `collections` and keep their files in `folder`."""

    def __init__(self, folder: Path, collections: str) -> None:
        self._folder, self._collections = folder, collections

    def start(
        self,
        plays: Sequence[Mapping[str, Any]] | Path,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> Playbook:
        """Start a playbook, given as a file or as its plays."""
        work = Path(tempfile.mkdtemp(dir=self._folder))
        path = plays if isinstance(plays, Path) else work / "playbook.yml"
        if not isinstance(plays, Path):
            path.write_text(yaml.safe_dump(list(plays), sort_keys=False), "utf-8")
        extra = work / "variables.json"
        extra.write_text(json.dumps(dict(variables or {})), "utf-8")
        results = work / "tasks.jsonl"
        command = [str(Path(sys.executable).parent / "ansible-playbook"), str(path), "--inventory", "localhost,", "--extra-vars", f"@{extra}", *arguments]
        process = subprocess.Popen(
            command,
            cwd=work,
            env={**self._environment(work, results), **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Playbook(process, results)

    def run(self, plays: Sequence[Mapping[str, Any]] | Path, *arguments: str, **how: Any) -> Outcome:
        """Start a playbook and wait for its end."""
        return self.start(plays, *arguments, **how).wait()

    def _environment(self, work: Path, results: Path) -> dict[str, str]:
        settings = work / "ansible.cfg"
        settings.write_text("[defaults]\n", "utf-8")
        return {
            **base_environment(work),
            "ANSIBLE_COLLECTIONS_PATH": self._collections,
            "ANSIBLE_CONFIG": str(settings),
            "ANSIBLE_HOME": str(work / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(work / "local"),
            "ANSIBLE_REMOTE_TEMP": str(work / "remote"),
            "ANSIBLE_TRANSPORT": "local",
            "ANSIBLE_GATHERING": "explicit",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_NOCOWS": "1",
            "ANSIBLE_ROLES_PATH": str(ROOT / "tests" / "integration" / "targets"),
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "harness" / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_results",
            "TASK_RESULTS_FILE": str(results),
        }


def play(*tasks: Mapping[str, Any], **keywords: Any) -> dict[str, Any]:
    """A play on this machine."""
    return {"hosts": "localhost", "gather_facts": False, **keywords, "tasks": list(tasks)}
