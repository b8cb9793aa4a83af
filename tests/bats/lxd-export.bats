# SPDX-License-Identifier: MIT
# LXD's own client: export and import, in LXD's format.

# shellcheck disable=SC2154 # what the helpers set
bats_require_minimum_version 1.5.0
load helpers
load lxd

setup_file_more() {
	SRC=t$BERTH_TEST_ID-src
	export SRC
	"$BERTH" launch bb "$SRC" -c user.a=1 >/dev/null
	"$BERTH" exec "$SRC" -- sh -c 'echo then >/root/f; ln /root/f /root/hard; ln -s ../etc /root/soft; chown 33:44 /root/f'
	"$BERTH" snapshot "$SRC" "s & 1" >/dev/null
	"$BERTH" exec "$SRC" -- sh -c 'echo now >/root/f'
}

@test "the archive has LXD's members, the index first, ids as in the container" {
	local t=$BATS_TEST_TMPDIR
	stock export -q "$SRC" "$t/x.tar.gz"
	tar tvzf "$t/x.tar.gz" --numeric-owner >"$t/list"
	assert "$(tar tzf "$t/x.tar.gz" 2>/dev/null | head -n 1)" = backup/index.yaml
	grep -q ' backup/container/backup.yaml$' "$t/list"
	grep -q ' backup/container/metadata.yaml$' "$t/list"
	grep -q '33/44 .* backup/container/rootfs/root/f$' "$t/list"
	grep -q 'backup/container/rootfs/root/hard link to backup/container/rootfs/root/f$' "$t/list"
	grep -q 'backup/container/rootfs/root/soft -> ../etc$' "$t/list"
	assert "$(tar xzOf "$t/x.tar.gz" backup/container/rootfs/root/f)" = now
	assert "$(tar xzOf "$t/x.tar.gz" "backup/snapshots/s & 1/rootfs/root/f")" = "then"
	tar xzOf "$t/x.tar.gz" backup/index.yaml >"$t/index"
	grep -q "^name: $SRC\$" "$t/index"
	grep -q "^- s & 1\$" "$t/index"
	grep -q '^      user.a: "1"$' "$t/index"
	grep -q "volatile.last_state.idmap: '\[\]'" "$t/index"
	[[ ! -e $BERTH_TEST_ROOT/backups/exports ]] || assert "$(ls -A "$BERTH_TEST_ROOT/backups/exports")" = ""
}

@test "compressions, without snapshots, to stdout; what is refused" {
	local t=$BATS_TEST_TMPDIR
	stock export -q "$SRC" "$t/x.tar" --compression none --instance-only --optimized-storage
	assert "$(tar tf "$t/x.tar" | grep -c '^backup/snapshots')" = 0
	stock export -q "$SRC" "$t/x.xz" --compression "xz -0"
	xz -t "$t/x.xz"
	stock_refused "\"foo\" isn't currently supported" export "$SRC" "$t/y" --compression foo
	stock_refused "isn't allowed" export "$SRC" "$t/y" --compression "gzip -S/../x"
	stock_refused "Instance not found" export "$(name nosuch)" "$t/y"
}

@test "a backup that stays: listed, renamed, expired, gone with its instance" {
	local c
	c=$(name b1)
	stock init bb "$c"
	api POST "/1.0/instances/$c/backups" '{"name":"one","compression_algorithm":"none","instance_only":true,"expires_at":"2099-01-01T00:00:00Z"}'
	assert "$http" = 202
	assert "$(field '.metadata.resources.backups[0]')" = /1.0/backups/one
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.status)" = Success
	api POST "/1.0/instances/$c/backups" '{"name":"one"}'
	assert "$http" = 409
	api POST "/1.0/instances/$c/backups" '{"name":"a/b"}'
	assert "$http" = 400
	stock info "$c"
	contains "$output" "Backups:"
	contains "$output" "| one "
	api GET "/1.0/instances/$c/backups"
	assert "$(field '.metadata[0]')" = "/1.0/instances/$c/backups/one"
	api POST "/1.0/instances/$c/backups/one" '{"name":"two"}'
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.status)" = Success
	api GET "/1.0/instances/$c/backups/two"
	assert "$(field '.metadata | "\(.name) \(.instance_only) \(.optimized_storage) \(.expires_at)"')" = "two true false 2099-01-01T00:00:00Z"
	api GET "/1.0/instances/$c/backups/one"
	assert "$http" = 404
	api GET "/1.0/instances/$c/backups/two/export"
	assert "$http" = 200
	contains "$headers" "Content-Length: $(stat -c %s "$BERTH_TEST_ROOT"/backups/exports/*/two/archive)"
	stock rename "$c" "$c-x"
	api GET "/1.0/instances/$c-x/backups/two"
	assert "$http" = 200
	api DELETE "/1.0/instances/$c-x/backups/two"
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.status)" = Success
	stock delete "$c-x"
}

