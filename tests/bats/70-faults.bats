#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every step of launch, delete and image import made to fail, and berthd killed by -9 before and after every step:
# afterwards nothing is lost, nothing is left, and the next command works. Needs a build with FAULTS=1.

load helpers

LAUNCH_STEPS="reserve create rootfs thaw commit start finish"
DELETE_STEPS="check stop destroy sweep forget"
IMPORT_STEPS=$(sed -n '/op_step import_steps/,/};/s/.*{ "\([a-z]*\)".*/\1/p' "$BATS_TEST_DIRNAME"/../../src/image/*.c | tr '\n' ' ')

clean_now() { # after an operation on NAME
	wait_for 10 nothing mounts_of "$1" || die "FAIL: mounts: $(mounts_of "$1")"
	wait_for 10 nothing cgroups_of "$1" || die "FAIL: cgroups: $(cgroups_of "$1")"
	journal_ends
	wait_for 10 nothing leaked_veths || die "FAIL: veths: $(leaked_veths)"
}

instance_gone() {
	[[ ! -e $BERTH_TEST_ROOT/lxc/$1 ]] || die "FAIL: the folder of '$1' is left: $(ls -A "$BERTH_TEST_ROOT/lxc/$1")"
	assert "$(state_of "$1")" = "" "'$1' in the list"
	clean_now "$1"
}

@test "this build has fault injection" {
	fault launch/reserve/fail
	refused 1 "injected fault at 'reserve'" launch bb "$(name probe)"
	daemon_restart
}

@test "launch: whichever step fails, nothing is left and the next launch works" {
	local step n
	n=$(name f)
	for step in $LAUNCH_STEPS; do
		for how in fail fail-after; do
			fault "launch/$step/$how"
			refused 1 "injected fault at '$step'" launch bb "$n"
			instance_gone "$n"
		done
	done
	daemon_restart
	launch "$n"
	assert "$(state_of "$n")" = RUNNING
	run_berth delete -f "$n"
	instance_gone "$n"
}

@test "launch: berthd killed before and after every step" {
	local step n how
	n=$(name k)
	for step in $LAUNCH_STEPS; do
		for how in kill kill-after; do
			fault "launch/$step/$how"
			run_berth 1 launch bb "$n"
			revive
			# finished or undone: after the last step it may be complete, never half-made
			if [[ -n $(state_of "$n") ]]; then
				assert "$step" = finish "step after which '$n' is still there"
				assert "$how" = kill-after
				run_berth exec "$n" -- true
				run_berth delete -f "$n"
			fi
			instance_gone "$n"
		done
	done
	launch "$n"
	run_berth delete -f "$n"
}

@test "delete: a failing step before the point of no return leaves the instance as it was" {
	local n
	n=$(name d)
	launch "$n"
	for step in check/fail check/fail-after stop/fail; do
		fault "delete/$step"
		refused 1 "injected fault" delete -f "$n"
		assert "$(state_of "$n")" = RUNNING "state after delete/$step"
		run_berth exec "$n" -- true
	done
	fault delete/stop/fail-after
	refused 1 "injected fault" delete -f "$n"
	assert "$(state_of "$n")" = STOPPED
	daemon_restart
	run_berth start "$n"
	run_berth delete -f "$n"
	instance_gone "$n"
}

@test "delete: a failing step after it is finished by the next start" {
	local n step
	n=$(name p)
	daemon_restart
	for step in destroy/fail-after sweep/fail sweep/fail-after forget/fail; do
		daemon_restart
		launch "$n"
		fault "delete/$step"
		run_berth 1 delete -f "$n"
		daemon_restart
		if [[ -n $(state_of "$n") ]]; then run_berth delete -f "$n"; fi
		instance_gone "$n"
	done
}

@test "delete: berthd killed before and after every step" {
	local step n how
	n=$(name q)
	for step in $DELETE_STEPS; do
		for how in kill kill-after; do
			daemon_restart
			launch "$n"
			fault "delete/$step/$how"
			run_berth 1 delete -f "$n"
			revive
			if [[ -n $(state_of "$n") ]]; then
				# not begun: whole, and it can be used
				[[ $step == check || $step == stop ]] || die "FAIL: '$n' is still there after delete/$step/$how"
				[[ $(state_of "$n") == RUNNING ]] || run_berth start "$n"
				run_berth exec "$n" -- true
				run_berth delete -f "$n"
			fi
			instance_gone "$n"
		done
	done
}

@test "image import: whichever step fails or is killed, the store is as before" {
	local step how before
	assert "$IMPORT_STEPS" =~ "commit" "steps of the import"
	daemon_restart
	run_berth image delete bb
	for step in $IMPORT_STEPS; do
		for how in fail fail-after kill kill-after; do
			fault "image-import/$step/$how"
			run_berth '?' image import "$BUSYBOX_IMAGE" --alias bb
			[[ $how == fail* ]] || revive
			daemon_restart
			journal_ends
			wait_for 10 nothing staging || die "FAIL: staging after $step/$how: $(staging)" # what no record names goes by and by
			# before the commit nothing is there, after it everything is
			run_berth image list -c f -f csv
			before=$output
			if [[ -n $before ]]; then
				run_berth image show "$before"
				run_berth image delete "$before"
			fi
			assert "$(find "$BERTH_TEST_ROOT/images" -mindepth 1 -maxdepth 1 -type d -name '[0-9a-f]*')" = "" "store after $step/$how"
		done
	done
	run_berth image import "$BUSYBOX_IMAGE" --alias bb
	launch "$(name last)"
}

@test "nothing is left behind" {
	daemon_restart
	leak_check
}
