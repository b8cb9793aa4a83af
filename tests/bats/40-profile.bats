#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Profiles, and instances that use them.

load helpers

@test "the default profile has a NIC on the bridge and a root disk, and stays" {
	run_berth profile show default
	contains "$output" "name: default"
	contains "$output" "$BERTH_TEST_BRIDGE"
	contains "$output" "path: /"
	refused 1 'The "default" profile cannot be deleted' profile delete default
	refused 1 'The "default" profile cannot be renamed' profile rename default other
}

@test "create, list, rename, copy, delete" {
	run_berth profile create p1
	assert "$output" = "Profile p1 created"
	refused 1 "The profile already exists" profile create p1
	run_berth profile rename p1 p2
	assert "$output" = "Profile p1 renamed to p2"
	run_berth profile set p2 limits.cpu=1 user.a=b
	run_berth profile copy p2 p3
	run_berth profile get p3 user.a
	assert "$output" = b
	run_berth profile list -f csv
	contains "$output" $'p2,,0\np3,,0'
	run_berth profile delete p2 p3
	assert "$output" = $'Profile p2 deleted\nProfile p3 deleted'
	refused 1 "Profile not found" profile show p2
	refused 1 "Profile not found" profile delete p2
}

@test "keys are validated, the nearest one is named" {
	run_berth profile create v1
	refused 1 "Unknown configuration key: limits.memry (did you mean limits.memory?)" profile set v1 limits.memry=1GiB
	refused 1 "Invalid value: much" profile set v1 limits.memory=much
	refused 1 "not of the form key=value" profile set v1 a=b c
	run_berth profile show v1
	contains "$output" "config: {}"
	run_berth profile delete v1
}

@test "names are validated" {
	refused 1 "Invalid profile name" profile create $'a\tb'
	refused 1 "" profile create a/b
	refused 1 "" profile create ..
	refused 1 "" profile create "$(printf '%0100d' 0)"
}

@test "get, set, unset, edit, device" {
	run_berth profile create e1
	run_berth profile set e1 user.old value
	run_berth profile get e1 user.old
	assert "$output" = value
	run_berth profile unset e1 user.old
	run_berth profile get e1 user.old
	assert "$output" = ""
	refused 1 "it is not set" profile unset e1 user.old
	run_berth profile edit e1 <<-END
		config:
		  limits.cpu: 1
		  user.yes: yes
		description: edited
		devices: {}
	END
	run_berth profile get e1 limits.cpu
	assert "$output" = 1
	run_berth profile get e1 user.yes
	assert "$output" = yes
	run_berth profile device add e1 nothing none
	assert "$output" = "Device nothing added to e1"
	refused 1 "has a device 'nothing' already" profile device add e1 nothing none
	run_berth profile device list e1
	assert "$output" = nothing
	run_berth profile device show e1
	assert "$output" = $'nothing:\n  type: none'
	refused 1 "" profile device add e1 bad nosuchtype
	run_berth profile device remove e1 nothing
	assert "$output" = "Device nothing removed from e1"
	refused 1 "no device 'nothing'" profile device remove e1 nothing
	run_berth profile delete e1
}

@test "instances: what holds is profile by profile, then their own" {
	local c
	c=$(name p)
	run_berth profile create a
	run_berth profile create b
	run_berth profile set a user.x=from-a user.y=from-a
	run_berth profile set b user.y=from-b user.z=from-b
	run_berth init bb "$c" -p default -p a -p b -c user.z=own
	run_berth config get "$c" user.x --expanded
	assert "$output" = from-a
	run_berth config get "$c" user.y --expanded
	assert "$output" = from-b
	run_berth config get "$c" user.z --expanded
	assert "$output" = own
	run_berth config get "$c" user.y
	assert "$output" = ""
	run_berth profile show a
	contains "$output" "/1.0/instances/$c"
	refused 1 "Profile is currently in use" profile delete a

	run_berth profile set a user.x=changed
	run_berth config get "$c" user.x -e
	assert "$output" = changed

	run_berth profile remove "$c" a
	assert "$output" = "Profile a removed from $c"
	run_berth config get "$c" user.x -e
	assert "$output" = ""
	refused 1 "has no profile 'a'" profile remove "$c" a
	run_berth profile add "$c" a
	assert "$output" = "Profile a added to $c"
	refused 1 "has the profile 'a' already" profile add "$c" a
	run_berth profile assign "$c" default
	assert "$output" = "Profiles default applied to $c"
	refused 1 'Profile not found' profile assign "$c" default,nosuch
	run_berth delete "$c"
	run_berth profile delete a b
}

@test "a profile's change reaches a running instance, or is told to wait" {
	local c
	c=$(name live)
	run_berth profile create lim
	launch "$c" -p default -p lim
	run_berth profile set lim limits.processes=77
	wait_for 5 grep -qx 77 "$(cgroup_file "$c" pids.max)"
	run_berth profile edit lim <<<'{config: {limits.processes: 55}, description: "", devices: {}}'
	wait_for 5 grep -qx 55 "$(cgroup_file "$c" pids.max)"
	run_berth delete -f "$c"
	run_berth profile delete lim
}

@test "a profile keeps the root disk of instances that have it from there" {
	local c before
	c=$(name root)
	run_berth profile create disk
	run_berth profile device add disk root disk path=/ pool=default
	run_berth init bb "$c" -p disk
	before=$("$BERTH" profile show disk)
	refused 1 "instance '$c' uses this profile" profile device remove disk root
	contains "$stderr" "No root device could be found"
	refused 1 "No root device could be found" profile edit disk <<<'{config: {}, description: "", devices: {}}'
	assert "$("$BERTH" profile show disk)" = "$before"
	run_berth start "$c"
	run_berth delete -f "$c"
	run_berth profile device remove disk root
	run_berth profile delete disk
}

@test "nothing is left behind" {
	leak_check
}
