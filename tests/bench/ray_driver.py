"""Run by test_ray.py where Ray is: audit or export a dataset on two nodes, one of which is lost midway.

    ray_driver.py audit|export DATASET WORKSPACE OUT.json

Writes the findings or the release's root, which nodes worked, and how much was done when the second node was
taken away. The release lies beside OUT.json, without its ending.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.cluster_utils import Cluster

from inspector.audit.runner import Options
from inspector.release import filling
from inspector.release.hands import FarHands
from inspector.release.plan import Choice, make_plan
from inspector.release.write import write
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

STORE = 100 * 2**20
NOTICED_S = 60
"""Within this time Ray notices that a node is gone."""


def main() -> None:
    """See above."""
    what, *paths = sys.argv[1:]
    root, workspace, out = map(Path, paths)
    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    second = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    before = alive()
    lost_after: list[int] = []

    def went(done: int, total: int) -> None:
        if not lost_after and done >= total // 3:
            lost_after.append(done)
            cluster.remove_node(second, allow_graceful=False)

    with Session.open(root, workspace=workspace) as session:
        of = len(session.index)
        made = (audited if what == "audit" else exported)(session, cluster.address, out, went)
    until = time.monotonic() + NOTICED_S
    while alive() == before and time.monotonic() < until:
        time.sleep(0.1)
    after = alive()
    out.write_text(json.dumps({**made, "nodes": [before, after], "lost_after": sum(lost_after), "of": of}))
    ray.shutdown()
    cluster.shutdown()


def alive() -> int:
    """How many nodes Ray believes to be there."""
    return len([node for node in ray.nodes() if node["Alive"]])


def audited(session: Session, address: str, _out: Path, went: Callable[[int, int], None]) -> dict[str, Any]:
    """The findings of an audit."""
    run = session.audit(Options(ray=address))
    found = []
    for finding in run.findings():
        found.append(finding.to_json())
        if run.progress.stage == "decode":
            went(run.progress.done, run.progress.total)
    return {"findings": found}


def exported(session: Session, address: str, out: Path, went: Callable[[int, int], None]) -> dict[str, Any]:
    """The root of a release, its records handed out one by one."""
    setattr(filling, "BATCH", 1)  # noqa: B010 - the module does not export it
    plan = make_plan(session, Choice(split=None))
    card, _ = write(
        session, plan, out.with_suffix(""), lambda done: went(done, len(plan.ids)), FarHands(address)
    )
    return {"root": card.root}


if __name__ == "__main__":
    main()
