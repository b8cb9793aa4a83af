#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # shared with helpers.bash, or from restore.bash
# Restoring, when something goes wrong: whichever step fails or berthd is killed at, whoever hangs or cancels, the
# instance is as it was; also hooks, and hosts without idmapped mounts. Needs a build with FAULTS=1.

load helpers
load restore

BERTH_TEST_SETTINGS='backup_stall_s = 10m'
STEPS=$(sed -n '/op_step restore_tree_steps/,/};/s/.*{ "\([a-z-]*\)".*/\1/p' "$BATS_TEST_DIRNAME"/../../src/backup/restore_tree.c)

# One that runs and says "old", with a backup that says "new".
versions() { # NAME
	init_dir "$1"
	echo new >"$(folder "$1")/rootfs/etc/version"
	backup "$1" "$1-20261122000000"
	echo old >"$(folder "$1")/rootfs/etc/version"
	run_berth config set "$1" user.v=old
	run_berth start "$1"
}

is_old() { # NAME WHAT
	wait_for 20 is_state "$1" RUNNING || die "FAIL: $2: '$1' is $(state_of "$1")"
	nothing_left
	assert "$(in_container "$1" cat /etc/version)" = old "$2"
	assert "$(jq -r '.config["user.v"]' "$(folder "$1")/berth.json")" = old "$2"
}

# A restore that berthd does not survive.
restore_killed() { # FILE [JSON]
	curl -sS --max-time 60 --unix-socket "$BERTH_SOCKET" -X POST -d "${2:-{\"force\":true\}}" \
		"http://x/1.0/backups/$1.7z/restore" >/dev/null 2>&1 || true
	died
}

@test "whichever step fails, or berthd is killed at: the instance is as it was, running" {
	local n step
	n=$(name f)
	versions "$n"
	for step in $STEPS; do
		# between the others nothing happens on the disk
		case $step in
		stage | unpack | stop | swap | commit | start | seal)
			fault "restore-tree/$step/kill"
			restore_killed "$n-20261122000000"
			[[ $step != seal ]] || break
			# what is recovered is not failed again
			BERTH_FAULT="restore-tree/$step/fail-after" daemon_start
			is_old "$n" "$step/kill"
			;;
		*) fault "restore-tree/$step/fail-after" ;;
		esac
		restore "$n-20261122000000" '{"force":true}'
		contains "$failed" "injected fault at '$step'"
		is_old "$n" "$step/fail-after"
	done
	# the last one: the new tree is complete, and stays, or the old one is back
	BERTH_FAULT='' daemon_start
	wait_for 20 is_state "$n" RUNNING
	nothing_left
	contains "old new" "$(in_container "$n" cat /etc/version)"
	daemon_restart
	restored "$n-20261122000000" '{"force":true}'
	assert "$(in_container "$n" cat /etc/version)" = new
	run_berth delete -f "$n"
}

@test "an undo of the swap that fails: not started with parts of two trees; the next start ends it" {
	local n dir
	n=$(name u)
	versions "$n"
	dir=$(folder "$n")
	fault restore-tree/commit/kill-after
	restore_killed "$n-20261122000000"
	# the old tree cannot come back: something lies where the new one is to go
	mkdir "$dir/.new/rootfs" && touch "$dir/.new/rootfs/stranger"
	BERTH_FAULT='' daemon_start
	has_said() { grep -q "(restore-tree): cannot undo 'stage'" "$BERTH_TEST_LOGS/berthd.log"; }
	wait_for 20 has_said || die "FAIL: the undo did not fail"
	assert "$(state_of "$n")" = STOPPED
	grep -q "'$n' is not started: it has parts of two trees" "$BERTH_TEST_LOGS/berthd.log"
	assert "$(cat "$dir/.old/rootfs/etc/version")" = old "the old tree stays"
	rm -r "$dir/.new/rootfs"
	daemon_restart
	is_old "$n" "the second undo"
	run_berth delete -f "$n"
}

