#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Tools that hang, fail, talk nonsense, are killed or are not there, in place of the real ones; containers that are
# ended by hand in the middle of an operation; berthd ended in the middle of a launch. Each time: an error that names
# the tool, nothing left, the truth in the list, and the next command works.

load helpers
load tools

BERTH_TEST_SETTINGS='shutdown_grace_s = 2s'

teardown() {
	tools_real
	[[ -z ${BATS_TEST_COMPLETED:-} && ! -e $BERTH_TEST_ROOT/checked ]] || return 0
	daemon_stop || true
	tools_start || return 0
	image_restore
}

monitor_of() {
	awk '$1 == "PPid:" { print $2 }' "/proc/$(init_of "$1")/status"
}

# What a failed or cancelled launch of NAME must not leave.
no_trace() {
	assert "$(state_of "$1")" = "" "'$1' in the list"
	[[ ! -e $BERTH_TEST_ROOT/lxc/$1 ]] || die "FAIL: the folder of '$1' is left: $(ls -A "$BERTH_TEST_ROOT/lxc/$1")"
	wait_for 10 nothing mounts_of "$1" || die "FAIL: mounts: $(mounts_of "$1")"
	wait_for 10 nothing cgroups_of "$1" || die "FAIL: cgroups: $(cgroups_of "$1")"
	journal_ends
	assert "$(find "$BERTH_TEST_ROOT/run" -name "$1*")" = "" "files of '$1' in run/"
}

# A tool that fails in each of these ways in an operation that is undone: COMMAND… must end with 1.
in_all_ways() { # TOOL NAME COMMAND…
	local tool=$1 n=$2
	shift 2
	fake "$tool" fail
	refused 1 "'$tool' exited with 3: $tool: it is out of order" "$@"
	no_trace "$n"
	fake "$tool" garbage
	refused 1 "'$tool' exited with 1: very wrong  indeed" "$@"
	no_trace "$n"
	fake "$tool" killed
	refused 1 "'$tool' was killed by signal 9" "$@"
	no_trace "$n"
	missing "$tool"
	refused 1 "cannot run '$tool': No such file or directory" "$@"
	no_trace "$n"
	fake "$tool" hang
	background "$@"
	fake_called "$tool"
	cancel_all
	ended 1
	said "cancelled"
	no_trace "$n"
	real "$tool"
	launch "$n"
	run_berth delete -f "$n"
	no_trace "$n"
}

# ---- lxc-start

@test "berthd killed while it starts one that has rebooted: before LXC began the next one does it, after that LXC" {
	local n pid
	n=$(name again)
	launch "$n"
	wait_init "$n"
	fake lxc-start hang
	in_container "$n" reboot || true
	fake_called lxc-start
	daemon_kill
	assert "$(ls -A "$BERTH_TEST_ROOT/run/reboots")" = ".berthd
.start-$n"
	real lxc-start
	tools_start
	wait_for 20 is_state "$n" RUNNING
	wait_init "$n"
	wait_for 10 eval '[[ $(ls -A "$BERTH_TEST_ROOT/run/reboots") == .berthd ]]'

	pid=$(init_of "$n")
	fake lxc-start then-wait
	in_container "$n" reboot || true
	wait_for 20 eval '[[ $(init_of "$n") =~ ^[0-9]+$ && $(init_of "$n") != "$pid" ]]'
	wait_for 10 eval '[[ $(init_of "$n") =~ ^[0-9]+$ ]] && pid=$(init_of "$n") && [[ -n $pid ]]'
	daemon_kill
	: >"$BIN/.lxc-start.go"
	real lxc-start
	tools_start
	wait_for 10 eval '[[ $(ls -A "$BERTH_TEST_ROOT/run/reboots") == .berthd ]]'
	assert "$(state_of "$n")" = RUNNING
	assert "$(init_of "$n")" = "$pid"
	rm "$BIN/.lxc-start.go"
	run_berth delete -f "$n"
}

@test "lxc-start fails, prints garbage, is killed, is missing, hangs: a launch is undone" {
	in_all_ways lxc-start "$(name s)" launch bb "$(name s)"
}

@test "lxc-start does not end, and does not listen: a cancelled launch is undone" {
	local n
	n=$(name deaf)
	fake lxc-start deaf
	background launch bb "$n"
	fake_called lxc-start
	cancel_all
	ended 1
	said "cancelled"
	no_trace "$n"
}

@test "lxc-start does its work but does not end: a cancelled launch ends the container" {
	local n
	n=$(name late)
	fake lxc-start then-hang
	background launch bb "$n"
	fake_called lxc-start
	wait_for 10 is_state "$n" RUNNING
	cancel_all
	ended 1
	no_trace "$n"
}

