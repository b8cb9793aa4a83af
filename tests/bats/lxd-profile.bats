# SPDX-License-Identifier: MIT
# LXD's own client: profiles.

bats_require_minimum_version 1.5.0
load helpers
load lxd

setup_file_more() {
	launch "$(name c)" >/dev/null || die "FAIL: no instance"
}

setup() {
	C=$(name c)
}

@test "create, edit, show, list, get, set, unset, copy, rename, delete" {
	stock profile create p1
	assert "$output" = "Profile p1 created"
	stock profile list -f csv
	contains "$output" "p1,,0"
	stock profile set p1 user.a=1 user.b=2
	stock profile set p1 user.c 3
	stock_refused "Volatile keys can only be set on instances" profile set p1 volatile.x=1
	stock_refused "Image keys can only be set on instances" profile set p1 image.x=1
	stock profile get p1 user.a
	assert "$output" = 1
	stock profile unset p1 user.a
	stock profile edit p1 <<<$'description: edited\nconfig:\n  user.d: "4"\n'
	stock profile show p1
	[[ $output == *'description: edited'* && $output == *'user.d: "4"'* && $output != *user.b* ]]
	stock profile copy p1 p2
	stock profile rename p2 p3
	stock profile show p3
	contains "$output" 'user.d: "4"'
	stock profile create p4 </dev/null
	stock profile delete p4
	stock profile create "a name"
	stock profile set "a name" user.a=1
	stock profile add "$C" "a name"
	stock profile show "a name"
	contains "$output" "- /1.0/instances/$C"
	daemon_restart
	stock profile remove "$C" "a name"
	stock profile rename "a name" p5
	stock profile rename p5 "b name"
	stock profile list -f csv
	contains "$output" "b name,,0"
	stock profile delete "b name"
	stock profile delete p3
	stock profile delete p1
}

@test "devices of a profile" {
	local dir=$BERTH_TEST_ROOT/shared
	mkdir "$dir"
	stock profile create dev
	stock_refused 'Disk entry is missing the required "source" or "path" property' profile device add dev hd disk path=/x
	stock_refused 'Invalid value for device option "readonly": Invalid value for a boolean "maybe"' \
		profile device add dev hd disk source="$dir" path=/x readonly=maybe
	stock profile device add dev hd disk source="$dir" path=/mnt/hd
	stock profile device list dev
	assert "$output" = hd
	stock profile device set dev hd path=/mnt/hd2 readonly=true
	stock profile device get dev hd path
	assert "$output" = /mnt/hd2
	stock profile device unset dev hd readonly
	stock profile device show dev
	[[ $output == *"source: $dir"* && $output != *readonly* ]]
	stock profile device remove dev hd
	assert "$output" = "Device hd removed from dev"
	stock_refused "Device doesn't exist" profile device remove dev hd
	stock profile delete dev
}

@test "what changes in a profile reaches the running instances that use it" {
	local dir=$BERTH_TEST_ROOT/live
	mkdir "$dir"
	echo there >"$dir/file"
	stock profile create live
	stock profile add "$C" live
	assert "$output" = "Profile live added to $C"
	stock profile set live limits.processes=66 # answered when the instance has it
	assert "$(cat "$(cgroup_file "$C" pids.max)")" = 66
	stock profile device add live hd disk source="$dir" path=/mnt/hd
	in_container "$C" test -e /mnt/hd/file
	# what an instance cannot do is told, and the profile is changed all the same
	stock_refused $'failed to update (profile change still saved):\n - Project: default, Instance: '"$C"': Failed to start device "px": ' \
		profile device add live px proxy listen=tcp:192.0.2.1:8123 connect=tcp:127.0.0.1:80
	stock profile device list live
	contains "$output" px
	stock profile device remove live px
	stock_refused "Profile is currently in use" profile delete live
	stock profile show live
	contains "$output" "- /1.0/instances/$C"
	stock profile rename live alive
	stock profile remove "$C" alive
	in_container "$C" test ! -e /mnt/hd/file
	stock profile assign "$C" default,alive
	assert "$output" = "Profiles default,alive applied to $C"
	stock profile assign "$C" default
	stock profile delete alive
}

@test "errors are LXD's, and their numbers" {
	stock profile create e1
	stock_refused 'Error inserting "e1" into database: The profile already exists' profile create e1
	stock_refused "Error: Fetch profile: Profile not found" profile show nosuch
	stock_refused "Error: Unknown configuration key: nosuch" profile set e1 nosuch=1
	stock_refused 'Error: Invalid value for a boolean "maybe"' profile set e1 security.nesting=maybe
	stock_refused "Error: Duplicate profile found in request" profile assign "$C" e1,e1
	stock_refused 'Error: Failed to retrieve profile "nosuch": Profile not found' profile edit nosuch
	stock_refused "Error: Profile not found" profile add "$C" nosuch
	stock_refused "Error: Profile not found" profile delete nosuch
	stock_refused 'The "default" profile cannot be deleted' profile delete default
	stock_refused 'The "default" profile cannot be renamed' profile rename default x
	stock profile create e2
	stock_refused 'Name "e1" already in use' profile rename e2 e1
	stock profile delete e2
	stock_refused 'Requested profile "nosuch" doesn'"'"'t exist' init bb "$(name no)" -p nosuch
	stock_refused "isn't currently applied to" profile remove "$C" e1
	api POST /1.0/profiles '{"name":"e1"}'
	assert "$http" = 500
	api DELETE /1.0/profiles/default
	assert "$http" = 403
	api PUT /1.0/profiles/e1 '{"config":{}}' -H 'If-Match: bogus'
	assert "$http" = 412
	api PUT "/1.0/instances/$C" '{"profiles":["nosuch"]}'
	assert "$http" = 404
	stock profile delete e1
}

@test "nothing is left behind" {
	leak_check
}
