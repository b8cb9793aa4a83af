#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# berthd fails, or is killed, before and after each step of making, deleting, renaming and changing a snapshot: there is a
# whole one or none, and the instance runs on. Also hooks on the way. Needs a build with FAULTS=1.

# shellcheck disable=SC2016,SC2154 # what the container expands; what the helpers set

load helpers
load snapshot

CREATE="check pre-snapshot tree freeze rest thaw note commit post-snapshot"

# Whatever came before: one whole snapshot `s` or none, nothing beside it; prints how many.
whole_or_none() { # NAME WHAT
	local count
	count=$(snapshots_of "$1" | wc -l)
	[[ $count == 0 || $count == 1 ]] || die "FAIL: $count snapshots after $2"
	if [[ $count == 1 ]]; then
		assert "$(cat "$(dir_of "$1")"/snapshots/s/*/root/mark)" = mark "the snapshot's file after $2"
		"$BERTH" delete "$1/s"
	fi
	echo "$count"
}

# made STEP HOW: is it to be there afterwards? In the step that commits and is killed it may be so or so.
made() {
	case $1/$2 in
	commit/kill) echo '[01]' ;;
	commit/kill-after | post-snapshot/*) echo 1 ;;
	*) echo 0 ;;
	esac
}

create_faults() { # NAME STATE STEP…
	local n=$1 state=$2 step how
	shift 2
	for step in "$@"; do
		for how in fail fail-after kill kill-after; do
			fault "snapshot/$step/$how"
			run_berth '?' snapshot "$n" s
			assert "$status" = 1 "$step/$how"
			# past the commit the next start finishes it
			[[ $how == fail* && $step != post-snapshot ]] || daemon_restart
			nothing_half_made "$n"
			wait_for 10 is_state "$n" "$state" || die "FAIL: not $state after $step/$how"
			assert "$(whole_or_none "$n" "$step/$how")" =~ "^$(made "$step" "$how")\$" "snapshots after $step/$how"
		done
	done
	daemon_restart
	run_berth snapshot "$n" s
	assert "$(whole_or_none "$n" nothing)" = 1
}

@test "making one of a running instance fails, or is killed, at each step" {
	local n
	n=$(name run)
	launch "$n"
	in_container "$n" sh -c 'echo mark >/root/mark'
	# shellcheck disable=SC2086 # words
	create_faults "$n" RUNNING $CREATE
	run_berth delete -f "$n"
}

# What an lxc-freeze leaves that is ended before its second look: stopped processes, and LXC takes the container for running.
hanging_freeze() {
	mkdir -p "$BERTH_TEST_ROOT/hang"
	printf '#!/bin/sh\n[ ! -e "%s" ] || echo FROZEN >"%s"\n: >"%s"\nexec sleep 600\n' \
		"$1" "$1" "$BERTH_TEST_ROOT/freezing" >"$BERTH_TEST_ROOT/hang/lxc-freeze"
	chmod 755 "$BERTH_TEST_ROOT/hang/lxc-freeze"
}

@test "berthd is killed while lxc-freeze waits: the processes go on at the next start" {
	local n state command client
	n=$(name half)
	launch "$n"
	state=$(cgroup_file "$n" freezer.state cgroup.freeze)
	hanging_freeze "${state%/*}/freezer.state"
	for command in "snapshot $n s" "copy $n $n-copy" "backup create $n --mode freeze"; do
		rm -f "$BERTH_TEST_ROOT/freezing"
		daemon_stop
		PATH=$BERTH_TEST_ROOT/hang:$PATH daemon_start
		# shellcheck disable=SC2086 # words
		"$BERTH" $command >/dev/null 2>&1 3>&- 4>&- 5>&- &
		client=$!
		wait_for 20 test -e "$BERTH_TEST_ROOT/freezing" || die "FAIL: no lxc-freeze for '$command'"
		daemon_kill
		! wait "$client" || die "FAIL: '$command' went on"
		daemon_start
		nothing_half_made "$n"
		assert "$(cat "$state")" =~ '^(THAWED|0)$' "the freezer after '$command'"
		assert "$(timeout 160 "$BERTH" exec "$n" -- echo on)" = on "after '$command'"
		wait_for 10 is_state "$n" RUNNING
	done
	assert "$(state_of "$n-copy")" = ""
	run_berth delete -f "$n"
}

@test "making one of a stopped instance fails, or is killed, at each step that does something" {
	local n
	n=$(name stop)
	launch "$n" -s dir
	in_container "$n" sh -c 'echo mark >/root/mark'
	run_berth stop -f "$n"
	create_faults "$n" STOPPED tree note commit
	run_berth delete "$n"
}

@test "what a power cut leaves of a snapshot goes with the next one" {
	local n dir
	n=$(name power)
	run_berth init bb "$n"
	dir=$(dir_of "$n")
	mkdir -p "$dir/snapshots/.new/upper/half" "$dir/.new/upper" "$dir/.swept/upper"
	echo >"$dir/snapshots/.new.note"
	run_berth snapshot "$n" s
	assert "$(ls -A "$dir/snapshots")" = s
	assert "$(snapshots_of "$n")" = s
	run_berth restore "$n" s
	nothing_half_made "$n"
	run_berth delete "$n"
}

@test "deleting one fails, or is killed, at each step: it is there, or it is gone, at the latest after the next start" {
	local n step how there
	n=$(name del)
	run_berth init bb "$n"
	run_berth snapshot "$n" kept
	for step in check hide remove release; do
		for how in fail fail-after kill kill-after; do
			run_berth snapshot "$n" d
			fault "snapshot-delete/$step/$how"
			run_berth '?' delete "$n/d"
			daemon_restart
			nothing_half_made "$n"
			there=$(snapshots_of "$n" | grep -c '^d$' || true)
			case $step/$how in
			check/* | hide/fail*) assert "$there" = 1 "after $step/$how" ;;
			*) assert "$there" = 0 "after $step/$how" ;;
			esac
			[[ $there == 0 ]] || run_berth delete "$n/d"
			assert "$(snapshots_of "$n")" = kept
		done
	done
	run_berth delete "$n"
}

@test "a deletion that the next start finishes leaves alone the next snapshot of that name" {
	local n
	n=$(name again)
	run_berth init bb "$n"
	run_berth snapshot "$n" d
	fault snapshot-delete/release/fail
	run_berth 1 delete "$n/d"
	assert "$(snapshots_of "$n")" = "" "after the deletion"
	run_berth snapshot "$n" d
	daemon_restart
	nothing_half_made "$n"
	assert "$(snapshots_of "$n")" = d "after the next start"
	run_berth delete "$n"
}

@test "renaming and changing one fails, or is killed: as it was, or done" {
	local n how
	n=$(name ren)
	run_berth init bb "$n"
	run_berth snapshot "$n" a
	for how in fail fail-after kill kill-after; do
		fault "snapshot-rename/rename/$how"
		run_berth 1 rename "$n/a" "$n/b"
		[[ $how == fail* ]] || daemon_restart
		if [[ $how == kill-after ]]; then
			assert "$(snapshots_of "$n")" = b "after $how"
			run_berth rename "$n/b" "$n/a"
		fi
		assert "$(snapshots_of "$n")" = a "after $how"
		nothing_half_made "$n"
	done
	for how in fail fail-after kill kill-after; do
		fault "snapshot-update/update/$how"
		"$BERTH" query -X PATCH -d '{"expires_at":"2098-01-01T00:00:00Z"}' --wait "/1.0/instances/$n/snapshots/a" && die "FAIL: it succeeded"
		[[ $how == fail* ]] || daemon_restart
		api GET "/1.0/instances/$n/snapshots/a"
		case $how in
		kill-after) assert "$(field .metadata.expires_at)" =~ ^2098-01-01T00:00:00 ;;
		*) assert "$(field .metadata.expires_at)" = 0001-01-01T00:00:00Z "after $how" ;;
		esac
		nothing_half_made "$n"
	done
	daemon_restart
	run_berth delete "$n"
}

# ---- hooks

hook() { # EVENT: what stands on stdin
	mkdir -p "$BERTH_TEST_ROOT/hooks.d/$1"
	cat >"$BERTH_TEST_ROOT/hooks.d/$1/10-test"
	chmod 755 "$BERTH_TEST_ROOT/hooks.d/$1/10-test"
}

recording_hooks() {
	local event
	for event in {pre,post}-{start,stop,snapshot,restore,rebuild}; do
		hook "$event" <<-END
			#!/bin/sh
			echo "\$BERTH_EVENT\$(jq -r 'if .snapshot then "=" + .snapshot else "" end')" >>"$BERTH_TEST_ROOT/hooks.log"
		END
	done
}

# What ran since the last call, in one line.
ran() {
	paste -sd' ' "$BERTH_TEST_ROOT/hooks.log" 2>/dev/null
	rm -f "$BERTH_TEST_ROOT/hooks.log"
}

has_run() { # LINE
	[[ $(paste -sd' ' "$BERTH_TEST_ROOT/hooks.log" 2>/dev/null) == "$1" ]]
}

@test "hooks of snapshots, and of the stop and start on the way back and of a rebuild" {
	local n pid
	n=$(name hook)
	launch "$n"
	recording_hooks
	run_berth snapshot "$n" s
	assert "$(ran)" = "pre-snapshot=s post-snapshot=s"
	run_berth restore "$n" s
	assert "$(ran)" = "pre-restore=s post-stop=s pre-start=s post-start=s post-restore=s"
	run_berth rebuild bb "$n" --force
	assert "$(ran)" = "pre-rebuild post-stop pre-start post-start post-rebuild"
	run_berth stop -f "$n"
	ran >/dev/null
	run_berth restore "$n" s
	assert "$(ran)" = "pre-restore=s post-restore=s" "of a stopped instance"
	run_berth rebuild bb "$n"
	assert "$(ran)" = "pre-rebuild post-rebuild" "of a stopped instance"
	run_berth start "$n"
	ran >/dev/null
	# refused before anything has changed
	hook pre-snapshot <<<$'#!/bin/sh\necho no snapshots today >&2; exit 1'
	hook pre-restore <<<$'#!/bin/sh\necho no way back >&2; exit 1'
	refused 1 "no snapshots today" snapshot "$n" t
	assert "$(snapshots_of "$n")" = s
	pid=$(init_of "$n")
	refused 1 "no way back" restore "$n" s
	assert "$(init_of "$n")" = "$pid" "it runs on"
	rm -r "$BERTH_TEST_ROOT/hooks.d"/pre-{snapshot,restore}
	# a start that is refused: the old one runs again, and post-start hears of it
	in_container "$n" touch /root/now
	hook pre-start <<<$'#!/bin/sh\necho not now >&2; exit 1'
	refused 1 "not now" restore "$n" s
	assert "$(state_of "$n")" = RUNNING
	in_container "$n" test -e /root/now
	wait_for 10 has_run "post-stop=s post-start" || die "FAIL: hooks: $(ran)"
	nothing_half_made "$n"
	rm -r "$BERTH_TEST_ROOT/hooks.d"
	run_berth delete -f "$n"
}

@test "nothing is left behind" {
	leak_check
}