@test "lxc-start does its work but fails: the truth is shown, a launch is undone" {
	local n
	n=$(name liar)
	fake lxc-start then-fail
	refused 1 "out of order, afterwards" launch bb "$n"
	no_trace "$n"
	run_berth init bb "$n"
	refused 1 "out of order, afterwards" start "$n"
	wait_for 10 is_state "$n" RUNNING
	run_berth stop -f "$n"
	real lxc-start
	run_berth start "$n"
	run_berth delete -f "$n"
	no_trace "$n"
}

@test "LXC itself fails to start it: its monitor process is given the time to clean up" {
	local n i
	n=$(name fail)
	for i in 1 2 3 4 5; do
		refused 1 "nosuch" launch bb "$n" -c raw.lxc='lxc.init.cmd = /nosuch/init'
		no_trace "$n"
	done
}

@test "the hook that mounts does not end: a cancelled launch ends it too" {
	local n
	n=$(name hook)
	fake berth-rootfs hang
	background launch bb "$n"
	fake_called berth-rootfs
	cancel_all
	real berth-rootfs
	ended 1
	no_trace "$n"
	launch "$n"
	run_berth delete -f "$n"
	no_trace "$n"
}

@test "the hook that limits a nic does not end: a cancelled start leaves no veth, and another start makes it" {
	local n
	n=$(name veth)
	run_berth init bb "$n"
	run_berth config device override "$n" eth0 limits.ingress=10Mbit
	fake berth-nic-up child-hangs
	background start "$n"
	fake_called berth-nic-up
	cancel_all
	ended 1
	wait_for 10 nothing pgrep -f "$LIBEXEC/.berth-nic-up" # what the hook runs ends with it
	real berth-nic-up
	assert "$(state_of "$n")" = STOPPED
	wait_for 10 nothing leaked_veths || die "FAIL: veths: $(leaked_veths)"
	run_berth start "$n"
	run_berth delete -f "$n"
	no_trace "$n"
}

@test "berth-rootfs is missing: an error that names it, and where it should be" {
	local n
	n=$(name rfs)
	run_berth init bb "$n"
	missing berth-rootfs
	refused 1 "$LIBEXEC/berth-rootfs" start "$n"
	wait_for 10 is_state "$n" STOPPED
	refused 1 "berth-rootfs" launch bb "$(name rfs2)"
	real berth-rootfs
	no_trace_but_retry "$(name rfs2)"
	run_berth start "$n"
	run_berth delete -f "$n"
	no_trace "$n"
}

# An undo that lacked its tool has left what it could not remove; the next start of berthd finishes it.
no_trace_but_retry() {
	[[ ! -e $BERTH_TEST_ROOT/lxc/$1 ]] && journal_empty || tools_start
	no_trace "$1"
}

@test "berth-rootfs is missing when berthd starts: it says so, and starts" {
	missing berth-rootfs
	: >"$BERTH_TEST_ROOT/berthd.log"
	tools_start
	contains "$(cat "$BERTH_TEST_ROOT/berthd.log")" "cannot run '$LIBEXEC/berth-rootfs'"
	real berth-rootfs
	tools_start
}

# ---- lxc-create, lxc-destroy

@test "lxc-create fails, prints garbage, is killed, is missing, hangs: nothing is left" {
	in_all_ways lxc-create "$(name c)" init bb "$(name c)"
}

@test "lxc-destroy fails: the instance is as it was" {
	local n how
	n=$(name d)
	run_berth init bb "$n" -c user.k=v
	for how in fail garbage killed; do
		fake lxc-destroy "$how"
		refused 1 "'lxc-destroy'" delete "$n"
		assert "$(state_of "$n")" = STOPPED
		wait_for 10 journal_empty
		run_berth config get "$n" user.k
		assert "$output" = v
	done
	missing lxc-destroy
	refused 1 "cannot run 'lxc-destroy': No such file or directory" delete "$n"
	real lxc-destroy
	run_berth start "$n"
	run_berth exec "$n" -- true
	# it did its work and fails then: that is a deletion
	fake lxc-destroy then-fail
	run_berth delete -f "$n"
	no_trace "$n"
}

# ---- lxc-stop

@test "lxc-stop does nothing: not taken for a stop" {
	local n
	n=$(name st)
	launch "$n"
	fake lxc-stop nothing
	refused 1 "lxc-stop" stop -f "$n"
	assert "$(state_of "$n")" = RUNNING
	refused 1 "lxc-stop" delete -f "$n"
	assert "$(state_of "$n")" = RUNNING
	run_berth exec "$n" -- true
	real lxc-stop
	run_berth stop -f "$n"
	run_berth delete "$n"
	no_trace "$n"
}

