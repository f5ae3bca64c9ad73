"""An upgrade of the release and its way back: what they change, and what they must not while a pipeline lives."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import calls, definition, deployed, paths, release
from .console import Failure, note, say

if TYPE_CHECKING:
    from .deployed import Operator

OLDER = "0.0.9"
"""A version before this one: its chart is this one's, with a definition that lacks a column."""
COLUMN = "DLQ"
READS = {"iam:GetRole", "lambda:GetFunction", "scheduler:GetSchedule", "sqs:GetQueueAttributes", "ssm:GetParameter"}
"""Some of what reading a pipeline in full takes."""
LOOKS = r'controller_runtime_reconcile_total\{.*result="(success|requeue_after)"'
IN_SYNC = r'operator_status_condition_count\{.*type="Ready",status="True",reason="InSync"'


@dataclass(frozen=True)
class Wanted:
    """What a Deployment and the definition of a version have."""

    tag: str
    resync_seconds: str
    has_column: bool


BEFORE = Wanted(OLDER, "300", has_column=False)
AFTER = Wanted("next", "600", has_column=True)


def older_chart(folder: Path) -> Path:
    """The chart of the version before."""
    chart = folder / "older-chart"
    shutil.copytree(paths.CHART, chart)
    described = (chart / "Chart.yaml").read_text()
    (chart / "Chart.yaml").write_text(re.sub(r"(?m)^(version|appVersion): .*$", rf"\1: {OLDER}", described))
    crd = chart / "files" / "crd.yaml"
    without, count = re.subn(rf"    - jsonPath: \S+\n      name: {COLUMN}\n      type: integer\n", "", crd.read_text())
    if count != 1:
        raise Failure(f"the definition has {count} columns {COLUMN}, not one")
    crd.write_text(without)
    return chart


@dataclass(frozen=True)
class Upgrades:
    """Upgrades of a release of the older chart, with one pipeline that is Ready and nobody else on its AWS."""

    installed: release.Release
    pipeline: tuple[str, ...]
    binary: Path
    folder: Path
    variables: dict[str, str]

    def up_and_back(self, operator: Operator, values: Path) -> Operator:
        """Upgrades to this version with other values, and rolls back. Returns the operator that then runs."""
        self._expect("before the upgrade", BEFORE)
        changed = ("--set", f"image.tag={AFTER.tag}", "--set", f"resyncSeconds={AFTER.resync_seconds}")
        operator = self._change(operator, "upgrade", AFTER, paths.CHART, f"--values={values}", *changed)
        return self._change(operator, "rollback", BEFORE)

    def _change(self, old: Operator, action: str, wanted: Wanted, *arguments: str | Path) -> Operator:
        before = self._state()
        calls.forget(self.variables)
        self.installed.helm(action, *arguments)
        self._expect(f"after helm {action}", wanted)
        # As a rollout does: the new Pod stands by, then the old one is stopped.
        new = deployed.start(self.installed, self.binary, self.folder, action)
        holder = self._leader()
        if new.metric("leader_election_master_status") != 0:
            raise new.failure("the new operator leads beside the old one")
        old.stop()
        if self._leader() == holder:
            raise old.failure("the old operator ended and did not hand over")
        new.wait_for("a look of the new operator at the pipeline", lambda: new.metric(LOOKS) > 0)
        if new.metric(IN_SYNC) != 1:
            raise new.failure("the new operator does not find the pipeline InSync")
        reads, writes = calls.of_operator(self.variables)
        if not set(reads) >= READS:
            raise new.failure(f"the new operator did not read the pipeline in full: no {', '.join(READS - set(reads))}")
        if writes:
            raise new.failure(f"helm {action} wrote on AWS: {', '.join(writes)}")
        after = self._state()
        for what, now in after.items():
            if now != before[what]:
                raise Failure(f"helm {action} changed the {what} from {before[what]} to {now}")
        say(f"helm {action}: the operator was replaced, read the pipeline on AWS, found it InSync, and wrote nothing.")
        note(f"image tag {wanted.tag}, definition {'with' if wanted.has_column else 'without'} the column {COLUMN}, "
             f"a resync every {wanted.resync_seconds} s")
        return new

    def _expect(self, when: str, wanted: Wanted) -> None:
        (container,) = self.installed.pod()["containers"]
        (version,) = self.installed.cluster.get("crd", definition.NAME)["spec"]["versions"]
        env = {variable["name"]: variable.get("value") for variable in container["env"]}
        columns = {column["name"] for column in version["additionalPrinterColumns"]}
        tag = container["image"].rpartition(":")[2]
        found = Wanted(tag, env["TASK_PIPELINES_RESYNC_SECONDS"], COLUMN in columns)
        if found != wanted:
            raise Failure(f"{when} the release has {found}, not {wanted}")

    def _state(self) -> dict[str, str]:
        """What must outlive every change."""
        cluster = self.installed.cluster
        pipeline = cluster.get(*self.pipeline)
        ready = next(one for one in pipeline["status"]["conditions"] if one["type"] == "Ready")
        return {
            "definition": cluster.get("crd", definition.NAME)["metadata"]["uid"],
            "pipeline": pipeline["metadata"]["uid"],
            "pipeline's spec": json.dumps(pipeline["spec"]),
            "pipeline's resources": json.dumps(pipeline["status"]["resources"]),
            "condition Ready": json.dumps(ready),
        }

    def _leader(self) -> str:
        lease = self.installed.cluster.get("lease", release.NAME, self.installed.within)
        return lease["spec"].get("holderIdentity") or ""
