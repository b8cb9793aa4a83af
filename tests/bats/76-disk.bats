#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A disk that is full, or is just not: everything of one berthd lies on a small ext4. What needs room fails with one
# clear error and leaves nothing; what makes room works; once there is room again everything does.

load helpers

# Room left for a command, in KiB: whichever write is the one that fails, nothing may stay of it.
ROOMS="0 4 8 12 16 24 32 48 64"
FULL="[Nn]o space left on device"

setup_file_more() {
	local disk=$BERTH_TEST_ROOT.disk copy=$BERTH_TEST_ROOT.copy
	daemon_stop
	export BERTH_TEST_LOGS=$BERTH_TEST_ROOT.logs
	mkdir "$BERTH_TEST_LOGS"
	truncate -s 24M "$disk"
	mkfs.ext4 -q -m 0 -O ^has_journal "$disk" # without one, freed blocks are free at once
	cp -a "$BERTH_TEST_ROOT" "$copy"
	mount -o loop "$disk" "$BERTH_TEST_ROOT"
	cp -a "$copy/." "$BERTH_TEST_ROOT/"
	rm -r "$copy"
	chmod 755 "$BERTH_TEST_ROOT"
	daemon_start
}

teardown_file_more() {
	if [[ ! -e $BERTH_TEST_ROOT/checked ]]; then leak_check >&2 || true; fi
	process_alive "$(daemon_pid)" && daemon_kill
	umount -l "$BERTH_TEST_ROOT"
	rm -rf "$BERTH_TEST_ROOT.disk" "$BERTH_TEST_LOGS"
	touch "$BERTH_TEST_ROOT/checked"
}

teardown() {
	empty
	restore_after_failure
}

# Leaves KIB of room.
fill() {
	local kib=${1:-0}
	empty
	[[ $kib == 0 ]] || dd if=/dev/zero of="$BERTH_TEST_ROOT/room" bs=1k count="$kib" conv=fsync status=none
	fallocate -l $(($(stat -f -c '%a * %S' "$BERTH_TEST_ROOT"))) "$BERTH_TEST_ROOT/ballast" 2>/dev/null || true # as far as it comes
	dd if=/dev/zero of="$BERTH_TEST_ROOT/ballast2" bs=1k oflag=sync status=none 2>/dev/null || true
	rm -f "$BERTH_TEST_ROOT/room"
	sync -f "$BERTH_TEST_ROOT"
}

empty() {
	rm -f "$BERTH_TEST_ROOT"/{ballast,ballast2,room}
	sync -f "$BERTH_TEST_ROOT"
}

# Nothing but what was there: folders, journal, staging, temporary files.
nothing_half_made() {
	journal_ends
	wait_for 10 nothing staging || die "FAIL: staging: $(staging)"
	assert "$(find "$BERTH_TEST_ROOT" -xdev -name '*.tmp*' -not -path '*/rootfs/*')" = "" "temporary files"
	assert "$(ls -A "$BERTH_TEST_ROOT/lxc")" = "$("$BERTH" list -c n -f csv)" "folders and list"
}

# tight WORD… : with ever more room, berth WORD… ends well or with "no space", and leaves nothing half-made.
# Prints nothing; sets ENDED to the rooms in which it ended well.
tight() {
	local room
	ENDED=
	for room in $ROOMS; do
		fill "$room"
		run_berth '?' "$@"
		if [[ $status == 0 ]]; then
			ENDED+=" $room"
			after_success
		else
			assert "$stderr" =~ $FULL "error of 'berth $*' with $room KiB left"
		fi
		nothing_half_made
	done
}

after_success() {
	:
}

valid_files() { # NAME: what was written last is whole
	jq -e .config "$BERTH_TEST_ROOT/lxc/$1/berth.json" >/dev/null
	grep -q "^lxc.uts.name = $1\$" "$BERTH_TEST_ROOT/lxc/$1/config"
}

@test "import: no room for the archive" {
	fill
	refused 1 "o space left on device" image import "$BUSYBOX_IMAGE" --alias again
	nothing_half_made
	run_berth image list -c l -f csv
	assert "$output" = bb
}

