#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hostile-backup.py KIND OUT: the tar stream of a backup as nobody's berth makes it (OUT "-": stdout), or, kind
"passes", one with two passes as berth makes it."""
import io
import sys
import tarfile

KIND, OUT = sys.argv[1:]
BASE = 1000000000


def add(tar, name, data=None, **fields):
    info = tarfile.TarInfo(name)
    info.mtime = BASE
    info.mode = 0o755
    info.type = tarfile.DIRTYPE
    if data is not None:
        info.type = tarfile.REGTYPE
        info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data) if data is not None else None)


def link(tar, name, target, kind=tarfile.SYMTYPE):
    add(tar, name, type=kind, linkname=target)


def root(tar):
    add(tar, "./")
    add(tar, "./dir")
    add(tar, "./dir/file", b"first\n")


def listing(tar, *paths):
    add(tar, ".berth-manifest", b"".join(b"f " + p.encode() + b"\0" for p in paths))


def passes(tar):
    add(tar, "./")
    add(tar, "./dir")
    add(tar, "./dir/same", b"same\n")
    add(tar, "./dir/gone", b"gone\n")
    add(tar, "./gone-dir")
    add(tar, "./gone-dir/file", b"x")
    add(tar, "./was-dir")
    add(tar, "./was-dir/below", b"x")
    add(tar, "./was-file", b"x")
    link(tar, "./was-link", "dir")
    add(tar, "./other", b"first\n")
    link(tar, "./link", "./other", tarfile.LNKTYPE)
    # the second pass; ./dir has changed, but only what lies in it comes again
    add(tar, "./")
    add(tar, "./was-dir", b"now a file\n")
    add(tar, "./was-file", mtime=BASE + 7)
    add(tar, "./was-file/below", b"x")
    add(tar, "./was-link")
    add(tar, "./dir/new", b"new\n")
    add(tar, "./other", b"second\n")
    link(tar, "./link", "./other", tarfile.LNKTYPE)
    listing(tar, ".", "./dir", "./dir/same", "./dir/new", "./was-dir", "./was-file", "./was-file/below", "./was-link",
            "./other", "./link", "./a-socket")


def thrice(tar):
    root(tar)
    for text in b"second", b"third":
        add(tar, "./dir/file", text)
    listing(tar, ".", "./dir", "./dir/file")


def list_early(tar):
    root(tar)
    listing(tar, ".", "./dir", "./dir/file")
    add(tar, "./late", b"x")


def list_lies(tar):
    root(tar)
    add(tar, "./dir/file", b"second")
    listing(tar, ".", "./dir")


def link_out(tar):
    root(tar)
    link(tar, "./out", "/tmp")
    add(tar, "./out/berth-hostile", b"x")


def hardlink_out(tar):
    root(tar)
    link(tar, "./passwd", "./etc/passwd", tarfile.LNKTYPE)


KINDS = {
    "passes": passes,
    "dotdot": lambda tar: (root(tar), add(tar, "./dir/../../../berth-hostile", b"x")),
    "absolute": lambda tar: (root(tar), add(tar, "/tmp/berth-hostile", b"x")),
    "link-out": link_out,
    "below-file": lambda tar: (root(tar), add(tar, "./dir/file/below", b"x")),
    "hardlink-out": hardlink_out,
    "device": lambda tar: (root(tar), add(tar, "./disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0)),
    "twice": lambda tar: (root(tar), add(tar, "./dir/file", b"second")),
    "thrice": thrice,
    "no-list": lambda tar: (root(tar), add(tar, "./dir/file", b"second")),
    "list-early": list_early,
    "list-lies": list_lies,
    "owner": lambda tar: (root(tar), add(tar, "./theirs", b"x", uid=70000)),
    "root-file": lambda tar: add(tar, "./", b"", type=tarfile.SYMTYPE, linkname="/tmp"),
    "cut": root,
}


def sparse_huge(out):
    """One byte of data in a file of an exabyte, which no file system of ours can hold."""
    info = tarfile.TarInfo("./sparse")
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "./sparse",
                        "GNU.sparse.size": str(1 << 60), "GNU.sparse.numblocks": "2", "GNU.sparse.map": f"0,1,{1 << 60},0"}
    info.size = 1
    tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT)
    root(tar)
    tar.addfile(info, io.BytesIO(b"x"))
    tar.close()


def zeros(out, size):
    info = tarfile.TarInfo("./zeros")
    info.size = size
    out.write(info.tobuf(tarfile.GNU_FORMAT))
    try:
        for _ in range(size >> 20):
            out.write(bytes(1 << 20))
        out.write(bytes(10240))
    except BrokenPipeError:
        pass


def main():
    out = sys.stdout.buffer if OUT == "-" else open(OUT, "wb")
    if KIND == "zeros":
        zeros(out, 96 << 20)
    elif KIND == "huge":
        info = tarfile.TarInfo("./huge")
        info.size = 1 << 40
        out.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    elif KIND == "garbage":
        out.write(b"this is no tar\n" * 1000)
    elif KIND == "sparse-huge":
        sparse_huge(out)
    else:
        tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT)
        KINDS[KIND](tar)
        tar.close()
        if KIND == "cut":
            out.truncate(1700)
    out.close()


main()
