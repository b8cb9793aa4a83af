#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# berth's own command line: files, storage, export and import, metadata, templates, trust, warnings, projects.

bats_require_minimum_version 1.5.0
load helpers

setup_file_more() {
	"$BERTH" init bb "$(name a)" >/dev/null
}

setup() {
	A=$(name a)
	D=$BATS_TEST_TMPDIR
}

@test "file push, pull, edit, create, delete" {
	printf 'one\n' >"$D/f"
	chmod 640 "$D/f"
	run_berth file push "$D/f" "$A/root/"
	run_berth file pull "$A/root/f" -
	assert "$output" = one
	run_berth file pull "$A//root/./f" "$D/back"
	assert "$(cat "$D/back") $(stat -c %a "$D/back")" = "one 640"
	refused 1 "Not Found" file push "$D/f" "$A/root/x/y/f"
	run_berth file push -p --uid 7 --gid 8 --mode 600 "$D/f" "$D/back" "$A/root/x/y/"
	api GET "/1.0/instances/$A/files?path=/root/x/y/back"
	# shellcheck disable=SC2154 # of api
	contains "$headers" "X-LXD-mode: 0600"
	contains "$headers" "X-LXD-uid: 7"
	contains "$headers" "X-LXD-gid: 8"
	run_berth file push - "$A/root/f" <<<two
	run_berth file pull "$A/root/f" "$A/root/x/y/back" "$D"
	assert "$(cat "$D/f" "$D/back")" = $'two\none'
	# a terminal gets an editor, anything else is the new contents
	run_berth file edit "$A/root/f" <<<three
	EDITOR="sed -i s/three/four/" run timeout 60 "$REPO/tests/on-terminal" "$BERTH" file edit "$A/root/f" --
	assert "$status" -eq 0 "$output"
	run_berth file pull "$A/root/f" -
	assert "$output" = four
	# what is made
	run_berth file create "$A/root/made/" --mode 0711
	run_berth file create --type symlink "$A/root/made/link" ../f
	run_berth file create -p "$A/root/made/p/q/empty"
	refused 1 "there already, a directory" file create "$A/root/made"
	run_berth file pull "$A/root/made/link" -
	assert "$output" = four
	refused 1 "directory not empty" file delete "$A/root/made"
	run_berth file delete "$A/root/made/link" "$A/root/f"
	refused 1 "Not Found" file pull "$A/root/f" -
	refused 1 "several files go into a folder" file pull "$A/root/a" "$A/root/b" "$D/back"
	refused 1 "Missing target directory" file push "$D/f" "$D/back" "$A/etc/hosts"
	refused 1 "without --recursive" file pull "$A/root" "$D/r"
	refused 1 "--recursive pushes it" file push "$D" "$A/root/"
	refused 1 "must be INSTANCE/PATH" file pull "$A" -
	refused 2 "octal" file push "$D/f" "$A/root/" --mode 0999
	refused 2 "4294967294" file push "$D/f" "$A/root/" --uid -5
}

@test "file push and pull of whole trees" {
	mkdir -p "$D/t/b/c" "$D/out"
	printf 'q\n' >"$D/t/b/q"
	chmod 600 "$D/t/b/q"
	ln -s q "$D/t/b/l"
	ln -s /nowhere "$D/t/dangling"
	run_berth file push -r "$D/t" "$A/srv/"
	run_berth file push -r -p "$D/t/" "$A/srv/new/er"
	run_berth file pull -r "$A/srv/t" "$D/out"
	diff -r --no-dereference "$D/t" "$D/out/t"
	assert "$(stat -c %a "$D/out/t/b/q")" = 600
	run_berth file pull -r -p "$A/srv/new/er" "$D/out/deep/er"
	diff -r --no-dereference "$D/t" "$D/out/deep/er"
	# again, onto what is there; a link there is not followed
	mkdir "$D/elsewhere"
	rm -r "$D/out/t/b/c" "$D/out/t/b/q"
	ln -s "$D/elsewhere" "$D/out/t/b/c"
	refused 1 "cannot open the folder 'c'" file pull -r "$A/srv/t" "$D/out"
	rm -f "$D/out/t/b/c" "$D/out/t/b/q"
	ln -s "$D/elsewhere/q" "$D/out/t/b/q"
	refused 1 "cannot write 'q'" file pull -r "$A/srv/t" "$D/out"
	assert "$(find "$D/elsewhere" -mindepth 1)" = ""
	refused 2 "single files" file push -r --uid 1 "$D/t" "$A/srv/"
	mkfifo "$D/t/fifo"
	refused 1 "cannot be pushed" file push -r "$D/t" "$A/srv/"
}