@test "lxc-stop fails, is killed, is missing, hangs: still running, and still to be stopped" {
	local n how
	n=$(name st)
	launch "$n"
	for how in fail garbage killed; do
		fake lxc-stop "$how"
		refused 1 "'lxc-stop'" stop -f "$n"
		assert "$(state_of "$n")" = RUNNING
	done
	fake lxc-stop late
	refused 1 "'$n' did not shut down within 7 s" stop "$n" --timeout 7
	missing lxc-stop
	refused 1 "cannot run 'lxc-stop': No such file or directory" stop -f "$n"
	fake lxc-stop hang
	background stop -f "$n"
	fake_called lxc-stop
	cancel_all
	ended 1
	assert "$(state_of "$n")" = RUNNING
	fake lxc-stop then-fail
	run_berth stop -f "$n"
	assert "$(state_of "$n")" = STOPPED
	real lxc-stop
	run_berth delete "$n"
	no_trace "$n"
}

# ---- what tells states

@test "lxc-info talks nonsense: states are still right" {
	local n how
	n=$(name i)
	run_berth init bb "$n"
	for how in nonsense fail; do
		fake lxc-info "$how"
		run_berth start "$n"
		assert "$(state_of "$n")" = RUNNING
		run_berth exec "$n" -- true
		run_berth stop -f "$n"
		assert "$(state_of "$n")" = STOPPED
		by_lxc start "$n"
		wait_for 10 is_state "$n" RUNNING
		by_lxc stop "$n" -k
		wait_for 10 is_state "$n" STOPPED
	done
	wait_for 10 nothing mounts_of "$n" # LXC's monitor process ends them a little later
	by_lxc start "$n"
	wait_for 10 is_state "$n" RUNNING
	real lxc-info
	has_pid() { api GET "/1.0/instances/$n/state" && [[ $(field .metadata.pid) -gt 0 ]]; }
	wait_for 60 has_pid # berthd asks again ever more rarely
	run_berth delete -f "$n"
	no_trace "$n"
}

@test "what a start found out is not asked for again: lxc-info is slower than it" {
	local n
	n=$(name once)
	run_berth init bb "$n"
	fake lxc-info then-wait
	run_berth start "$n"
	fake_called lxc-info
	asked() { pgrep -f "$BIN/lxc-info .*-n $n( |\$)"; }
	asked >&2
	: >"$BIN/.lxc-info.go"
	wait_for 10 nothing asked
	assert "$(state_of "$n")" = RUNNING
	assert "$(wc -l <"$BIN/calls-of-lxc-info")" = 1
	by_lxc stop "$n" -k
	wait_for 10 is_state "$n" STOPPED
	rm "$BIN/.lxc-info.go"
	real lxc-info
	run_berth delete "$n"
	no_trace "$n"
}

@test "lxc-ls fails when berthd starts: states are right all the same" {
	local n m how
	n=$(name ls)
	m=$(name ls2)
	launch "$n"
	run_berth init bb "$m"
	for how in fail nonsense garbage killed; do
		fake lxc-ls "$how"
		tools_start
		assert "$(state_of "$n")" = RUNNING "after lxc-ls: $how"
		assert "$(state_of "$m")" = STOPPED "after lxc-ls: $how"
	done
	missing lxc-ls
	tools_start
	assert "$(state_of "$n")" = RUNNING
	run_berth stop -f "$n"
	run_berth delete "$n" "$m"
	no_trace "$n"
}

@test "lxc-monitor ends at once, again and again: states are still right" {
	local n
	n=$(name mon)
	fake lxc-monitor fail
	: >"$BERTH_TEST_ROOT/berthd.log"
	tools_start
	launch "$n"
	assert "$(state_of "$n")" = RUNNING
	by_lxc stop "$n" -k # its init ends: a pidfd tells
	wait_for 10 is_state "$n" STOPPED
	wait_for 10 nothing mounts_of "$n"
	by_lxc start "$n" # nobody tells; it is seen when the monitor is tried again
	wait_for 60 is_state "$n" RUNNING
	run_berth delete -f "$n"
	no_trace "$n"
	# it is tried ever more rarely: each time after twice as long, and never after less
	assert "$(grep -o "starting it again in [0-9]* ms" "$BERTH_TEST_ROOT/berthd.log" | cut -d' ' -f5 | tr '\n' ' ')" =~ "^100 200 "
	contains "$(cat "$BERTH_TEST_ROOT/berthd.log")" "'lxc-monitor' exited with 3: lxc-monitor: it is out of order"
	real lxc-monitor
	tools_start
}

