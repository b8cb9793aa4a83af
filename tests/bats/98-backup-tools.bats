#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2030,SC2031
# Backups with tools that hang, fail, are killed or are not there; cancelled ones; instances that do not stop or do not
# start again. Each time: an error that names what it was, the instance as it was, nothing left, and the next one works.

load helpers
load tools

BERTH_TEST_SETTINGS='shutdown_grace_s = 2s
backup_stall_s = 10m'

setup_file_more() {
	export BACKUPS=$BERTH_TEST_ROOT/backups FREE
	FREE=$(name free)
	launch "$FREE" -c raw.lxc='lxc.signal.halt = SIGUSR2'
	wait_init "$FREE"
	tools_setup
}

teardown() {
	tools_real
	[[ -z ${BATS_TEST_COMPLETED:-} && ! -e $BERTH_TEST_ROOT/checked ]] || return 0
	daemon_stop || true
	tools_start || return 0
	rm -rf "${BACKUPS:?}"/*
	[[ $(state_of "$FREE") == RUNNING ]] || "$BERTH" start "$FREE"
}

reread_again() { # COUNT
	(($(grep -c 'settings reread' "$BERTH_TEST_ROOT/berthd.log") > $1))
}

# How long a backup may stand still from now on: a busy machine lets good ones do so for seconds.
stall() { # TIME
	local n
	n=$(grep -c 'settings reread' "$BERTH_TEST_ROOT/berthd.log" || true)
	sed -i "s/^backup_stall_s.*/backup_stall_s = $1/" "$BERTH_TEST_ROOT/berth.conf"
	kill -HUP "$(daemon_pid)"
	wait_for 10 reread_again "$n"
}

rests() {
	find "$BACKUPS" -mindepth 1
}

# It runs, is not frozen, and no part of a backup is left.
as_before() {
	journal_ends
	wait_for 10 is_state "$FREE" RUNNING || die "FAIL: '$FREE' is $(state_of "$FREE")"
	in_container "$FREE" true
	wait_for 10 nothing rests || die "FAIL: left: $(rests)"
}

# backup_fails PART OPTIONS…
backup_fails() {
	local part=$1
	shift
	refused 1 "$part" backup create "$FREE" "$@"
	as_before
}

works() {
	run_berth backup create "$FREE" "$@"
	run_berth backup delete "$(sed -n 's/^Backup \(.*\) created$/\1/p' <<<"$output")"
	as_before
}

@test "7zz fails, is killed, ends too early, hangs" {
	fake 7zz fail
	backup_fails "7zz: it is out of order"
	fake 7zz fail -si
	backup_fails "7zz: it is out of order"
	fake 7zz killed -si
	backup_fails "7zz' was killed"
	fake 7zz nothing -si
	backup_fails "7zz' ended too early"
	fake 7zz then-fail -si
	backup_fails "7zz: it is out of order, afterwards" --mode freeze
	fake 7zz deaf -si
	stall 2s
	backup_fails "has not moved for 2 s" --mode stop
	wait_init "$FREE"
	fake 7zz then-hang -si
	stall 5s
	backup_fails "has not moved for 5 s: 7zz hangs" --mode freeze
	stall 10m
	fake 7zz fail " t "
	backup_fails "7zz: it is out of order"
	real 7zz
	works
}

@test "tar and the rest fail, hang, or are not there" {
	local tool
	fake tar fail
	backup_fails "tar: it is out of order"
	fake tar then-fail
	backup_fails "tar: it is out of order, afterwards" --mode stop
	wait_init "$FREE"
	fake tar killed
	backup_fails "'tar' was killed"
	fake tar nothing
	backup_fails "the stream ends too early"
	fake tar garbage
	backup_fails "the stream ends too early"
	fake tar hang
	stall 2s
	backup_fails "has not moved for 2 s: tar or 7zz hangs"
	stall 10m
	fake tar fail --no-recursion
	backup_fails "tar: it is out of order" --mode freeze
	fake tar hang --no-recursion
	stall 2s
	backup_fails "tar" --mode freeze
	stall 10m
	missing tar
	backup_fails "tar"
	real tar
	for tool in berth-restore berth-pack; do
		fake $tool fail
		backup_fails "$tool: it is out of order"
		missing $tool
		backup_fails "$tool"
		real $tool
	done
	fake lxc-freeze fail
	backup_fails "lxc-freeze: it is out of order" --mode freeze
	fake lxc-freeze then-fail
	backup_fails "lxc-freeze: it is out of order, afterwards" --mode freeze
	real lxc-freeze
	works --mode freeze
}

# p7zip's program is the same one, older: what stands in for it here is 7zz under its name.
@test "7zz is missing: 7z does; both are missing" {
	local file
	missing 7zz
	[[ -e $BIN/7z ]] || printf '#!/bin/sh\nexec %s "$@"\n' "$BIN/real-7zz" >"$BIN/7z"
	chmod 755 "$BIN/7z"
	run_berth backup create "$FREE" --mode freeze
	file=$(sed -n 's/^Backup \(.*\) created$/\1/p' <<<"$output")
	run_berth backup verify "$file"
	run_berth backup restore "$FREE" "$file" --name "$FREE-7z"
	run_berth delete -f "$FREE-7z"
	missing 7z
	refused 1 "install the package '7zip'" backup verify "$file"
	refused 1 "install the package '7zip'" backup restore "$FREE" "$file" --name "$FREE-7z"
	run_berth backup delete "$file"
	backup_fails "install the package '7zip'"
}

