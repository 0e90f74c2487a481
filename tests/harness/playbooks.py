# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs real ansible-playbook, with nothing of the user's own settings, and collects what each task said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from . import ROOT
from .forks import Forks
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
        return Outcome(self._process.returncode, stdout, stderr, read_results(self._results))


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
        command = write_files(work, plays, arguments, variables or {})
        results = work / "tasks.jsonl"
        process = subprocess.Popen(
            command,
            cwd=work,
            env={**settings(work, self._collections), "TASK_RESULTS_FILE": str(results), **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Playbook(process, results)

    def run(self, plays: Sequence[Mapping[str, Any]] | Path, *arguments: str, **how: Any) -> Outcome:
        """Start a playbook and wait for its end."""
        return self.start(plays, *arguments, **how).wait()


class WarmPlaybooks:
    """Runs playbooks in forks of an ansible-playbook that is loaded already, and their modules in an interpreter that is.

    All that a run does is Ansible's own: it reads the files, packs each module and its arguments, starts a process for it, and reads what
    that has printed. What it does not do is to read settings of its own: ANSIBLE_* variables of ``environ`` would be without effect.
    """

    def __init__(self, folder: Path, collections: str, python: Path) -> None:
        """``python``: the interpreter that modules run in."""
        self._folder, self._python = folder, python
        self._environ = settings(folder, collections)
        environ = {**self._environ, "PYTHONPATH": str(ROOT), "TASK_RESULTS_FILE": os.devnull}
        self._forks = Forks("tests.harness.playbook_server", environ=environ, folder=folder)

    def run(
        self,
        plays: Sequence[Mapping[str, Any]] | Path,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Run a playbook, given as a file or as its plays."""
        assert not [name for name in environ or {} if name.startswith("ANSIBLE_")]
        work = Path(tempfile.mkdtemp(dir=self._folder))
        command = write_files(work, plays, arguments, {"ansible_python_interpreter": str(self._python), **(variables or {})})
        stdout, stderr, results = work / "stdout", work / "stderr", work / "tasks.jsonl"
        request = {
            "command": command,
            "folder": str(work),
            "environ": {**self._environ, "TASK_RESULTS_FILE": str(results), **(environ or {})},
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        code = self._forks.start(request).ended(LIMIT_S)["status"]
        return Outcome(code, stdout.read_text("utf-8"), stderr.read_text("utf-8"), read_results(results))

    def close(self) -> None:
        """End the server and what still runs."""
        self._forks.close()


def write_files(work: Path, plays: Sequence[Mapping[str, Any]] | Path, arguments: Sequence[str], variables: Mapping[str, Any]) -> list[str]:
    """Write the files of a run; gives the command."""
    path = plays if isinstance(plays, Path) else work / "playbook.yml"
    if not isinstance(plays, Path):
        path.write_text(yaml.safe_dump(list(plays), sort_keys=False), "utf-8")
    extra = work / "variables.json"
    extra.write_text(json.dumps(dict(variables)), "utf-8")
    return [str(Path(sys.executable).parent / "ansible-playbook"), str(path), "--inventory", "localhost,", "--extra-vars", f"@{extra}", *arguments]


def read_results(path: Path) -> list[dict[str, Any]]:
    """What each task said."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def settings(work: Path, collections: str) -> dict[str, str]:
    """An environment in which Ansible keeps its files in ``work`` and knows of nothing else."""
    config = work / "ansible.cfg"
    config.write_text("[defaults]\n", "utf-8")
    return {
        **base_environment(work),
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "ANSIBLE_CONFIG": str(config),
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
    }


def play(*tasks: Mapping[str, Any], **keywords: Any) -> dict[str, Any]:
    """A play on this machine."""
    return {"hosts": "localhost", "gather_facts": False, **keywords, "tasks": list(tasks)}