@test "without lxc-start or lxc-monitor berthd does not start, and says why" {
	local tool
	daemon_stop
	for tool in lxc-start lxc-monitor; do
		missing "$tool"
		PATH=$BIN run --separate-stderr timeout 120 "$BERTHD" --root "$BERTH_TEST_ROOT" 3>&- 4>&-
		assert "$status" = 1
		contains "$stderr" "'$tool'"
		real "$tool"
	done
	tools_start
}

# ---- tar

@test "tar fails, is killed, is missing, hangs: nothing stays of an import" {
	run_berth image delete bb
	fake tar fail
	refused 1 "'tar' exited with 3: tar: it is out of order" image import "$BUSYBOX_IMAGE" --alias bb
	staging_empty
	fake tar garbage
	refused 1 "'tar' exited with 1: very wrong? indeed" image import "$BUSYBOX_IMAGE" --alias bb
	staging_empty
	fake tar killed
	refused 1 "'tar' was killed by signal 9" image import "$BUSYBOX_IMAGE" --alias bb
	staging_empty
	missing tar
	refused 1 "cannot run 'tar': No such file or directory" image import "$BUSYBOX_IMAGE" --alias bb
	staging_empty
	fake tar hang
	background image import "$BUSYBOX_IMAGE" --alias bb
	fake_called tar
	cancel_all
	ended 1
	said "cancelled"
	staging_empty
	# killed from outside, with it all that unpacks
	fake tar hang # no call yet
	background image import "$BUSYBOX_IMAGE" --alias bb
	wait_for 10 unpacking
	kill -KILL "$(pgrep -P "$(daemon_pid)" -f "^$LIBEXEC/berth-unpack ")"
	ended 1
	said "'berth-unpack' was killed by signal 9"
	staging_empty
	missing berth-unpack
	real tar
	refused 1 "berth-unpack': No such file or directory" image import "$BUSYBOX_IMAGE" --alias bb
	staging_empty
	real berth-unpack
	run_berth image import "$BUSYBOX_IMAGE" --alias bb
	launch "$(name img)"
	run_berth delete -f "$(name img)"
}

unpacking() {
	called tar && [[ -n $(pgrep -f "tail -f $BIN/\\.tar") ]]
}

staging_empty() {
	wait_for 10 nothing staging || die "FAIL: staging: $(staging)"
	wait_for 10 journal_empty
	wait_for 10 nothing unpackers || die "FAIL: still there: $(unpackers)"
}

unpackers() {
	pgrep -af "^($LIBEXEC/berth-unpack|[^ ]*tail -f $BIN/)"
}

@test "cp fails, is killed, is missing, hangs: nothing is left of an instance on 'dir'" {
	in_all_ways cp "$(name cp)" init bb "$(name cp)" -s dir
}

@test "lxc-freeze and lxc-unfreeze fail: the truth is shown" {
	local n m
	n=$(name fr)
	m=$(name fr2)
	launch "$n"
	fake lxc-freeze fail
	refused 1 "'lxc-freeze' exited with 3" pause "$n"
	assert "$(state_of "$n")" = RUNNING
	refused 1 "'lxc-freeze' exited with 3" copy "$n" "$m"
	no_trace "$m"
	real lxc-freeze
	run_berth pause "$n"
	fake lxc-unfreeze fail
	refused 1 "'lxc-unfreeze' exited with 3" resume "$n"
	assert "$(state_of "$n")" = FROZEN
	real lxc-unfreeze
	run_berth resume "$n"
	assert "$(state_of "$n")" = RUNNING
	run_berth delete -f "$n"
	no_trace "$n"
}

# ---- berthd ends meanwhile

@test "SIGTERM while a launch hangs: it is undone within the grace, other containers go on" {
	local n other how
	n=$(name term)
	other=$(name other)
	launch "$other"
	for how in hang deaf then-hang; do
		fake lxc-start "$how"
		background launch bb "$n"
		fake_called lxc-start
		daemon_stop
		ended 1
		real lxc-start
		[[ ! -e $BERTH_TEST_ROOT/lxc/$n ]] || die "FAIL: the folder of '$n' is left"
		journal_empty
		tools_start
		no_trace "$n"
		assert "$(state_of "$other")" = RUNNING
		run_berth exec "$other" -- true
	done
	run_berth delete -f "$other"
}

