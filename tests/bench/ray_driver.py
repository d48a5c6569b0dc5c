"""Run by test_ray.py where Ray is: audit a dataset on a cluster of two nodes, one of which is lost midway.

    ray_driver.py DATASET WORKSPACE OUT.json

Writes the findings, which nodes worked, and how much was done when the second node was taken away.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from inspector.audit.runner import Options
from inspector.session import Session

STORE = 100 * 2**20


def main() -> None:
    """See above."""
    root, workspace, out = map(Path, sys.argv[1:])
    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    second = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    before = len([node for node in ray.nodes() if node["Alive"]])
    lost_after = 0
    found = []
    with Session.open(root, workspace=workspace) as session:
        run = session.audit(Options(ray=cluster.address))
        for finding in run.findings():
            found.append(finding.to_json())
            now = run.progress
            if not lost_after and now.stage == "decode" and now.done >= now.total // 3:
                lost_after = run.progress.done
                cluster.remove_node(second, allow_graceful=False)
    after = len([node for node in ray.nodes() if node["Alive"]])
    told = {"findings": found, "nodes": [before, after], "lost_after": lost_after, "of": len(session.index)}
    out.write_text(json.dumps(told))
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
