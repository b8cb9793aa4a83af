#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is there and not documented, a line each; exit status 1 if anything is.

usage: documented.py BERTH    (in the repository; BERTH is the program)

Commands and their options (from the completion script) in doc/berth.1, settings in doc/berth.conf.5 and etc/berth.conf,
routes with their methods in doc/api.md, the host module's operations and fields in doc/host-module.md, events and examples
in doc/berth-hooks.7, rooms in doc/HACKING.md.
"""
import glob
import re
import subprocess
import sys

missing = []


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def entries(page):
    """The .It of a manual page: (its words without macros, all of its text)."""
    text = page.replace("\\-", "-").replace("\\&", "")
    for m in re.finditer(r"^\.It (.*)\n((?:(?!\.It |\.El).*\n)*)", text, re.M):
        words = [w for w in m[1].split() if not re.fullmatch(r"Ic|Ar|Cm|Op|Oo|Oc|Ns|Fl|,", w)]
        yield [w.rstrip(",") for w in words], m[1] + "\n" + m[2]


def commands(berth):
    script = subprocess.run([berth, "completion", "bash"], check=True, capture_output=True, text=True).stdout
    page = list(entries(read("doc/berth.1")))
    # --format of every list, and what every command takes, stand at the head of the page
    general = {"--socket", "--quiet", "--debug", "--help", "--version", "--format"}
    for name, subs, options in re.findall(r'\tname="berth ([^"]*)" subs="([^"]*)" options="([^"]*)"', script):
        if subs:
            continue
        *group, last = name.split()
        said = [text for words, text in page if words[: len(group)] == group and
                (last in words or (group and re.search(rf"(?<![\w-]){last}(?![\w-])", text)))]
        if not said:
            missing.append(f"doc/berth.1: berth {name}")
            continue
        for option in {o.split("=")[0] for o in options.split() if o.startswith("--")} - general:
            if not any(re.search(rf"Fl (Fl |-){option[2:]}(?![\w-])", text) for text in said):
                missing.append(f"doc/berth.1: {option} of berth {name}")


def settings():
    keys = re.findall(r'^\t\{ "([a-z_0-9]+)",', read("src/model/settings.c"), re.M)
    assert len(keys) > 30
    page, example = read("doc/berth.conf.5"), read("etc/berth.conf")
    for key in keys:
        if not re.search(rf"^\.It Cm (\w+ , )*{key}\b", page, re.M):
            missing.append(f"doc/berth.conf.5: {key}")
        if not re.search(rf"^# ?{key} =", example, re.M):
            missing.append(f"etc/berth.conf: {key}")
    for key in re.findall(r"^# ?([a-z_0-9]+) =", example, re.M):
        if key not in keys:
            missing.append(f"etc/berth.conf: {key} is no setting")


def routes():
    """Rows of the tables of api.md: | `/path`, `/path` | METHODS | …; a part in capitals is a parameter."""
    said = set()
    for paths, methods in re.findall(r"^\| (`/[^|]*`) \| ([A-Z ]+)(?: \([a-z ]+\))? \|", read("doc/api.md"), re.M):
        for path in re.findall(r"`(/[^`?]*)", paths):
            said |= {(m, re.sub(r"/[A-Z]+\b", "/*", path)) for m in methods.split()}
    there = set()
    for source in sorted(glob.glob("src/api/*.c")):
        for method, path in re.findall(r'\{ "([A-Z]+)", "(/[^"]*)",', read(source)):
            there.add((method, re.sub(r"\{[^}]*\}", "*", path)))
    assert len(there) > 100
    for method, path in sorted(there - said):
        missing.append(f"doc/api.md: {method} {path}")
    for method, path in sorted(said - there):
        if (method, path) != ("GET", "/1.0/projects/default"):
            missing.append(f"doc/api.md: {method} {path} is no route")


def host_module():
    page = read("doc/host-module.md")
    rows = dict(re.findall(r"^\| ([A-Z]\w+) \| ([^|]*) \|", page, re.M))
    table = re.findall(r'^\t\{ "([A-Z]\w+)", (NULL|"[^"]*"),', read("src/api/host_module_ops.c"), re.M)
    assert len(table) == 18
    for name, inputs in table:
        for word in [""] + inputs.replace("NULL", "").strip('"').split():
            if name not in rows or not re.search(rf"\b{word}\b" if word else "", rows[name]):
                missing.append(f"doc/host-module.md: {name} {word}")
    fields = set(re.findall(r'\{ "([a-z_0-9]+)", (?:field|vmconfig)_', read("src/panel/vmconfig.c")))
    assert len(fields) > 10
    said = set(re.findall(r"\w+", " ".join(re.findall(r"^\| ([a-z_0-9, ]+) \|", page, re.M))))
    missing.extend(f"doc/host-module.md: {f} of a VMConfig" for f in sorted(fields - said))
    missing.extend(f"doc/host-module.md: {f} is no field" for f in sorted(said - fields - {"field", "operation"}))


def hooks():
    page = read("doc/berth-hooks.7")
    for event in re.findall(r'"((?:pre|post|host)-[a-z]+)"', read("src/hook/hook.c")):
        if not re.search(rf"(?<![\w-]){event}(?![\w-])", page):
            missing.append(f"doc/berth-hooks.7: {event}")
    for path in glob.glob("hooks/examples/*"):
        if path.rsplit("/", 1)[1] not in page:
            missing.append(f"doc/berth-hooks.7: {path}")


def included(room):
    """Other rooms whose headers the files of this one include."""
    found = set()
    for path in glob.glob(f"src/{room}/*.[ch]"):
        found.update(re.findall(r'^#include "([a-z]+)/', read(path), re.M))
    return found - {room}


def rooms():
    page = read("doc/HACKING.md")
    for room in (path[4:-1] for path in glob.glob("src/*/")):
        row = re.search(rf"^\| {room} \|.*\| ([^|]*) \|$", page, re.M)
        if not row:
            missing.append(f"doc/HACKING.md: {room}")
            continue
        allowed = set(re.findall(r"[a-z]+", row[1]))
        missing.extend(f"doc/HACKING.md: {room} may include {r}" for r in included(room) - allowed)
        missing.extend(f"doc/HACKING.md: {room} includes nothing of {r}" for r in allowed - included(room))


commands(sys.argv[1])
settings()
routes()
host_module()
hooks()
rooms()
print("\n".join(sorted(set(missing))))
sys.exit(len(missing) > 0)