@test "what changes while it is read: a backup all the same, and it says so" {
	local n file rootfs said='any(.warnings[]; . == "./big: file changed as we read it")'
	n=$(name changing)
	run_berth init bb "$n" -s dir
	rootfs=$BERTH_TEST_ROOT/lxc/$n/rootfs
	head -c 4M < <(yes) >"$rootfs/big"
	echo "$rootfs/big" >"$BIN/.tar.file"
	fake tar changing
	run_berth backup create "$n"
	file=$(sed -n 's/^Backup \(.*\) created$/\1/p' <<<"$output")
	contains "$stderr" "Warning: ./big: file changed as we read it"
	jq -e "$said" "$BACKUPS/${file%.7z}.json"
	run_berth query "/1.0/backups/$file"
	jq -e "$said" <<<"$output"
	real tar
	run_berth backup verify "$file"
	run_berth backup delete "$file"
	run_berth delete "$n"
}

@test "what is being read is not pruned, and deleted only afterwards" {
	local one two
	run_berth backup create "$FREE"
	run_berth backup create "$FREE"
	read -r two one < <("$BERTH" backup list "$FREE" --format json | jq -r '[.[].file] | join(" ")')
	fake berth-restore hang digest
	background backup verify "$one"
	fake_called berth-restore
	run_berth backup prune "$FREE" --keep-last 1
	assert "$output" = ""
	"$BERTH" backup delete "$one" </dev/null 3>&- 4>&- &
	waits() { "$BERTH" operation list -f json | jq -e 'any(.[]; .description == "Deleting backup" and .status == "Pending")' >/dev/null; }
	wait_for 10 waits
	[[ -e $BACKUPS/$one ]]
	cancel_all
	ended 1
	wait $!
	[[ ! -e $BACKUPS/$one ]]
	real berth-restore
	run_berth backup delete "$two"
	as_before
}

cancelled() {
	ended 1
	said "cancelled"
	as_before
}

@test "cancelled: while it is read, while it is frozen, while it is stopped, at its test" {
	local row
	for row in "live tar hang" "freeze tar hang --no-recursion" "stop tar hang" "freeze berth-pack hang changed" "live 7zz deaf -si" \
		"live 7zz hang -bsp0 --" "live berth-restore hang digest"; do
		read -r mode tool how part <<<"$row"
		fake "$tool" "$how" ${part:+"$part"}
		background backup create "$FREE" --mode "$mode"
		fake_called "$tool"
		cancel_all
		cancelled
		real "$tool"
	done
	wait_init "$FREE"
	works --mode freeze
}

@test "berthd is ended in the middle: undone, and the instance runs" {
	fake tar hang --no-recursion
	background backup create "$FREE" --mode freeze
	fake_called tar
	tools_start
	ended 1
	as_before
	fake tar hang
	background backup create "$FREE" --mode stop
	fake_called tar
	tools_start
	ended 1
	real tar
	as_before
	wait_init "$FREE"
	works --mode stop
}

returning() { # the operation that waits for the end of it
	"$BERTH" operation list -f json | jq -e '[.[] | select(.status_code == 103)] | length == 1' >/dev/null
}

is_another() { # PID: that one is not its init any more
	local pid
	pid=$(init_of "$FREE")
	[[ -n $pid && $pid != "$1" ]]
}

# Its init takes SIGPWR for nothing: a stop is heard by nobody, until we end it.
@test "it does not stop: given up in time, and started again when it goes down afterwards; --force" {
	local pid
	run_berth stop -f "$FREE"
	run_berth config set "$FREE" raw.lxc='lxc.signal.halt = SIGWINCH'
	run_berth start "$FREE"
	wait_init "$FREE"
	pid=$(init_of "$FREE")
	refused 1 "did not shut down within 1 s" backup create "$FREE" --mode stop --timeout 1
	is_state "$FREE" RUNNING
	assert "$(rests)" = ""
	wait_for 10 returning || die "FAIL: nobody waits for its end"
	# it goes down at last: while berthd is there, and while it is not
	kill -KILL "$pid"
	wait_for 20 is_another "$pid"
	wait_init "$FREE"
	as_before
	pid=$(init_of "$FREE")
	refused 1 "did not shut down within 1 s" backup create "$FREE" --mode stop --timeout 1
	daemon_kill
	kill -KILL "$pid"
	tools_start
	wait_for 20 is_another "$pid"
	wait_init "$FREE"
	as_before
	# and when it does not, a stop by its user counts
	refused 1 "did not shut down within 1 s" backup create "$FREE" --mode stop --timeout 1
	tools_start
	wait_for 10 returning
	run_berth stop -f "$FREE"
	wait_for 10 journal_empty
	assert "$(state_of "$FREE")" = STOPPED
	run_berth start "$FREE"
	wait_init "$FREE"
	works --mode stop --timeout 1 --force
}

@test "it cannot be started again: the backup is kept, and the error told" {
	fake lxc-start fail
	refused 1 "was made, but '$FREE' is down: cannot start '$FREE'" backup create "$FREE" --mode stop --timeout 1 --force
	wait_for 10 journal_empty
	assert "$(state_of "$FREE")" = STOPPED
	run_berth backup list "$FREE" --format json
	assert "$(jq -r '[.[].state] | join(" ")' <<<"$output")" = ok
	run_berth backup verify "$(jq -r '.[].file' <<<"$output")"
	real lxc-start
	tools_start
	assert "$(state_of "$FREE")" = STOPPED
	run_berth start "$FREE"
	run_berth backup delete "$("$BERTH" backup list "$FREE" --format json | jq -r '.[].file')"
	as_before
}

@test "nothing is left behind" {
	leak_check
}