@test "storage pools" {
	local p
	p=$(name p)
	run_berth storage create "$p" dir user.x=1 --description lab
	assert "$output" = "Storage pool $p created"
	refused 1 "already exists" storage create "$p" dir
	refused 2 "dir, overlay or btrfs" storage create only
	run_berth storage list -f csv
	contains "$output" "$p,dir,$BERTH_TEST_ROOT/"
	run_berth storage list -f json
	assert "$(jq -r --arg p "$p" '.[] | select(.name == $p).description' <<<"$output")" = lab
	run_berth storage set "$p" user.y=2 volume.snapshots.expiry=2d
	run_berth storage get "$p" user.y
	assert "$output" = 2
	run_berth storage unset "$p" user.y
	refused 1 "user.y" storage unset "$p" user.y
	refused 1 "nosuch" storage set "$p" nosuch=1
	"$BERTH" storage show "$p" | sed 's/^description: lab/description: shop/' >"$D/pool.yaml"
	run_berth storage edit "$p" <"$D/pool.yaml"
	run_berth storage info "$p"
	contains "$output" "description: shop"
	contains "$output" "space used: "
	run_berth storage show "$p" --resources
	contains "$output" "inodes:"
	# volumes
	run_berth storage volume create "$p" v user.a=b
	refused 1 "already exists" storage volume create "$p" v
	run_berth storage volume set "$p" v user.c=d
	run_berth storage volume get "$p" v user.c
	assert "$output" = d
	run_berth storage volume unset "$p" v user.c
	run_berth storage volume snapshot "$p" v
	run_berth storage volume snapshot "$p" v s1 --no-expiry
	run_berth storage volume snapshot "$p" v s1 --no-expiry --reuse
	run_berth storage volume rename "$p" v/s1 v/s2
	refused 2 "a snapshot stays with its volume" storage volume rename "$p" v/s2 w/s2
	run_berth storage volume info "$p" v
	contains "$output" "Usage: "
	contains "$output" "| s2 "
	run_berth storage volume show "$p" v/s2
	contains "$output" "expires_at: 0001"
	run_berth storage volume edit "$p" v/s2 <<<"description: kept"
	run_berth storage volume show "$p" v/s2
	contains "$output" "description: kept"
	refused 1 "is what it was" storage volume set "$p" v/s2 user.a=c
	run_berth storage volume restore "$p" v s2
	run_berth storage volume list "$p" -c tn -f csv
	assert "$output" = "$(printf '%s\n' 'custom,v' 'custom (snapshot),v/s2' 'custom (snapshot),v/snap0')"
	run_berth storage volume copy "$p/v" "default/$p-w" --volume-only
	run_berth storage volume list default "$p-w" -c n -f csv
	assert "$output" = "$p-w"
	run_berth storage volume move "default/$p-w" "$p/w2"
	run_berth storage volume move "$p/w2" "$p/w3"
	run_berth storage volume rename "$p" w3 w
	run_berth storage volume show "$p" w
	contains "$output" "user.a: b"
	refused 1 "ot found" storage volume show "default" "$p-w"
	# devices
	run_berth storage volume attach "$p" v "$A"
	run_berth config device get "$A" v path
	assert "$output" = /mnt/v
	run_berth storage volume attach "$p" v "$A" more /srv/more
	refused 1 "name it" storage volume detach "$p" v "$A"
	run_berth storage volume detach "$p" v "$A" more
	run_berth storage volume detach "$p" custom/v "$A"
	refused 1 "has no device of the volume 'v'" storage volume detach "$p" v "$A"
	run_berth profile create "$p"
	run_berth storage volume attach-profile "$p" v "$p" /srv
	refused 1 "" storage volume delete "$p" v
	run_berth storage volume detach-profile "$p" v "$p"
	run_berth profile delete "$p"
	# berth volume shows the same, of instances
	run_berth volume create "$A/data"
	run_berth storage volume show default "${A}_data"
	run_berth volume delete "$A/data"
	run_berth storage volume show default "container/$A"
	refused 2 "names no volume" storage volume show default container/
	refused 2 "POOL/VOLUME" storage volume copy v w
	run_berth storage volume delete "$p" v/snap0 v w
	run_berth storage delete "$p"
	refused 1 "ot found" storage delete "$p"
}

@test "nothing is left behind" {
	leak_check
}
