#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What LXD calls its operations, and what they are of.

usage: operations.py SOCKET [IMAGE]

Runs the asynchronous requests of the API one after the other and prints a line for each: the request, the class and the
description of its operation, how it ended, and its resources. operations.txt is what LXD 5.0.2 says.
"""
import http.client
import json
import re
import socket
import sys

INSTANCES, VOLUMES = "/1.0/instances", "/1.0/storage-pools/opp/volumes/custom"
TERMINAL = {"command": ["sleep", "0"], "wait-for-websocket": True, "interactive": True}
REQUESTS = [
    ("POST", INSTANCES, {"name": "opc1", "source": {"type": "image", "alias": "IMAGE"}}),
    ("POST", INSTANCES, {"name": "opc2", "profiles": ["default"], "source": {"type": "copy", "source": "opc1"}}),
    ("PATCH", INSTANCES + "/opc1", {"config": {"user.b": "1"}}),
    ("PUT", INSTANCES + "/opc1/state", {"action": "start"}),
    ("PUT", INSTANCES + "/opc1/state", {"action": "start"}),
    ("PUT", INSTANCES + "/opc1/state", {"action": "freeze"}),
    ("PUT", INSTANCES + "/opc1/state", {"action": "unfreeze"}),
    ("POST", INSTANCES + "/opc1/exec", {"command": ["true"]}),
    ("POST", INSTANCES + "/opc1/exec", {"command": ["echo", "x"], "record-output": True}),
    ("POST", INSTANCES + "/opc1/exec", TERMINAL),
    ("POST", INSTANCES + "/opc1/console", {"type": "console", "width": 80, "height": 20}),
    ("PUT", INSTANCES + "/opc1/state", {"action": "restart", "force": True}),
    ("PUT", INSTANCES + "/opc1/state", {"action": "stop", "force": True}),
    ("PUT", INSTANCES + "/opc1/state", {"action": "stop", "force": True}),
    ("POST", INSTANCES + "/opc1/snapshots", {"name": "s0"}),
    ("POST", INSTANCES + "/opc1/snapshots/s0", {"name": "s9"}),
    ("PUT", INSTANCES + "/opc1", {"restore": "s9"}),
    ("POST", INSTANCES + "/opc1/backups", {"name": "b0"}),
    ("POST", INSTANCES + "/opc1/backups/b0", {"name": "b1"}),
    ("DELETE", INSTANCES + "/opc1/backups/b1", None),
    ("POST", "/1.0/images", {"source": {"type": "instance", "name": "opc2"}, "aliases": [{"name": "opi"}]}),
    ("POST", "/1.0/images/OPI/refresh", {}),
    ("POST", "/1.0/images/OPI/secret", {}),
    ("DELETE", "/1.0/images/OPI", None),
    ("POST", INSTANCES + "/opc2", {"name": "opc3"}),
    ("DELETE", INSTANCES + "/opc1", None),
    ("DELETE", INSTANCES + "/opc3", None),
    ("POST", "/1.0/storage-pools", {"name": "opp", "driver": "dir"}),
    ("POST", VOLUMES, {"name": "v1"}),
    ("POST", VOLUMES, {"name": "v2", "source": {"type": "copy", "name": "v1", "pool": "opp"}}),
    ("POST", VOLUMES + "/v2", {"name": "v3", "pool": "default"}),
    ("DELETE", "/1.0/storage-pools/default/volumes/custom/v3", None),
    ("POST", VOLUMES + "/v1/snapshots", {"name": "s0"}),
    ("POST", VOLUMES + "/v1/snapshots/s0", {"name": "s1"}),
    ("DELETE", VOLUMES + "/v1/snapshots/s1", None),
    ("POST", VOLUMES + "/v1/backups", {"name": "b0"}),
    ("POST", VOLUMES + "/v1/backups/b0", {"name": "b1"}),
    ("DELETE", VOLUMES + "/v1/backups/b1", None),
    ("DELETE", VOLUMES + "/v1", None),
    ("DELETE", "/1.0/storage-pools/opp", None),
    ("GET", "/1.0/operations/nosuch", None),
    ("GET", "/1.0/operations/nosuch/wait", None),
    ("DELETE", "/1.0/operations/nosuch", None),
    ("GET", "/1.0/operations/nosuch/websocket", None),
]


def request(path, method, target, body):
    connection = http.client.HTTPConnection("lxd", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(60)
    connection.sock.connect(path)
    connection.request(method, target, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())


def told(path, answer):
    if answer["type"] != "async":
        return answer["type"] + " " + answer["error"]
    first = answer["metadata"]
    how = first["class"]
    if how == "task":
        last = request(path, "GET", f"/1.0/operations/{first['id']}/wait", None)["metadata"]
        if last["resources"] != first["resources"] or last["description"] != first["description"]:
            return f"was {first}, became {last}"
        how += " " + last["status"] + (": " + last["err"] if last["err"] else "")
    resources = first["resources"] or {}
    return " ".join([how + ",", first["description"] + ","] + [f"{k}={','.join(resources[k])}" for k in sorted(resources)])


def main(path, image="bb"):
    fingerprint = ""
    for method, target, body in REQUESTS:
        if "OPI" in target and not fingerprint:
            fingerprint = request(path, "GET", "/1.0/images/aliases/opi", None)["metadata"]["target"]
        sent = json.loads(json.dumps(body).replace("IMAGE", image))
        line = told(path, request(path, method, target.replace("OPI", fingerprint), sent))
        print(method, target, json.dumps(body) if body else "-", "->", re.sub("[0-9a-f]{64}", "FINGERPRINT", line))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