@test "SIGTERM during launches: each is finished or undone" {
	local i n names=() pids=()
	for i in 1 2 3 4 5 6; do
		n=$(name "x$i")
		names+=("$n")
		"$BERTH" launch bb "$n" </dev/null >&2 3>&- 4>&- &
		pids+=($!)
	done
	wait_for 10 some_made
	daemon_stop
	for i in "${pids[@]}"; do
		wait "$i" || true
	done
	journal_empty
	tools_start
	for n in "${names[@]}"; do
		if [[ -n $(state_of "$n") ]]; then
			assert "$(state_of "$n")" = RUNNING
			run_berth exec "$n" -- true
			run_berth delete -f "$n"
		fi
		no_trace "$n"
	done
}

some_made() {
	compgen -G "$BERTH_TEST_ROOT/lxc/*/berth.json" >/dev/null
}

# ---- by hand, meanwhile

@test "stopped by hand while berth waits for a shutdown" {
	local n how
	n=$(name h)
	for how in lxc-stop init monitor; do
		launch "$n" -c raw.lxc='lxc.signal.halt = SIGWINCH'
		background stop "$n" --timeout 60
		wait_for 10 stopping "$n"
		end_by_hand "$n" "$how"
		ended 0
		assert "$(state_of "$n")" = STOPPED
		wait_for 10 nothing mounts_of "$n"
		run_berth delete "$n"
		sweep_cgroups "$n"
		no_trace "$n"
	done
}

stopping() {
	pgrep -f "lxc-stop -P $BERTH_TEST_ROOT/lxc -n $1" >/dev/null
}

end_by_hand() { # NAME HOW
	case $2 in
	lxc-stop) by_lxc stop "$1" -k ;;
	init) kill -KILL "$(init_of "$1")" ;;
	monitor) kill -KILL "$(monitor_of "$1")" ;;
	esac
}

# LXC's monitor process would have removed them; while they are there, the next ones get a number.
sweep_cgroups() {
	wait_for 10 cgroups_swept "$1" || die "FAIL: the cgroups of '$1' are in use"
}

cgroups_swept() {
	local folder
	for folder in /sys/fs/cgroup/*/lxc.*."$1"{,-[0-9]} /sys/fs/cgroup/lxc.*."$1"{,-[0-9]}; do
		[[ ! -d $folder ]] || find "$folder" -depth -type d -exec rmdir {} ';' 2>/dev/null || true
		[[ ! -d $folder ]] || return 1
	done
}

@test "init or LXC's monitor process killed by hand: shown as stopped, and can be started" {
	local n how
	n=$(name kill)
	for how in init monitor; do
		launch "$n"
		end_by_hand "$n" "$how"
		wait_for 10 is_state "$n" STOPPED
		run_berth start "$n"
		assert "$(state_of "$n")" = RUNNING
		run_berth exec "$n" -- true
		assert "$(mounts_of "$n" | wc -l)" = 1
		end_by_hand "$n" "$how"
		wait_for 10 is_state "$n" STOPPED
		run_berth delete "$n"
		sweep_cgroups "$n"
		no_trace "$n"
	done
}

@test "killed by hand while a launch waits for lxc-start" {
	local n how
	n=$(name kl)
	for how in lxc-stop init monitor; do
		fake lxc-start then-hang
		background launch bb "$n"
		wait_for 10 is_state "$n" RUNNING
		end_by_hand "$n" "$how"
		wait_for 10 is_state "$n" STOPPED
		cancel_all
		ended 1
		real lxc-start
		sweep_cgroups "$n"
		no_trace "$n"
	done
}

@test "destroyed by hand, stopped or running: gone from the list, nothing is left" {
	local n
	n=$(name ds)
	run_berth init bb "$n"
	by_lxc destroy "$n"
	wait_for 10 is_state "$n" ""
	# what lxc-destroy leaves when berth wrote its notes at the wrong moment
	run_berth init bb "$n"
	find "$BERTH_TEST_ROOT/lxc/$n" -mindepth 1 ! -name berth.json -delete
	chmod 0710 "$BERTH_TEST_ROOT/lxc/$n"
	wait_for 10 is_state "$n" ""
	no_trace "$n"
	launch "$n"
	by_lxc destroy "$n" -f || true
	wait_for 10 is_state "$n" "" || run_berth delete -f "$n"
	no_trace "$n"
	launch "$n"
	run_berth delete -f "$n"
}

@test "destroyed by hand while berth waits for its shutdown" {
	local n
	n=$(name dh)
	launch "$n" -c raw.lxc='lxc.signal.halt = SIGWINCH'
	background stop "$n" --timeout 60
	wait_for 10 stopping "$n"
	by_lxc destroy "$n" -f || true
	ended '?'
	wait_for 10 is_state "$n" "" || run_berth delete -f "$n"
	no_trace "$n"
}

@test "nothing is left behind" {
	tools_start
	leak_check
}