@test "killed or failed on the way, nothing of it is left" {
	local c fault
	c=$(name b2)
	stock init bb "$c"
	for fault in export/index/kill export/trees/fail export/publish/fail; do
		fault "$fault"
		stock '?' export -q "$c" "$BATS_TEST_TMPDIR/y"
		[[ $fault != *kill ]] || revive "$fault"
		fault ""
		wait_for 10 journal_empty
		assert "$(find "$BERTH_TEST_ROOT/backups/exports" -mindepth 2 2>/dev/null)" = "" "$fault"
	done
	stock query -X POST -d '{"name":"one","compression_algorithm":"none","instance_only":true}' --wait "/1.0/instances/$c/backups"
	fault export-delete/hide/kill-after
	stock '?' query -X DELETE --wait "/1.0/instances/$c/backups/one"
	revive
	journal_ends
	[[ ! -e $BERTH_TEST_ROOT/backups/exports || -z $(ls -A "$BERTH_TEST_ROOT/backups/exports") ]]
	stock delete "$c"
}

@test "an archive becomes an instance with its snapshots, under its name or another" {
	local c t=$BATS_TEST_TMPDIR
	c=$(name i1)
	stock init bb "$c-a" -c user.a=1
	stock export -q "$SRC" "$t/x.xz" --compression "xz -0"
	stock_refused "Create instance from backup: Cannot restore volume, already exists on target" import "$t/x.xz"
	stock import "$t/x.xz" "$c"
	assert "$(key_of "$c" user.a)" = 1
	stock list "^$c\$" -c nsSt -f csv
	assert "$output" = "$c,STOPPED,1,CONTAINER"
	[[ $(key_of "$c" volatile.eth0.hwaddr) != "$(key_of "$SRC" volatile.eth0.hwaddr)" ]]
	[[ $(key_of "$c" volatile.uuid) != "$(key_of "$SRC" volatile.uuid)" ]]
	stock start "$c"
	assert "$(in_container "$c" cat /root/hard)" = now
	assert "$(in_container "$c" stat -c %u:%g:%h /root/f)" = 33:44:2
	stock restore "$c" "s & 1"
	assert "$(in_container "$c" cat /root/f)" = "then"
	stock delete -f "$c"
	stock export -q "$c-a" "$t/own" --compression none
	hwaddr=$(key_of "$c-a" volatile.eth0.hwaddr)
	stock delete "$c-a"
	stock init bb "$c-b" -d "eth0,hwaddr=${hwaddr^^}"
	stock import "$t/own"
	[[ $(key_of "$c-a" volatile.eth0.hwaddr) != "$hwaddr" ]] # another has it
	stock delete "$c-a" "$c-b"
	stock import "$t/own" -s dir
	assert "$(key_of "$c-a" volatile.eth0.hwaddr)" = "$hwaddr"
	stock_refused "Storage pool not found" import "$t/own" "$c" -s nopool
	stock delete "$c-a"
	assert "$(find "$BERTH_TEST_ROOT/backups" -name '.import*')" = ""
}

# archive FILE PYTHON…: an archive as LXD makes them, of a container that is shifted by 100000; the lines change it.
archive() {
	python3 - "$1" "$2" <<'END'
import io, json, sys, tarfile
tar = tarfile.open(sys.argv[1], "w:gz", format=tarfile.PAX_FORMAT)
idmap = json.dumps([{"Isuid": u, "Isgid": not u, "Hostid": 100000, "Nsid": 0, "Maprange": 65536} for u in (True, False)])
container = {"architecture": "x86_64", "config": {"user.k": "v", "volatile.last_state.idmap": idmap, "volatile.eth0.name": "x"},
             "devices": {"root": {"type": "disk", "path": "/", "pool": "elsewhere"}}, "profiles": ["default"], "ephemeral": False}
index = {"name": "lxd1", "backend": "dir", "pool": "elsewhere", "type": "container", "optimized": False, "config": {"container": container}}
metadata = {"architecture": "x86_64", "creation_date": 7, "properties": {"os": "bb"},
            "templates": {"/etc/x": {"when": ["create"], "template": "x.tpl"}}}
def add(name, data=None, kind=None, uid=100000, link=""):
    t = tarfile.TarInfo("backup/" + name)
    t.uid = t.gid = uid
    t.type = kind or (tarfile.DIRTYPE if data is None else tarfile.REGTYPE)
    t.mode, t.linkname = 0o755, link
    data = (data or "").encode()
    t.size = len(data)
    tar.addfile(t, io.BytesIO(data))
def head():
    add("index.yaml", json.dumps(index))
    add("container")
    add("container/backup.yaml", json.dumps(index["config"]))
    add("container/metadata.yaml", json.dumps(metadata))
    add("container/templates")
    add("container/templates/x.tpl", "hello\n")
    add("container/rootfs")
def tail():
    add("container/rootfs/a", "a", uid=100033)
    add("container/rootfs/b", kind=tarfile.LNKTYPE, link="backup/container/rootfs/a", uid=100033)
    add("container/rootfs/c", "c", uid=0)
exec(sys.argv[2])
tar.close()
END
}

