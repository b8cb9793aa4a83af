#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2030,SC2031,SC2086,SC2154
# Backups that fail or are killed at any step: afterwards the instance runs and is not frozen, nothing half-made lies in
# backup_path, and the next backup works. Needs a build with FAULTS=1.

load helpers

setup_file_more() {
	export BACKUPS=$BERTH_TEST_ROOT/backups FREE
	FREE=$(name free)
	launch "$FREE"
	wait_init "$FREE"
}

rests() {
	find "$BACKUPS" -mindepth 1 -maxdepth 1 -name '.*'
}

# Runs, is not frozen, takes commands; backup_path holds whole backups only; nothing is left in the journal.
as_before() {
	wait_for 10 is_state "$FREE" RUNNING || die "FAIL: '$FREE' is $(state_of "$FREE") after $1"
	assert "$(lxc-info -P "$BERTH_TEST_ROOT/lxc" -n "$FREE" -sH)" = RUNNING "what LXC says after $1"
	in_container "$FREE" true
	wait_for 10 journal_empty || die "FAIL: journal after $1: $(cat "$BERTH_TEST_ROOT"/state/operations/*)"
	wait_for 10 nothing rests || die "FAIL: left after $1: $(rests)"
	"$BERTH" backup list --format json | jq -e 'all(.[]; .state == "ok")' >/dev/null || die "FAIL: $("$BERTH" backup list)"
	# what stop signals ask, init must be able to hear
	wait_init "$FREE"
}

backups_of() {
	"$BERTH" backup list "$FREE" --format json | jq length
}

delete_backups() {
	"$BERTH" backup list --format json | jq -r '.[].file' | xargs -r "$BERTH" backup delete
	assert "$(ls -A "$BACKUPS")" = ""
}

# Every step after which something is there that was not there before, in the mode where it does something.
LIVE="folder measure facts open read finish digest test sync publish clean prune"
FREEZE="freeze compare spill thaw append manifest"
STOP="stop settle read sweep-cgroups start started finish publish"

@test "this build has fault injection" {
	fault backup/check/fail
	refused 1 "injected fault at 'check'" backup create "$FREE"
	daemon_restart
	as_before "a failed check"
}

# each_killed MODE ACTION STEP…
each_killed() {
	local mode=$1 how=$2 step before
	shift 2
	daemon_stop
	for step in "$@"; do
		BERTH_FAULT=backup/$step/$how daemon_start
		[[ -z ${before:-} ]] || as_before "$before"
		before=$mode/$step/$how
		run_berth 1 backup create "$FREE" --mode "$mode" --keep-last 2
		died
	done
	BERTH_FAULT='' daemon_start
	as_before "$before"
}

@test "live: berthd killed after each step" {
	each_killed live kill-after $LIVE
	assert "$(backups_of)" -gt 0
	run_berth backup create "$FREE"
	delete_backups
}

@test "freeze: berthd killed after each step, and while it is frozen" {
	each_killed freeze kill-after $FREEZE
	each_killed freeze kill spill
	assert "$(backups_of)" = 0
	run_berth backup create "$FREE" --mode freeze
	delete_backups
}

@test "stop: berthd killed after each step, and before some" {
	each_killed stop kill-after $STOP
	each_killed stop kill stop start publish
	run_berth backup create "$FREE" --mode stop
	delete_backups
}

@test "killed between the sidecar and the archive getting their names: finished by the next start" {
	local journal file
	fault backup/publish/kill
	run_berth 1 backup create "$FREE"
	died
	journal=$(ls "$BERTH_TEST_ROOT"/state/operations/*.json)
	file=$(jq -r .args.file "$journal")
	jq .args.info "$journal" >"$BACKUPS/${file%.7z}.json"
	[[ -e $BACKUPS/.$file.tmp/archive.7z && ! -e $BACKUPS/$file ]]
	BERTH_FAULT='' daemon_start
	as_before "a sidecar alone"
	run_berth backup verify "$file"
	delete_backups
}

@test "whichever step fails" {
	local row
	for row in live/open live/finish live/sync freeze/freeze freeze/spill freeze/append stop/stop stop/settle stop/started; do
		fault "backup/${row#*/}/fail-after"
		refused 1 "injected fault at '${row#*/}'" backup create "$FREE" --mode "${row%/*}"
		as_before "$row"
		assert "$(ls -A "$BACKUPS")" = "" "after $row"
	done
	daemon_restart
	run_berth backup create "$FREE" --mode stop
	delete_backups
}

# Leaves KIB of room in backup_path.
room() {
	rm -f "$BACKUPS"/{ballast,ballast2,room}
	[[ $1 == 0 ]] || dd if=/dev/zero of="$BACKUPS/room" bs=1k count="$1" conv=fsync status=none
	fallocate -l "$(stat -f -c '%a * %S' "$BACKUPS" | xargs expr)" "$BACKUPS/ballast" 2>/dev/null || true # as far as it comes
	dd if=/dev/zero of="$BACKUPS/ballast2" bs=1k status=none 2>/dev/null || true
	rm -f "$BACKUPS/room"
	sync -f "$BACKUPS"
}

@test "the disk is full: one clear error, nothing left; once there is room it works" {
	local kib row disk=$BERTH_TEST_ROOT/disk
	daemon_restart
	truncate -s 8M "$disk"
	mkfs.ext4 -q -m 0 -O ^has_journal "$disk"
	mount -o loop "$disk" "$BACKUPS"
	rm -r "$BACKUPS/lost+found"
	for row in live/0 live/400 freeze/8 freeze/860 stop/64; do
		room "${row#*/}"
		refused 1 "o space left on device" backup create "$FREE" --mode "${row%/*}"
		rm -f "$BACKUPS"/ballast*
		as_before "a full disk ($row KiB)"
		assert "$(ls -A "$BACKUPS")" = "" "after $row KiB"
	done
	for kib in 920 928 936 950; do
		room $kib
		run_berth '?' backup create "$FREE" --mode freeze
		[[ $status == 0 ]] || contains "$stderr" "o space left on device"
		rm -f "$BACKUPS"/ballast*
		as_before "a disk with $kib KiB"
		"$BERTH" backup list --format json | jq -r '.[].file' | xargs -r "$BERTH" backup delete
	done
	run_berth backup create "$FREE" --mode freeze
	room 0
	run_berth backup verify "$("$BERTH" backup list "$FREE" --format json | jq -r '.[].file')"
	rm -f "$BACKUPS"/ballast*
	delete_backups
	umount "$BACKUPS"
	rm "$disk"
}

@test "nothing is left behind" {
	daemon_restart
	leak_check
}
