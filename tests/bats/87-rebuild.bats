#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A fresh root file system for an instance: old whole or new whole, whatever happens. Needs a build with FAULTS=1.

# shellcheck disable=SC2016,SC2154 # what the container expands; what the helpers set

load helpers

# bb2: another image, with /etc/second and another property; broken: one whose init cannot run.
setup_file_more() {
	local tree=$BERTH_TEST_ROOT/tree
	mkdir "$tree"
	tar xzf "$BUSYBOX_IMAGE" -C "$tree" --numeric-owner
	echo second >"$tree/rootfs/etc/second"
	sed -i 's/^  description:.*/  description: the second/' "$tree/metadata.yaml"
	make_image "$tree" bb2
	rm "$tree/rootfs/sbin/init"
	make_image "$tree" broken
	rm -r "$tree"
}

make_image() { # TREE ALIAS
	tar czf "$BERTH_TEST_ROOT/$2.tar.gz" -C "$1" --numeric-owner .
	"$BERTH" image import "$BERTH_TEST_ROOT/$2.tar.gz" --alias "$2" >/dev/null || die "FAIL: $2 cannot be imported"
}

fingerprint() {
	"$BERTH" query "/1.0/images/aliases/$1" | jq -r .target
}

driver_of() {
	jq -r .driver "$BERTH_TEST_ROOT/lxc/$1/berth.json"
}

# Which tree a running instance has: "old" (its /mark is there), "new" (bb2), or both in one.
tree_of() {
	in_container "$1" sh -c '[ -e /mark ] && echo old; [ -e /etc/second ] && echo new; true' | tr '\n' ' '
}

nothing_beside() { # NAME
	[[ ! -e $BERTH_TEST_ROOT/lxc/$1/.new && ! -e $BERTH_TEST_ROOT/lxc/$1/.old ]] ||
		die "FAIL: left: $(ls -A "$BERTH_TEST_ROOT/lxc/$1")"
}

# Config, driver, what it has of its image, and tree belong together.
assert_whole() { # NAME old|new WHEN
	local image=bb
	[[ $2 == old ]] || image=bb2
	assert "$(tree_of "$1")" = "$2 " "tree $3"
	assert "$(key_of "$1" volatile.base_image)" = "$(fingerprint "$image")" "base image $3"
	assert "$("$BERTH" query "/1.0/instances/$1/metadata" | jq -c '.properties')" \
		= "$("$BERTH" query "/1.0/images/$(fingerprint "$image")" | jq -c '.properties')" "metadata $3"
	nothing_beside "$1"
}

@test "another image: the tree is new, everything else as it was" {
	local n before
	n=$(name re)
	launch "$n" -c user.x=1 -c limits.processes=99
	run_berth volume attach "$n" data
	in_container "$n" sh -c 'echo 1 >/mark; echo kept >/mnt/data/file'
	before=$(jq -S '[.devices, .profiles, .created_at, (.config | with_entries(select(.key | test("^image|base_image|last_state") | not)))]' \
		"$BERTH_TEST_ROOT/lxc/$n/berth.json")
	refused 1 "must be stopped to be rebuilt" rebuild bb2 "$n"
	assert_whole "$n" old "after it was refused"
	run_berth rebuild bb2 "$n" --force
	assert "$(state_of "$n")" = RUNNING
	assert_whole "$n" new "after a forced rebuild"
	assert "$(in_container "$n" cat /mnt/data/file)" = kept
	assert "$(in_container "$n" stat -c '%u %g' / /etc/passwd | tr '\n' ' ')" = "0 0 0 0 "
	assert "$(key_of "$n" image.description)" = "the second"
	assert "$(jq -S '[.devices, .profiles, .created_at, (.config | with_entries(select(.key | test("^image|base_image|last_state") | not)))]' \
		"$BERTH_TEST_ROOT/lxc/$n/berth.json")" = "$before"
	run_berth stop -f "$n"
	run_berth rebuild bb "$n"
	assert "$(state_of "$n")" = STOPPED
	run_berth start "$n"
	assert "$(tree_of "$n")" = "" "neither mark in the first image's tree"
	run_berth restart -f "$n"
	run_berth delete -f "$n"
	run_berth volume delete "$n/data"
}

