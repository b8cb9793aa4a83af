#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Going back to a snapshot, and berthd fails or is killed before and after each step: up to the point of no return the
# instance is as it was, and runs if it did; from there on it is as the snapshot was. Needs a build with FAULTS=1.

# shellcheck disable=SC2154 # what the helpers set

load helpers
load snapshot

# An instance with a snapshot `s` that has "then", and "now" since.
prepare() { # NAME [OPTIONS…]
	launch "$@"
	in_container "$1" sh -c 'echo then >/root/f'
	run_berth snapshot "$1" s
	in_container "$1" sh -c 'echo now >/root/f'
	run_berth config set "$1" user.x=now
}

is_as() { # NAME then|now WHAT: on disk, which also one that does not run can be asked
	assert "$(cat "$(dir_of "$1")"/upper/root/f)" = "$2" "the file after $3"
	run_berth config get "$1" user.x
	if [[ $2 == now ]]; then assert "$output" = now "after $3"; else assert "$output" = "" "after $3"; fi
	assert "$(jq -r '.config["user.x"] // "then"' "$(dir_of "$1")/berth.json")" = "$2" "berth.json after $3"
	assert "$(cat "$(dir_of "$1")/snapshots/s/upper/root/f")" = "then" "the snapshot after $3"
	nothing_half_made "$1"
}

before() { # NAME STATE STEP…: faults that are undone
	local n=$1 state=$2 step how
	shift 2
	for step in "$@"; do
		for how in fail fail-after kill kill-after; do
			fault "snapshot-restore/$step/$how"
			run_berth 1 restore "$n" s
			[[ $how == fail* ]] || daemon_restart
			nothing_half_made "$n"
			wait_for 10 is_state "$n" "$state" || die "FAIL: not $state after $step/$how"
			is_as "$n" now "$step/$how"
		done
	done
}

beyond() { # NAME STATE STEP/HOW…: what is finished
	local n=$1 state=$2 fault
	shift 2
	for fault in "$@"; do
		fault "snapshot-restore/$fault"
		run_berth '?' restore "$n" s
		daemon_restart
		nothing_half_made "$n"
		wait_for 10 is_state "$n" "$state" || die "FAIL: not $state after $fault"
		is_as "$n" "then" "$fault"
		printf 'now\n' >"$(dir_of "$n")/upper/root/f"
		run_berth config set "$n" user.x=now
	done
}

@test "of a running instance, up to the stop" {
	local n
	n=$(name a)
	prepare "$n"
	before "$n" RUNNING check pre-restore stage stop
	run_berth delete -f "$n"
}

@test "of a running instance, from the stop to the start" {
	local n
	n=$(name b)
	prepare "$n"
	before "$n" RUNNING settle post-stop swap commit cgroups pre-start start
	daemon_restart
	run_berth restore "$n" s
	is_as "$n" "then" nothing
	run_berth delete -f "$n"
}

@test "of a stopped instance, up to the point of no return" {
	local n
	n=$(name c)
	prepare "$n"
	run_berth stop -f "$n"
	before "$n" STOPPED stage swap commit
	fault snapshot-restore/seal/fail
	run_berth 1 restore "$n" s
	is_as "$n" now seal/fail
	daemon_restart
	run_berth restore "$n" s
	is_as "$n" "then" nothing
	run_berth delete "$n"
}

@test "past the point of no return it goes forward" {
	local n
	n=$(name d)
	prepare "$n"
	run_berth stop -f "$n"
	beyond "$n" STOPPED seal/kill seal/kill-after {post-restore,sweep,release}/{fail,kill,kill-after}
	daemon_restart
	run_berth delete "$n"
}

@test "a record of the swap that the power brought back finds the old tree gone, and lets the new one be" {
	local n dir record
	n=$(name e)
	prepare "$n"
	run_berth stop -f "$n"
	dir=$(dir_of "$n")
	# the record as it is while the trees have changed places
	fault snapshot-restore/commit/kill-after
	run_berth 1 restore "$n" s
	record=$(echo "$BERTH_TEST_ROOT"/state/operations/*.json)
	cp "$record" "$BERTH_TEST_ROOT/record"
	daemon_restart
	is_as "$n" now commit/kill-after
	run_berth restore "$n" s
	is_as "$n" "then" nothing
	daemon_stop
	mv "$BERTH_TEST_ROOT/record" "$record"
	daemon_start
	is_as "$n" "then" "an old record"
	[[ -d $dir/work && -d $dir/lower && -d $dir/rootfs ]]
	# one that the power emptied is none
	daemon_stop
	: >"$record"
	daemon_start
	nothing_half_made "$n"
	run_berth start "$n"
	run_berth delete -f "$n"
}

@test "an undo that fails keeps the old tree, and the next start ends it" {
	local n dir
	n=$(name f)
	prepare "$n"
	run_berth stop -f "$n"
	dir=$(dir_of "$n")
	fault snapshot-restore/commit/kill-after
	run_berth 1 restore "$n" s
	# the old parts cannot come back: something lies in their place that a rename does not replace
	mkdir "$dir/.new/upper" && touch "$dir/.new/upper/stranger"
	daemon_restart
	has_said() { grep -q "cannot undo 'swap'" "$BERTH_TEST_ROOT/berthd.log"; }
	wait_for 20 has_said || die "FAIL: the undo did not fail"
	assert "$(cat "$dir/.old/upper/root/f")" = now "the old tree stays"
	rm -r "$dir/.new/upper"
	daemon_restart
	is_as "$n" now "the second undo"
	run_berth delete "$n"
}

@test "one that the next start finishes does not take the old tree of a later one that is undone" {
	local n first
	n=$(name two)
	prepare "$n"
	run_berth stop -f "$n"
	fault snapshot-restore/release/fail
	run_berth '?' restore "$n" s
	first=$(ls "$BERTH_TEST_ROOT"/state/operations/*.json)
	cp "$first" "$BERTH_TEST_ROOT/first"
	daemon_restart
	fault snapshot-restore/swap/kill-after
	printf 'now\n' >"$(dir_of "$n")/upper/root/f"
	run_berth config set "$n" user.x=now
	run_berth 1 restore "$n" s
	# the first one's record, as if nobody could have finished it
	mv "$BERTH_TEST_ROOT/first" "$first"
	daemon_restart
	is_as "$n" now "both"
	run_berth delete "$n"
}

@test "nothing is left behind" {
	leak_check
}