@test "an archive of LXD's: shifted ids, a pool that is not here, templates" {
	local t=$BATS_TEST_TMPDIR c
	c=$(name l1)
	archive "$t/l.tar.gz" 'head(); tail()'
	stock import "$t/l.tar.gz" "$c"
	assert "$(stat -c %u:%g:%h "$BERTH_TEST_ROOT/lxc/$c/rootfs/a")" = 33:33:2
	assert "$(stat -c %u "$BERTH_TEST_ROOT/lxc/$c/rootfs/c")" = 65534
	assert "$(key_of "$c" user.k)" = v
	assert "$(key_of "$c" volatile.last_state.idmap)" = null
	assert "$(cat "$BERTH_TEST_ROOT/lxc/$c/metadata/templates/x.tpl")" = hello
	stock delete "$c"
	archive "$t/l.tar.gz" 'container["profiles"] = ["gone"]; head(); tail()'
	stock_refused 'gone' import "$t/l.tar.gz" "$c"
	archive "$t/l.tar.gz" 'container["config"]["no.such"] = "1"; head(); tail()'
	stock_refused 'Unknown configuration key: no.such' import "$t/l.tar.gz" "$c"
}

@test "what is no backup, or a hostile one, is refused, and nothing of it stays" {
	local t=$BATS_TEST_TMPDIR c part
	c=$(name h1)
	echo no >"$t/no"
	stock_refused "Unsupported compression" import "$t/no" "$c"
	tar czf "$t/y" -C / etc/hostname
	stock_refused "Backup is missing index.yaml" import "$t/y" "$c"
	while read -r part; do
		archive "$t/h" "$part"
		stock 1 import "$t/h" "$c"
		stock 1 info "$c"
	done <<-'END'
		head(); add("container/rootfs/../../x", "x"); tail()
		head(); add("container/rootfs/l", kind=tarfile.LNKTYPE, link="backup/container/backup.yaml"); tail()
		head(); add("container/rootfs/l", kind=tarfile.LNKTYPE, link="/etc/passwd"); tail()
		head(); add("container/rootfs/l", kind=tarfile.SYMTYPE, link="/tmp"); add("container/rootfs/l/x", "x"); tail()
		index["snapshots"] = ["../x"]; index["config"]["snapshots"] = [dict(container, name="../../x")]; head(); tail()
		index["snapshots"] = ["a"]; head(); tail()
		index["snapshots"] = ["a"]; index["config"]["snapshots"] = [dict(container, name="a")]; head(); tail()
		add("index.yaml", json.dumps(index))
		index["optimized"] = True; head(); tail()
		index["type"] = "virtual-machine"; head(); tail()
		container["config"] = ["x"]; head(); tail()
		container["config"]["volatile.last_state.idmap"] = "{"; head(); tail()
		metadata["templates"] = {"/etc/x": {"template": "../../x"}}; head(); tail()
		head(); add("container/templates/a/b", "x"); tail()
		head(); add("container/rootfs/sda", kind=tarfile.BLKTYPE); tail()
	END
	assert "$(find "$BERTH_TEST_ROOT/backups" -name '.import*')" = ""
	assert "$(find "$BERTH_TEST_ROOT/lxc" -mindepth 1 -maxdepth 1 -name "$c*")" = ""
}

