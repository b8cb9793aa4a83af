#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Snapshots by the clock, which waits for the next minute or two: a file of its own.

# shellcheck disable=SC2154 # what the helpers set

load helpers
load snapshot

listens() {
	"$BERTH" config set "$(name still)" user.n="$SECONDS" 2>/dev/null
	grep -q instance-updated "$BERTH_TEST_ROOT/events"
}

teardown_file_more() {
	kill "$(cat "$BERTH_TEST_ROOT/monitor")" 2>/dev/null || true
}

@test "the schedule makes one each minute, what has expired goes, both with their events" {
	local n stopped
	n=$(name due)
	stopped=$(name still)
	run_berth init bb "$stopped" -c "snapshots.schedule=* * * * *"
	timeout 900 "$BERTH" monitor --type lifecycle --format json >"$BERTH_TEST_ROOT/events" 2>/dev/null </dev/null 3>&- 4>&- 5>&- &
	echo $! >"$BERTH_TEST_ROOT/monitor"
	disown
	wait_for 10 listens || die "FAIL: no events"
	launch "$n" -c "snapshots.schedule=* * * * *" -c snapshots.pattern=auto%d
	api POST /1.0/storage-pools/default/volumes/custom '{"name":"v1","config":{"snapshots.schedule":"* * * * *","snapshots.pattern":"auto%d"}}'
	api POST /1.0/storage-pools/default/volumes/custom '{"name":"v2"}'
	"$BERTH" query -X POST -d '{"name":"old","expires_at":"2020-01-01T00:00:00Z"}' --wait /1.0/storage-pools/default/volumes/custom/v2/snapshots >/dev/null
	run_berth snapshot "$stopped" old
	"$BERTH" query -X PATCH -d '{"expires_at":"2020-01-01T00:00:00Z"}' --wait "/1.0/instances/$stopped/snapshots/old" >/dev/null
	wait_for 70 test -e "$(dir_of "$n")/snapshots/auto0" || die "FAIL: no snapshot by the schedule"
	wait_for 70 has_snapshots "$stopped" 0 || die "FAIL: the expired snapshot stays, or a stopped one has a new one"
	wait_for 10 grep -q "instance-snapshot-deleted.*$stopped/snapshots/old" "$BERTH_TEST_ROOT/events"
	wait_for 10 grep -q "instance-snapshot-created.*$n/snapshots/auto0" "$BERTH_TEST_ROOT/events"
	wait_for 10 grep -q "storage-volume-snapshot-created.*v1/snapshots/auto0" "$BERTH_TEST_ROOT/events"
	wait_for 10 grep -q "storage-volume-snapshot-deleted.*v2/snapshots/old" "$BERTH_TEST_ROOT/events"
	kill "$(cat "$BERTH_TEST_ROOT/monitor")"
	run_berth delete -f "$n" "$stopped"
}

@test "nothing is left behind" {
	leak_check
}
