#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a program that uses python3-pylxd does: usage: pylxd_tour.py SOCKET PREFIX IMAGE-ALIAS IMAGE-FILE"""
import sys
import urllib.parse

import pylxd
from pylxd.exceptions import LXDAPIException, NotFound

SOCKET, PREFIX, ALIAS, FILE = sys.argv[1:]


def same(actual, expected, what):
    if actual != expected:
        raise SystemExit(f"{what}: expected {expected!r}, got {actual!r}")
    print(f"ok: {what}")


def raises(kind, text, call, what):
    try:
        call()
    except kind as error:
        if text not in str(error):
            raise SystemExit(f"{what}: '{text}' is not in '{error}'") from error
        print(f"ok: {what}")
        return
    raise SystemExit(f"{what}: nothing was raised")


def server(client):
    same(client.trusted, True, "trusted over the unix socket")
    same(client.has_api_extension("instances"), True, "has the extension 'instances'")


def images(client):
    image = client.images.get_by_alias(ALIAS)
    same(image.fingerprint in [i.fingerprint for i in client.images.all()], True, "images.all has the alias' image")
    with open(FILE, "rb") as f:
        data = bytearray(f.read())
    data[4:8] = b"pyLx"  # gzip's time stamp: another fingerprint
    made = client.images.create(bytes(data), wait=True)
    made.add_alias(PREFIX + "al", "by pylxd")
    same(client.images.get_by_alias(PREFIX + "al").fingerprint, made.fingerprint, "images.create, add_alias")
    same(made.export().read() == bytes(data), True, "image.export gives the same bytes")
    made.delete_alias(PREFIX + "al")
    made.delete(wait=True)
    raises(NotFound, "Image not found", lambda: client.images.get(made.fingerprint), "image.delete")


def instance(client):
    name = PREFIX + "py1"
    config = {"name": name, "source": {"type": "image", "alias": ALIAS}, "config": {"user.from": "pylxd"}, "architecture": "2"}  # an image has its own: not looked at
    made = client.containers.create(config, wait=True)
    same((made.name, made.status), (name, "Stopped"), "containers.create")
    raises(LXDAPIException, "already exists", lambda: client.containers.create(config, wait=True), "create it twice")
    same((client.containers.exists(name), client.containers.exists(PREFIX + "no")), (True, False), "containers.exists")
    raises(NotFound, "Instance not found", lambda: client.containers.get(PREFIX + "no"), "get one that is not there")
    made.start(wait=True)
    same(made.state().status, "Running", "start")
    same(tuple(made.execute(["sh", "-c", "echo out; echo err >&2; exit 3"])), (3, "out\n", "err\n"), "execute")
    same(made.execute(["sh", "-c", "echo $A; id -u"], environment={"A": "b c"}).stdout, "b c\n0\n", "its environment")
    same(made.execute(["cat"], stdin_payload="x" * 100000).stdout == "x" * 100000, True, "its stdin")
    made.files.put("/root/f", b"bytes\0\xff", mode="0600", uid=1, gid=2)
    same(made.files.get("/root/f"), b"bytes\0\xff", "files.put and get")
    same(made.execute(["stat", "-c", "%a %u %g", "/root/f"]).stdout, "600 1 2\n", "mode and owner")
    made.files.delete("/root/f")
    raises(NotFound, "", lambda: made.files.get("/root/f"), "files.delete")
    made.config["user.a"] = "1"
    made.save(wait=True)
    same(client.containers.get(name).config["user.a"], "1", "save")
    made.freeze(wait=True)
    same(client.containers.get(name).status, "Frozen", "freeze")
    made.unfreeze(wait=True)
    made.restart(wait=True, force=True)
    same(client.containers.get(name).status, "Running", "unfreeze, restart")
    made.stop(wait=True, force=True)
    return client.containers.get(name)


def snapshots(client, made):
    made.snapshots.create("s1", wait=True)
    same([s.name for s in made.snapshots.all()], ["s1"], "snapshots.create and all")
    made.config["user.a"] = "2"
    made.save(wait=True)
    made.restore_snapshot("s1", wait=True)
    same(client.containers.get(made.name).config["user.a"], "1", "restore_snapshot")
    image = made.snapshots.get("s1").publish(wait=True)
    same(client.images.exists(image.fingerprint), True, "snapshot.publish")
    image.delete(wait=True)
    made.snapshots.get("s1").delete(wait=True)
    same(made.snapshots.all(), [], "snapshot.delete")
    image = made.publish(wait=True)
    same(client.images.exists(image.fingerprint), True, "publish")
    image.delete(wait=True)
    made.rename(PREFIX + "py2", wait=True)
    made = client.containers.get(PREFIX + "py2")
    made.delete(wait=True)
    same(client.containers.exists(PREFIX + "py2"), False, "rename, delete")


def others(client):
    name = PREFIX + "pyp"
    profile = client.profiles.create(name, config={"user.x": "1"}, devices={})
    same(name in [p.name for p in client.profiles.all()], True, "profiles.create and all")
    profile.config["user.x"] = "2"
    profile.save()
    same(client.profiles.get(name).config, {"user.x": "2"}, "profile.save")
    profile.delete()
    raises(NotFound, "Profile not found", lambda: client.profiles.get(name), "profile.delete")
    pool = client.storage_pools.get("default")
    volume = pool.volumes.create({"name": name, "type": "custom", "config": {}}, wait=True)
    same(name in [v.name for v in pool.volumes.all()], True, "storage volumes")
    volume.delete()
    same(name in [v.name for v in pool.volumes.all()], False, "volume.delete")
    same(client.certificates.all(), [], "certificates.all")
    same(isinstance([n.name for n in client.networks.all()], list), True, "networks.all")


def main():
    client = pylxd.Client(endpoint="http+unix://" + urllib.parse.quote(SOCKET, safe=""))
    server(client)
    images(client)
    snapshots(client, instance(client))
    others(client)


main()