@test "import: no room for the tree" {
	local image=$BERTH_TEST_LOGS/image
	mkdir -p "$image/rootfs/sbin" "$image/rootfs/etc"
	cp "$(command -v busybox)" "$image/rootfs/sbin/init"
	dd if=/dev/zero of="$image/rootfs/etc/large" bs=1M count=40 status=none
	tar czf "$image.tar.gz" -C "$image" rootfs
	refused 1 "o space left on device" image import "$image.tar.gz" --alias large
	nothing_half_made
	rm "$image/rootfs/etc/large"
	tar czf "$image.tar.gz" -C "$image" rootfs
	run_berth image import "$image.tar.gz" --alias large
	run_berth image delete large
	nothing_half_made
}

@test "init and launch: whichever write fails, nothing is left" {
	local n
	n=$(name l)
	after_success() {
		assert "$(state_of "$n")" = RUNNING
		run_berth delete -f "$n" # on a full disk
	}
	tight launch bb "$n"
	assert "$ENDED" != "" "rooms in which it could be launched"
	after_success() {
		assert "$(state_of "$n")" = STOPPED
		run_berth delete "$n"
	}
	tight init bb "$n"
	empty
	launch "$n"
	run_berth delete -f "$n"
	nothing_half_made
}

@test "config set: all or nothing" {
	local n value=0 want=0
	n=$(name c)
	run_berth init bb "$n" -c user.n=0
	for room in $ROOMS; do
		fill "$room"
		value=$((value + 1))
		run_berth '?' config set "$n" user.n=$value limits.processes=$((100 + value))
		if [[ $status == 0 ]]; then want=$value; else assert "$stderr" =~ $FULL; fi
		nothing_half_made
		valid_files "$n"
		run_berth config get "$n" user.n
		assert "$output" = $want "with $room KiB left"
		assert "$(jq -r '.config["user.n"]' "$BERTH_TEST_ROOT/lxc/$n/berth.json")" = $want "on disk, with $room KiB left"
	done
	empty
	run_berth config set "$n" user.n=last
	run_berth start "$n"
	run_berth delete -f "$n"
}

@test "rename, copy, profile set: all or nothing" {
	local a b
	a=$(name a)
	b=$(name b)
	run_berth init bb "$a"
	after_success() { run_berth delete "$b"; }
	tight copy "$a" "$b"
	after_success() { run_berth rename "$b" "$a"; }
	tight rename "$a" "$b"
	valid_files "$a"
	after_success() { :; }
	tight profile set default user.x=1
	after_success() { run_berth profile delete extra; }
	tight profile create extra
	empty
	run_berth profile show default
	run_berth profile unset default user.x
	refused 1 "not found" profile show extra
	run_berth start "$a"
	run_berth delete -f "$a"
	nothing_half_made
}