@test "berthd is killed while an archive is verified, or an instance is made of it: nothing is there" {
	local n step
	n=$(name k)
	versions "$n"
	for step in restore/checksum/kill restore/desired/kill-after restore/apply/kill launch/rootfs/kill-after launch/commit/kill-after; do
		fault "$step"
		restore_killed "$n-20261122000000" "{\"new_name\":\"$n-2\"}"
		daemon_start
		is_old "$n" "$step"
		assert "$(state_of "$n-2")" = ""
	done
	for step in restore/list/fail restore/apply/fail launch/rootfs/fail-after; do
		fault "$step"
		restore "$n-20261122000000" "{\"new_name\":\"$n-2\"}"
		contains "$failed" "injected fault"
		is_old "$n" "$step"
		assert "$(state_of "$n-2")" = ""
	done
	daemon_restart
	run_berth delete -f "$n"
}

# A 7zz that hangs when the tree is asked for; $BERTH_TEST_ROOT/bin/hangs appears then.
hanging_seven() {
	local bin=$BERTH_TEST_ROOT/bin
	mkdir -p "$bin"
	chmod 777 "$bin"
	cat >"$bin/7zz" <<-END
		#!/bin/bash
		[[ "\$*" == *rootfs.tar* && ! -e $bin/well ]] || exec $(command -v 7zz || command -v 7z) "\$@"
		: >$bin/hangs
		exec tail -f /dev/null
	END
	chmod 755 "$bin/7zz"
	daemon_stop
	PATH=$bin:$PATH daemon_start
}

no_restore_runs() {
	! pgrep -f "berth-restore tree --into=$BERTH_TEST_ROOT" >/dev/null
}

@test "7zz hangs: given up after backup_stall_s, or cancelled before; the next try works" {
	local n id bin=$BERTH_TEST_ROOT/bin
	n=$(name h)
	versions "$n"
	sed -i 's/^backup_stall_s.*/backup_stall_s = 4/' "$BERTH_TEST_ROOT/berth.conf"
	hanging_seven
	restore "$n-20261122000000" '{"force":true}'
	contains "$failed" "has not moved for 4 s"
	is_old "$n" hang
	sed -i 's/^backup_stall_s.*/backup_stall_s = 10m/' "$BERTH_TEST_ROOT/berth.conf"
	hanging_seven
	for target in "$n" "$n-2"; do
		rm "$bin/hangs"
		api POST "/1.0/backups/$n-20261122000000.7z/restore" "{\"force\":true,\"new_name\":\"$target\"}"
		id=$(field .metadata.id)
		wait_for 20 test -e "$bin/hangs"
		api DELETE "/1.0/operations/$id"
		api GET "/1.0/operations/$id/wait"
		assert "$(field .metadata.status)" = Cancelled
		is_old "$n" "cancelled $target"
		wait_for 10 no_restore_runs
	done
	touch "$bin/well"
	restored "$n-20261122000000" '{"force":true}'
	assert "$(in_container "$n" cat /etc/version)" = new
	run_berth delete -f "$n"
	daemon_restart
}

@test "nobody deletes a backup that is being restored" {
	local n id bin=$BERTH_TEST_ROOT/bin
	n=$(name p)
	versions "$n"
	hanging_seven
	rm -f "$bin/hangs" "$bin/well"
	api POST "/1.0/backups/$n-20261122000000.7z/restore" '{"force":true}'
	id=$(field .metadata.id)
	wait_for 20 test -e "$bin/hangs"
	"$BERTH" backup delete "$n-20261122000000" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	[[ -e $(backups)/$n-20261122000000.7z ]]
	api DELETE "/1.0/operations/$id"
	wait $! || die "FAIL: $(cat "$BATS_TEST_TMPDIR/out")"
	[[ ! -e $(backups)/$n-20261122000000.7z ]]
	is_old "$n" deleted
	run_berth delete -f "$n"
	daemon_restart
}

hook() { # EVENT SCRIPT
	mkdir -p "$BERTH_TEST_ROOT/hooks.d/$1"
	printf '#!/bin/sh\n%s\n' "$2" >"$BERTH_TEST_ROOT/hooks.d/$1/10-test"
	chmod 755 "$BERTH_TEST_ROOT/hooks.d/$1/10-test"
}