@test "an import that is killed leaves nothing" {
	local c t=$BATS_TEST_TMPDIR
	c=$(name k1)
	archive "$t/l.tar.gz" 'head(); tail()'
	fault launch/snapshots/kill
	stock '?' import "$t/l.tar.gz" "$c"
	revive launch/snapshots/kill
	wait_for 10 journal_empty
	[[ ! -e $BERTH_TEST_ROOT/lxc/$c ]]
	assert "$(find "$BERTH_TEST_ROOT/backups" -name '.import*')" = ""
}

# tests/lxd/export.tar.xz: LXD 5.0.2 made it (dir pool; snapshot "early" before the first start, so not shifted; then started, so
# shifted by 1000000; renamed, exported with --compression "xz -9"). Its image is the busybox one without /bin/busybox.
@test "an archive that LXD itself made, with its snapshot and a template that waits" {
	local t=$BATS_TEST_TMPDIR
	stock import "$REPO/tests/lxd/export.tar.xz" -q
	stock config get lxdmade user.k
	assert "$output" = v
	stock config get lxdmade volatile.apply_template
	assert "$output" = rename
	tar -C "$t" -xzf "$BUSYBOX_IMAGE" rootfs/bin/busybox
	stock file push -q "$t/rootfs/bin/busybox" lxdmade/bin/busybox --mode 755
	stock start lxdmade
	assert "$(in_container lxdmade cat /etc/hostname)" = "lxdmade rename"
	assert "$(in_container lxdmade cat /root/f)" = second
	assert "$(in_container lxdmade stat -c %u:%g:%a /root/f /etc/passwd /tmp | tr '\n' ' ')" = "33:44:640 0:0:644 0:0:1777 "
	stock stop -f lxdmade
	stock restore lxdmade early
	stock file pull -q lxdmade/root/f "$t/f"
	assert "$(<"$t/f")" = first
	stock file push -q "$t/rootfs/bin/busybox" lxdmade/bin/busybox --mode 755
	stock start lxdmade
	assert "$(in_container lxdmade cat /etc/hostname)" = "lxdmade create"
	assert "$(in_container lxdmade stat -c %u:%g:%a /root/f /etc/passwd /tmp | tr '\n' ' ')" = "33:44:640 0:0:644 0:0:1777 "
	stock delete -f lxdmade
}

# altered FILE PYTHON…: FILE becomes what is left of optimized.tar.xz when the lines have changed m, {name below backup/: bytes}.
altered() {
	python3 - "$REPO/tests/lxd/optimized.tar.xz" "$1" "$2" <<'END'
import io, sys, tarfile
with tarfile.open(sys.argv[1]) as tar:
    m = {t.name[7:]: tar.extractfile(t).read() for t in tar}
exec(sys.argv[3])
with tarfile.open(sys.argv[2], "w") as tar:
    for name, data in m.items():
        t = tarfile.TarInfo("backup/" + name)
        t.size = len(data)
        tar.addfile(t, io.BytesIO(data))
END
}