@test "from one storage driver to the other, and empty" {
	local n
	n=$(name drv)
	run_berth launch bb "$n" -s dir
	in_container "$n" touch /mark
	run_berth rebuild bb2 "$n" -f
	assert "$(driver_of "$n")" = dir
	assert_whole "$n" new "dir to dir"
	run_berth config device set "$n" root pool=default
	run_berth rebuild bb "$n" --force
	in_container "$n" touch /mark
	assert "$(driver_of "$n")" = overlay
	assert_whole "$n" old "dir to overlay"
	[[ -d $BERTH_TEST_ROOT/lxc/$n/upper ]] || die "FAIL: no upper"
	run_berth stop -f "$n"
	run_berth rebuild --empty "$n"
	assert "$(driver_of "$n")" = dir
	assert "$(key_of "$n" volatile.base_image)" = null
	assert "$(ls -A "$BERTH_TEST_ROOT/lxc/$n/rootfs")" = ""
	[[ ! -e $BERTH_TEST_ROOT/lxc/$n/upper ]] || die "FAIL: the overlay's folders are left"
	run_berth rebuild bb2 "$n"
	assert "$(driver_of "$n")" = overlay
	run_berth start "$n"
	assert_whole "$n" new "empty to overlay"
	run_berth delete -f "$n"
}

@test "requests that are refused" {
	local n
	n=$(name bad)
	run_berth init bb "$n"
	refused 1 "Image alias not found" rebuild nothing "$n"
	refused 1 "Instance not found" rebuild bb nobody
	refused 2 "exclude" rebuild bb "$n" --empty
	refused 2 "image is missing" rebuild "$n"
	api POST "/1.0/instances/$n/rebuild" '{"source":{"type":"migration"}}'
	assert "$http" = 400
	api POST "/1.0/instances/$n/rebuild" '{}'
	assert "$http" = 400
	api POST "/1.0/instances/$n/rebuild" '{"source":{"type":"image"}}'
	assert "$http" = 400
	api POST "/1.0/instances/$n/rebuild" '{"source":{"type":"none"},"force":"yes"}'
	assert "$http" = 400
	run_berth start "$n"
	in_container "$n" touch /mark
	assert_whole "$n" old "after what was refused"
	run_berth delete -f "$n"
	lxc-create -P "$BERTH_TEST_ROOT/lxc" -n "$n" -t none -f /dev/null
	wait_for 10 is_state "$n" STOPPED
	refused 1 "was not made by berth" rebuild bb "$n"
	run_berth delete "$n"
}

@test "a new tree that does not start is taken back" {
	local n
	n=$(name nogo)
	launch "$n"
	in_container "$n" touch /mark
	run_berth 1 rebuild broken "$n" --force
	wait_for 10 is_state "$n" RUNNING
	assert_whole "$n" old "after a tree that did not start"
	run_berth delete -f "$n"
}