# heard: how often an event of a restored instance came; whatever happened before the call has been heard.
heard() { # NAME
	local mark
	mark=$(name "mark$RANDOM")
	run_berth profile create "$mark"
	wait_for 10 grep -q "/1.0/profiles/$mark" "$BERTH_TEST_ROOT/events" || die "FAIL: no events"
	run_berth profile delete "$mark"
	jq -r --arg s "/1.0/instances/$1" 'select(.metadata.action == "instance-restored" and .metadata.source == $s) | 1' \
		"$BERTH_TEST_ROOT/events" | wc -l
}

listens() {
	"$BERTH" profile create "$(name ping)" && "$BERTH" profile delete "$(name ping)"
	[[ -s $BERTH_TEST_ROOT/events ]]
}

@test "hooks in their order; one that refuses, before anything changes; one lifecycle event" {
	local n event pid monitor
	n=$(name o)
	versions "$n"
	wait_init "$n"
	"$BERTH" monitor --type lifecycle --format json >"$BERTH_TEST_ROOT/events" 2>/dev/null </dev/null 3>&- 4>&- &
	monitor=$!
	wait_for 10 listens || die "FAIL: no events"
	for event in {pre,post}-{restore,stop,start}; do
		hook "$event" "echo $event \$BERTH_INSTANCE >>$BERTH_TEST_ROOT/called"
	done
	: >"$BERTH_TEST_ROOT/called"
	restored "$n-20261122000000" '{"timeout":60}'
	wait_for 10 journal_empty
	assert "$(cut -d' ' -f1 "$BERTH_TEST_ROOT/called" | tr '\n' ' ')" = \
		"pre-restore pre-stop post-stop pre-start post-start post-restore "
	assert "$(heard "$n")" = 1 "events of the restore"
	in_container "$n" sh -c 'echo old >/etc/version'
	run_berth config set "$n" user.v=old
	for event in pre-restore pre-stop pre-start; do
		hook "$event" 'echo not now; exit 1'
		pid=$(init_of "$n")
		wait_init "$n"
		restore "$n-20261122000000" '{"timeout":60}'
		contains "$failed" "refused $event"
		is_old "$n" "$event"
		[[ $event == pre-start || $(init_of "$n") == "$pid" ]]
		rm -r "$BERTH_TEST_ROOT/hooks.d/$event"
	done
	assert "$(heard "$n")" = 1 "events after restores that were refused"
	kill "$monitor"
	rm -r "$BERTH_TEST_ROOT/hooks.d"
	run_berth delete -f "$n"
}

@test "a host without idmapped mounts: ids are shifted on the disk" {
	local n before bin=$BERTH_TEST_ROOT/libexec base
	n=$(name i)
	mkdir "$bin"
	ln -s "$BERTH_LIBEXEC_DIR"/* "$bin/"
	rm "$bin/berth-rootfs"
	cat >"$bin/berth-rootfs" <<-END
		#!/bin/sh
		[ "\$1" != probe ] || { echo "idmapped=0 overlay=0"; exit; }
		exec $BERTH_LIBEXEC_DIR/berth-rootfs "\$@"
	END
	chmod 755 "$bin/berth-rootfs"
	daemon_stop
	BERTH_LIBEXEC_DIR=$bin daemon_start
	launch "$n"
	wait_init "$n"
	mkdir "$(folder "$n")/rootfs/nasty"
	chown --reference="$(folder "$n")/rootfs" "$(folder "$n")/rootfs/nasty"
	inside "$n" nasty nasty
	before=$(inside "$n" describe . nasty bin)
	run_berth backup create "$n" --mode freeze
	for target in "$n" "$n-2"; do
		run_berth backup restore "$n" latest --name "$target" --start --force
		diff <(echo "$before") <(inside "$target" describe . nasty bin)
		base=$(sed -n 's/^lxc.idmap = u 0 \([0-9]*\) .*/\1/p' "$(folder "$target")/config")
		assert "$(stat -c '%u' "$(folder "$target")/rootfs/bin")" = "$base"
		nothing_left
		[[ ! -e $(folder "$target")/.unpacked ]]
	done
	run_berth delete -f "$n" "$n-2"
	daemon_restart
}

@test "nothing is left behind" {
	leak_check
}