# tests/lxd/optimized*.tar.xz: LXD 5.0.2 made them on btrfs, with --optimized-storage. The container (no /bin/busybox) has a snapshot
# "early" of before its first start, so not shifted, and "late", shifted by 1000000; the volume has s1.
@test "an archive of LXD's that was made with --optimized-storage" {
	local pool=$BERTH_TEST_ROOT/pools/bt tree part t=$BATS_TEST_TMPDIR
	stock_refused 'Optimized backup storage driver "btrfs" differs from the target storage pool driver' \
		import "$REPO/tests/lxd/optimized.tar.xz"
	stock storage create bt btrfs size=256MiB
	stock import "$REPO/tests/lxd/optimized.tar.xz" -s bt
	tree=$pool/containers/optimade
	assert "$(find "$tree" -mindepth 1 -maxdepth 1 -name '.*')" = ""
	assert "$(stat -c %i "$tree/rootfs" "$tree"/snapshots/{early,late}/rootfs | sort -u)" = 256
	assert "$(ls "$tree/rootfs")" = "$(printf '%s\n' bin dev etc linuxrc mnt proc root sys tmp usr)"
	assert "$(cat "$tree"/snapshots/{early,late}/rootfs/root/f "$tree/rootfs/root/f" | tr '\n' ' ')" = "early late now "
	assert "$(ls "$tree/snapshots/early/rootfs/root")" = "$(printf '%s\n' d f gone shared)"
	cmp "$tree/snapshots/late/rootfs/root/clone" "$tree/rootfs/root/shared"
	[[ ! -e $tree/rootfs/root/clone && $(cat "$tree/rootfs/root/e/m2") == moved ]]
	assert "$(cd "$tree/rootfs/root" && stat -c %u:%g:%a:%h:%F:%s hard link fifo cap sparse suid | tr '\n' ' ')" = "$(printf '%s ' \
		0:0:644:2:regular\ file:4 33:33:777:1:symbolic\ link:19 33:33:644:1:fifo:0 1:2:644:1:regular\ file:2 \
		65534:65534:644:1:regular\ file:1073741824 65534:65534:4755:1:regular\ file:2)"
	assert "$(getcap -n "$tree/rootfs/root/cap")" = "$tree/rootfs/root/cap cap_net_raw=ep"
	contains "$(getfacl -np "$tree/rootfs/root/f")" user:5:r--
	assert "$(getfattr --only-values -n user.a "$tree/rootfs/root/f")" = b
	assert "$(cat "$tree/metadata/templates/x.tpl")" = "made by {{ config_get(\"user.k\", \"nobody\") }}"
	assert "$(key_of optimade user.k)" = v
	stock restore optimade early
	stock config device get optimade root pool # of the snapshot too: where it lies, not where it lay
	assert "$output" = bt
	assert "$(cat "$tree/rootfs/root/f")" = early
	stock delete optimade

	stock storage volume import bt "$REPO/tests/lxd/optimized-volume.tar.xz"
	tree=$pool/custom
	assert "$(cat "$tree/volmade/f" "$tree/.volmade/snapshots/s1/data/f" | tr '\n' ' ')" = "second first "
	assert "$(stat -c %a:%u:%g "$tree/volmade" "$tree/volmade/f" | tr '\n' ' ')" = "750:0:0 644:5:6 "
	cmp "$tree/volmade/clone" "$tree/.volmade/snapshots/s1/data/shared"
	assert "$(find "$tree" -maxdepth 1 -name '..*')" = ""
	stock_refused 'Optimized backup storage driver "btrfs" differs' storage volume import default "$REPO/tests/lxd/optimized-volume.tar.xz" v2
	stock storage volume delete bt volmade

	# what btrfs-progs of here sends, with a disk of the host in it
	btrfs -q subvolume create "$pool/sub"
	mknod "$pool/sub/white" c 0 0
	mkdir -p "$pool/sub/dev" "$t/backup"
	mknod "$pool/sub/dev/null" c 1 3
	sent() {
		btrfs property set -ts "$pool/sub" ro true
		btrfs -q send -f "$t/backup/volume.bin" "$pool/sub"
		btrfs property set -ts "$pool/sub" ro false
		printf '%s\n' 'name: v' 'type: custom' 'backend: btrfs' 'optimized: true' 'config: {volume: {name: v}}' >"$t/backup/index.yaml"
		tar -C "$t" -cf "$t/v" backup/index.yaml backup/volume.bin
	}
	sent
	stock storage volume import bt "$t/v"
	assert "$(ls "$tree/v" "$tree/v/dev" | tr '\n' ' ')" = "$(printf '%s' "$tree/v: dev white  " "$tree/v/dev: ")"
	stock storage volume delete bt v
	mknod "$pool/sub/sda" b 8 0
	sent
	stock_refused "device nodes are only for privileged" storage volume import bt "$t/v"
	btrfs -q subvolume delete "$pool/sub"

	while read -r part; do
		altered "$t/o" "$part"
		stock 1 import "$t/o" hostile -s bt
		assert "$(find "$pool/containers" -mindepth 1)" = ""
	done <<-'END'
		del m["snapshots/late.bin"]
		del m["optimized_header.yaml"]
		m["optimized_header.yaml"] = m["optimized_header.yaml"].replace(b"path: /", b"path: /x")
		m["container.bin"] = m["container.bin"][:-9]
		m["container.bin"] = m["snapshots/early.bin"]
		m["snapshots/early.bin"] = m["snapshots/early.bin"].replace(b"rootfs/root/gone", b"../../root/gone_")
	END
	fault launch/rootfs/kill-after
	stock '?' import "$REPO/tests/lxd/optimized.tar.xz" -s bt
	revive launch/rootfs/kill-after
	wait_for 10 journal_empty
	fault custom-import/build/kill-after
	stock '?' storage volume import bt "$REPO/tests/lxd/optimized-volume.tar.xz"
	revive custom-import/build/kill-after
	wait_for 10 journal_empty
	assert "$(find "$pool/containers" "$pool/custom" -mindepth 1)" = ""
	stock storage delete bt
}

@test "nothing is left behind" {
	"$BERTH" delete -f "$SRC"
	leak_check
}