@test "restore: no room to unpack, or for what comes after; the instance as it was, or as it was backed up" {
	local a b room tree
	a=$(name a)
	b=$(name b)
	run_berth init bb "$a" -c user.v=new -s dir
	run_berth backup create "$a"
	run_berth config set "$a" user.v=old
	touch "$BERTH_TEST_ROOT/lxc/$a/rootfs/old"
	tree=$(du -sk "$BERTH_TEST_ROOT/lxc/$a/rootfs" | cut -f1)
	as_one() { # either all of the old, or all of the new
		valid_files "$a"
		assert "$(find "$BERTH_TEST_ROOT/lxc/$a" -maxdepth 1 -name '.*' | wc -l)" = 0
		if [[ -e $BERTH_TEST_ROOT/lxc/$a/rootfs/old ]]; then room=old; else room=new; fi
		assert "$(jq -r '.config["user.v"]' "$BERTH_TEST_ROOT/lxc/$a/berth.json")" = "$room"
	}
	after_success() { run_berth delete "$b"; }
	ROOMS="4 $((tree / 2)) $((tree + 8)) $((tree + 64)) $((tree + 512))" tight backup restore "$a" latest --name "$b"
	contains "$ENDED" $((tree + 512))
	after_success() { as_one; }
	for room in 0 16 $((tree / 2)) $((tree - 8)) "$tree" $((tree + 4)) $((tree + 8)) $((tree + 16)) $((tree + 64)); do
		ROOMS=$room tight backup restore "$a" latest
		as_one
	done
	empty
	run_berth backup restore "$a" latest --start
	assert "$(state_of "$a")" = RUNNING
	run_berth delete -f "$a"
	rm "$BERTH_TEST_ROOT"/backups/*
	nothing_half_made
}

@test "snapshot, restore: all or nothing, also of a running one; on a full disk a snapshot can be deleted" {
	local n state made
	n=$(name s)
	run_berth init bb "$n"
	for state in STOPPED RUNNING; do
		[[ $state == STOPPED ]] || run_berth start "$n"
		dd if=/dev/urandom of="$BERTH_TEST_ROOT/lxc/$n/upper/data" bs=1k count=20 status=none
		after_success() { run_berth delete "$n/s"; } # on a full disk
		tight snapshot "$n" s
		made=$ENDED
		assert "$(state_of "$n")" = $state
		assert "$(ls -A "$BERTH_TEST_ROOT/lxc/$n/snapshots" 2>/dev/null)" = "" "snapshots left"
		empty
		run_berth snapshot "$n" s
		after_success() { :; }
		tight restore "$n" s
		assert "$made$ENDED" != "" "rooms in which it could be done"
		assert "$(state_of "$n")" = $state
		assert "$(cd "$BERTH_TEST_ROOT/lxc/$n" && ls -A -d .[a-z]* 2>/dev/null)" = "" "what was staged"
		assert "$(stat -c %s "$BERTH_TEST_ROOT/lxc/$n/upper/data")" = 20480
		valid_files "$n"
		empty
		run_berth restore "$n" s
		run_berth delete "$n/s"
	done
	run_berth delete -f "$n"
	nothing_half_made
}

@test "on a full disk: start, exec, stop, delete, image delete work" {
	local a b
	a=$(name a)
	b=$(name b)
	run_berth init bb "$a"
	launch "$b"
	fill
	run_berth start "$a"
	run_berth exec "$a" -- true
	assert "$(state_of "$a")" = RUNNING
	fill 256 # what a command records ends with the disk
	api POST "/1.0/instances/$a/exec" '{"command": ["dd", "if=/dev/zero", "bs=64k", "count=100"], "record-output": true}'
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.metadata.return)" = 1
	run_berth exec "$a" -- true
	api DELETE "$(field '.metadata.metadata.output["1"]')"
	assert "$http" = 200
	fill
	run_berth stop -f "$a"
	run_berth stop -f "$b"
	assert "$(state_of "$b")" = STOPPED
	run_berth delete "$a"
	fill
	run_berth delete "$b"
	nothing_half_made
	fill
	run_berth image delete bb
	nothing_half_made
	empty
	run_berth image import "$BUSYBOX_IMAGE" --alias bb
}

@test "berthd starts on a full disk, and after kill -9 on one" {
	local n
	n=$(name d)
	launch "$n"
	fill
	daemon_stop
	daemon_start
	assert "$(state_of "$n")" = RUNNING
	daemon_kill
	daemon_start
	assert "$(state_of "$n")" = RUNNING
	run_berth exec "$n" -- true
	run_berth delete -f "$n"
	nothing_half_made
}

@test "a container fills the disk: seen, and it can be deleted" {
	local n
	n=$(name f)
	launch "$n"
	in_container "$n" sh -c 'dd if=/dev/zero of=/root/all bs=64k 2>/dev/null' || true
	assert "$(stat -f -c %a "$BERTH_TEST_ROOT")" -lt 64
	refused 1 "o space left on device" launch bb "$(name f2)"
	run_berth delete -f "$n"
	nothing_half_made
	room_again() { (($(stat -f -c %a "$BERTH_TEST_ROOT") > 64)); } # when the last mount has let go of it
	wait_for 10 room_again
	launch "$(name f2)"
	run_berth delete -f "$(name f2)"
}

@test "nothing is left behind" {
	leak_check
}