@test "an image deleted meanwhile keeps its tree as long as it is needed" {
	local n bb bb2
	n=$(name gone)
	bb=$(fingerprint bb)
	bb2=$(fingerprint bb2)
	delete_instances
	launch "$n"
	in_container "$n" touch /mark
	run_berth image delete bb
	fault rebuild/start/fail
	refused 1 "injected fault" rebuild bb2 "$n" --force
	assert "$(tree_of "$n")" = "old " "the tree of a deleted image"
	fault rebuild/commit/kill-after
	run_berth '?' rebuild bb2 "$n" --force
	wait_for 20 process_gone "$(daemon_pid)"
	daemon_restart
	wait_for 10 is_state "$n" RUNNING
	assert "$(tree_of "$n")" = "old " "the tree of a deleted image, after kill -9"
	# the new one's image is deleted while a hook keeps the rebuild waiting: gate says when it is there, and when to go on
	mkdir -p "$BERTH_TEST_ROOT/hooks.d/pre-rebuild"
	mkfifo "$BERTH_TEST_ROOT/there" "$BERTH_TEST_ROOT/go"
	printf '#!/bin/sh\necho >%s/there\nread x <%s/go\nexit 0\n' "$BERTH_TEST_ROOT" "$BERTH_TEST_ROOT" \
		>"$BERTH_TEST_ROOT/hooks.d/pre-rebuild/gate"
	chmod 755 "$BERTH_TEST_ROOT/hooks.d/pre-rebuild/gate"
	"$BERTH" rebuild bb2 "$n" --force >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
	local rebuild=$!
	read -r _ <"$BERTH_TEST_ROOT/there"
	run_berth image delete bb2
	echo >"$BERTH_TEST_ROOT/go"
	wait "$rebuild" || die "FAIL: $(cat "$BATS_TEST_TMPDIR/out")"
	rm -r "$BERTH_TEST_ROOT/hooks.d/pre-rebuild" "$BERTH_TEST_ROOT/there" "$BERTH_TEST_ROOT/go"
	assert "$(tree_of "$n")" = "new "
	wait_for 10 test ! -e "$BERTH_TEST_ROOT/images/$bb" || die "FAIL: nobody needs the first image's tree"
	[[ -e $BERTH_TEST_ROOT/images/$bb2/rootfs ]] || die "FAIL: the tree is gone"
	run_berth restart -f "$n"
	run_berth delete -f "$n"
	wait_for 10 test ! -e "$BERTH_TEST_ROOT/images/$bb2"
	run_berth image import "$BUSYBOX_IMAGE" --alias bb
	run_berth image import "$BERTH_TEST_ROOT/bb2.tar.gz" --alias bb2
}

@test "a fault in any step: old whole or new whole, running as before" {
	local n step how
	n=$(name fault)
	launch "$n"
	in_container "$n" touch /mark
	for step in check pre-rebuild stage stop settle swap commit cgroups start; do
		for how in fail fail-after kill kill-after; do
			if [[ $how == fail* ]]; then
				fault "rebuild/$step/$how"
				refused 1 "injected fault" rebuild bb2 "$n" --force
			else
				killed "rebuild/$step/$how" rebuild bb2 "$n" --force
			fi
			wait_for 10 is_state "$n" RUNNING || die "FAIL: $(state_of "$n") after rebuild/$step/$how"
			assert_whole "$n" old "after rebuild/$step/$how"
		done
	done
	for step in sweep release post-rebuild; do
		for how in kill kill-after; do
			killed "rebuild/$step/$how" rebuild bb2 "$n" --force
			wait_for 10 is_state "$n" RUNNING || die "FAIL: $(state_of "$n") after rebuild/$step/$how"
			assert_whole "$n" new "after rebuild/$step/$how"
			run_berth rebuild bb "$n" --force
			in_container "$n" touch /mark
		done
	done
	# a stopped one stays stopped
	run_berth stop -f "$n"
	for how in swap/kill-after commit/kill start/kill-after; do
		killed "rebuild/$how" rebuild bb2 "$n"
		assert "$(state_of "$n")" = STOPPED "after rebuild/$how"
		run_berth start "$n"
		assert_whole "$n" old "after rebuild/$how"
		run_berth stop -f "$n"
	done
	run_berth delete -f "$n"
}

@test "no room for the new tree" {
	local n disk=$BERTH_TEST_ROOT/disk lxc=$BERTH_TEST_ROOT/lxc
	n=$(name full)
	delete_instances
	daemon_stop
	truncate -s 12M "$disk"
	mkfs.ext4 -q -m 0 -O ^has_journal "$disk"
	mount -o loop "$disk" "$lxc"
	rm -r "$lxc/lost+found"
	chmod 711 "$lxc"
	daemon_start
	run_berth launch bb "$n" -s dir
	in_container "$n" touch /mark
	dd if=/dev/zero of="$lxc/.ballast" bs=1k count=$(($(stat -f -c '%a * %S / 1024' "$lxc") - 256)) status=none
	refused 1 "No space left" rebuild bb2 "$n" --force
	assert "$(state_of "$n")" = RUNNING
	assert_whole "$n" old "on a full disk"
	rm "$lxc/.ballast"
	run_berth rebuild bb2 "$n" --force
	assert_whole "$n" new "with room again"
	run_berth delete -f "$n"
	daemon_stop
	umount "$lxc"
	rm "$disk"
	daemon_start
}

@test "nothing is left behind" {
	daemon_restart
	leak_check
}
