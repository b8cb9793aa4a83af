#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shape of an LXD server's answers: which keys of which types, not their values.

usage: shape.py record SOCKET NAMES…     prints what the server answers to ENDPOINTS
       shape.py compare SHAPES SOCKET NAMES…
                                         says what that server lacks or has otherwise; exit status 1

NAMES are instance=c1 snapshot=s1 …: what {instance} … stand for in ENDPOINTS. shapes.txt was recorded from LXD 5.0.2
by scripts/record-lxd-shapes. Each line is an endpoint, the path of a key in "metadata", and its type. Keys of maps
whose keys are data (config, devices, network interfaces …) are "*", elements of lists "[]".
"""
import http.client
import json
import socket
import sys

ENDPOINTS = """
/1.0
/1.0/resources
/1.0/instances
/1.0/instances?recursion=1
/1.0/instances?recursion=2
/1.0/containers
/1.0/instances/{instance}
/1.0/instances/{instance}?recursion=1
/1.0/instances/{instance}/state
/1.0/instances/{instance}/snapshots
/1.0/instances/{instance}/snapshots?recursion=1
/1.0/instances/{instance}/snapshots/{snapshot}
/1.0/instances/{instance}/backups
/1.0/instances/{instance}/backups?recursion=1
/1.0/instances/{instance}/backups/{backup}
/1.0/instances/{instance}/logs
/1.0/instances/{instance}/metadata
/1.0/instances/{instance}/metadata/templates
/1.0/instances/{instance}/files?path=/
/1.0/images
/1.0/images?recursion=1
/1.0/images/{image}
/1.0/images/aliases
/1.0/images/aliases?recursion=1
/1.0/images/aliases/{alias}
/1.0/profiles
/1.0/profiles?recursion=1
/1.0/profiles/default
/1.0/networks
/1.0/networks?recursion=1
/1.0/networks/{network}
/1.0/networks/{network}/state
/1.0/networks/{network}/leases
/1.0/networks/{network}/forwards
/1.0/networks/{network}/forwards?recursion=1
/1.0/networks/{network}/forwards/{forward}
/1.0/storage-pools
/1.0/storage-pools?recursion=1
/1.0/storage-pools/default
/1.0/storage-pools/default/resources
/1.0/storage-pools/default/volumes
/1.0/storage-pools/default/volumes?recursion=1
/1.0/storage-pools/default/volumes/custom
/1.0/storage-pools/default/volumes/custom?recursion=1
/1.0/storage-pools/default/volumes/custom/{volume}
/1.0/storage-pools/default/volumes/custom/{volume}/snapshots
/1.0/storage-pools/default/volumes/custom/{volume}/snapshots?recursion=1
/1.0/storage-pools/default/volumes/custom/{volume}/snapshots/{snapshot}
/1.0/operations
/1.0/operations?recursion=1
/1.0/certificates
/1.0/certificates?recursion=1
/1.0/projects
/1.0/projects?recursion=1
/1.0/projects/default
/1.0/warnings
/1.0/warnings?recursion=1
/1.0/cluster
""".split()

# Maps from names to values: below these keys, keys are data ("running" stands for the states of operations).
MAPS = {"config", "expanded_config", "devices", "expanded_devices", "properties", "network", "disk", "templates",
        "lxc_features", "kernel_features", "running", "success", "failure", "local_config"}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("unix.socket")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


def get(path, url):
    connection = UnixConnection(path)
    connection.request("GET", url)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    value = json.loads(body)
    if answer.status != 200 or value.get("type") != "sync":
        return f"GET {url}: {answer.status} {value.get('error')}"
    return value["metadata"]


def kind(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return {str: "string", int: "number", float: "number", dict: "object", list: "list"}[type(value)]


def walk(value, path, key, shape):
    shape.setdefault(path or ".", set()).add(kind(value))
    if isinstance(value, dict):
        for name, child in value.items():
            name = "*" if key in MAPS else name
            walk(child, f"{path}.{name}", name, shape)
    elif isinstance(value, list):
        for child in value:
            walk(child, path + "[]", None, shape)


def shapes(sock, names):
    for endpoint in ENDPOINTS:
        shape = {}
        key = "running" if endpoint.startswith("/1.0/operations") else None
        value = get(sock, endpoint.format(**names))
        if isinstance(value, str):
            print(value, file=sys.stderr)
            continue
        walk(value, "", key, shape)
        for path in sorted(shape):
            yield endpoint, path, "|".join(sorted(shape[path]))


def fits(path, theirs, ours):
    """Empty lists and maps, and times that are unset, may be null on either side: Go's clients do not tell these apart."""
    if path.endswith("_at"):
        return ours in ("string", "null", "null|string")
    empty = {"null", "list", "object"}
    theirs, ours = set(theirs.split("|")), set(ours.split("|"))
    return ours <= theirs or (ours <= empty and theirs <= empty and ("null" in ours or "null" in theirs))


def compare(recorded, sock, names):
    ours = {(e, p): k for e, p, k in shapes(sock, names)}
    wrong = checked = 0
    with open(recorded, encoding="utf-8") as f:
        for line in f:
            endpoint, path, theirs = line.rstrip("\n").split("\t")
            mine = ours.get((endpoint, path))
            checked += 1
            if mine is None:
                parent = path.rpartition(".")[0] if not path.endswith("[]") else path[:-2]
                if not any(e == endpoint for e, p in ours):
                    wrong += 1
                    continue  # said already
                if "*" in path or "[]" in path and not any(e == endpoint and p.startswith(path.rpartition("[]")[0] + "[]")
                                                          for e, p in ours):
                    continue  # a list or map that is empty here
                if ours.get((endpoint, parent or "."), "null") == "null":
                    continue  # said already, or null as a whole
                print(f"{endpoint}: '{path}' ({theirs}) is missing")
                wrong += 1
            elif not fits(path, theirs, mine):
                print(f"{endpoint}: '{path}' is {mine}, in LXD {theirs}")
                wrong += 1
    print(f"{checked} keys compared, {wrong} differ")
    return wrong


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in ("record", "compare"):
        raise SystemExit(__doc__)
    names = dict(a.split("=", 1) for a in arguments if "=" in a)
    if arguments[0] == "record":
        for row in shapes(arguments[1], names):
            print("\t".join(row))
        return 0
    return 1 if compare(arguments[1], arguments[2], names) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
