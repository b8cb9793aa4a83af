# SPDX-License-Identifier: MIT
# LXD's own client: configuration keys of instances. What can be seen inside is looked at inside.

bats_require_minimum_version 1.5.0
load helpers
load lxd

setup_file_more() {
	launch "$(name c)" >/dev/null || die "FAIL: no instance"
}

setup() {
	C=$(name c)
}

@test "set, get, unset, show, edit" {
	stock config set "$C" user.a=1 user.b=2
	stock config set "$C" user.c 3
	stock config get "$C" user.a
	assert "$output" = 1
	stock config get "$C" nosuch
	assert "$output" = ""
	stock config set "$C" user.text - <<<$'two\nlines'
	stock config get "$C" user.text
	contains "$output" $'two\nlines'
	stock config unset "$C" user.a
	stock config show "$C"
	[[ $output != *user.a:* && $output == *'user.c: "3"'* && $output != *parent:* ]]
	stock config show "$C" --expanded
	contains "$output" "parent: $BERTH_TEST_BRIDGE"

	# an edited file has no ETag; what is left out of it goes, except for berth's own notes
	stock config show "$C"
	stock config edit "$C" <<<"$(sed -e 's/^description:.*/description: edited/' -e '/user.b/d' <<<"$output")"
	api GET "/1.0/instances/$C"
	assert "$(field .metadata.description)" = edited
	assert "$(field '.metadata.config["user.b"]')" = null
	assert "$(field '.metadata.config["volatile.eth0.hwaddr"]')" != null
	stock_refused "yaml: line" config edit "$C" <<<"config: [a"

	api PATCH "/1.0/instances/$C" '{"config":{"user.z":"9"}}'
	assert "$http" = 200
	assert "$("$BERTH" config get "$C" user.z)" = 9
	api PUT "/1.0/instances/$C" '{"config":{}}' -H 'If-Match: bogus'
	assert "$http" = 412
	contains "$(field .error)" "ETag doesn't match: "
}

@test "errors are LXD's" {
	stock_refused "Error: Invalid config: Unknown configuration key: nosuch.key" config set "$C" nosuch.key=1
	stock_refused "Error: Invalid config: Invalid value: abc" config set "$C" limits.memory=abc
	stock_refused "Error: Instance not found" config set nosuch user.a=1
	stock_refused "Error: Invalid instance name" config set "$C/nosuch" user.a=1
	stock_refused "Error: Invalid config: Unknown configuration key: security.secureboot" \
		config set "$C" security.secureboot=true
	stock_refused "Unknown configuration key: nosuch.key" init bb "$(name no)" -c nosuch.key=1
	# a line of a profile's is kept there, and no running instance takes it: LXC's tools could not stop it any more
	stock profile create raw
	stock profile add "$C" raw
	stock_refused "LXC does not take the line 'lxc.nosuch = 2'" profile set raw raw.lxc 'lxc.nosuch = 2'
	assert "$(in_container "$C" echo still there)" = "still there"
	stock profile remove "$C" raw
	stock profile delete raw
	stock_refused "raw.seccomp is mutually exclusive with security.syscalls*" \
		config set "$C" raw.seccomp=2 security.syscalls.deny=mkdir
	stock_refused "LXC does not take the line 'lxc.nosuchkey = 1'" config set "$C" raw.lxc=$'lxc.cap.drop = mknod\nlxc.nosuchkey = 1'
	stock_refused "LXC does not take the line 'lxc.nosuchkey=1'" init bb "$(name no)" -c raw.lxc=lxc.nosuchkey=1
	assert "$("$BERTH" list "^$(name no)\$" -f csv)" = ""
	stock config set "$C" raw.lxc="lxc.cap.drop = mknod"
	stock config unset "$C" raw.lxc
}

@test "what berth cannot do is refused by name, with the reason" {
	local key
	for key in cluster.evacuate=migrate limits.network.priority=3 migration.incremental.memory=true nvidia.runtime=true \
		nvidia.require.cuda='>=9' security.devlxd=true security.devlxd.images=true \
		security.syscalls.intercept.mount=true security.syscalls.deny_compat=true; do
		stock_refused " is not supported: " config set "$C" "$key"
		contains "$stderr" "Invalid config: ${key%%.*}."
	done
	# asking for what is so anyway is no mistake
	stock config set "$C" nvidia.runtime=false security.devlxd=false
	stock config unset "$C" security.devlxd
}

@test "raw.idmap is checked as LXD does when it is set" {
	local base
	base=$(jq -r '.config["volatile.idmap.base"]' "$BERTH_TEST_ROOT/lxc/$C/berth.json")
	while IFS='|' read -r value words; do
		stock_refused "Error: Failed to get ID map: $words" config set "$C" raw.idmap="$value"
	done <<-END
		both 1000|Invalid ID map line "both 1000"
		foo 1000 1000|Invalid ID map type "foo 1000 1000"
		both 1000-1005 1000|The ID map ranges are of different sizes "both 1000-1005 1000"
		both 1000-1005-9 1000|Invalid ID Map range "1000-1005-9"
		both 1005-1000 5-0|Invalid ID map range: it ends before it begins
		uid a 1000|Invalid ID map range: ids are numbers
		uid $base 1000|Host id is in the range of subids
		gid $((base + 70000)) 1000|Host id is in the range of subids
		both 0 0|The host's root cannot be mapped
		uid 1000 65536|raw.idmap maps the instance's id 65536
	END
	stock_refused "Host id is in the range of subids: 1000" config set "$C" raw.idmap=$'both 1000 1000\nuid 1000 1001'
	stock_refused "Failed creating instance record: Failed to get ID map: Invalid ID map line" \
		init bb "$(name no)" -c raw.idmap="both 5 5 5"
	stock profile create "$(name p)"
	stock_refused "Failed to get ID map: Invalid ID map type" profile set "$(name p)" raw.idmap="foo 1 2"
	stock profile delete "$(name p)"
	stock config get "$C" raw.idmap
	assert "$output" = ""
}

@test "limits of a running container, at once" {
	local file
	[[ ! -d /sys/fs/cgroup/blkio ]] || {
		stock config set "$C" limits.disk.priority=7 limits.memory.swap.priority=3 limits.memory=64MiB limits.processes=77
		assert "$(cat "$(cgroup_file "$C" blkio.bfq.weight)")" = 700
		assert "$(cat "$(cgroup_file "$C" memory.swappiness)")" = 67
		assert "$(cat "$(cgroup_file "$C" memory.limit_in_bytes)")" = 67108864
		stock config unset "$C" limits.disk.priority
		stock config unset "$C" limits.memory.swap.priority
		assert "$(cat "$(cgroup_file "$C" blkio.bfq.weight)")" = 100
		assert "$(cat "$(cgroup_file "$C" memory.swappiness)")" = 60
	}
	file=$(cgroup_file "$C" pids.max)
	stock config set "$C" limits.processes=78
	assert "$(cat "$file")" = 78
}

@test "what takes effect at the start: system calls, modules, sysctls, limits, environment" {
	local c file
	c=$(name start)
	stock launch bb "$c" -c security.syscalls.deny="mkdir errno 1" -c linux.kernel_modules=overlay,loop \
		-c linux.sysctl.net.ipv4.ip_forward=1 -c limits.kernel.nofile=100:200 -c environment.GREETING="good day"
	run in_container "$c" mkdir /made
	contains "$output" "not permitted"
	assert "$(in_container "$c" cat /proc/sys/net/ipv4/ip_forward)" = 1
	contains "$(in_container "$c" cat /proc/1/limits | tr -s ' ')" "Max open files 100 200"
	contains "$(in_container "$c" env)" "GREETING=good day"
	stock config unset "$c" security.syscalls.deny
	stock config set "$c" raw.seccomp=$'2\ndenylist\n[all]\nrmdir errno 1'
	stock restart -f "$c"
	in_container "$c" mkdir /made
	run in_container "$c" rmdir /made
	contains "$output" "not permitted"
	stock config unset "$c" raw.seccomp
	file=$BERTH_TEST_ROOT/lxc/$c/seccomp
	[[ ! -e $file ]]
	stock config set "$c" security.syscalls.deny_default=false
	stock restart -f "$c"
	assert "$(in_container "$c" awk '/^Seccomp:/ { print $2 }' /proc/1/status)" = 0
	stock config set "$c" linux.kernel_modules=no_such_module
	stock stop -f "$c"
	stock 1 start "$c"
	stock delete -f "$c"
}

@test "cloud-init's id: new when cloud-init is to act again; devices have user.* keys" {
	local c id before change
	c=$(name ci)
	stock init bb "$c"
	id=$(key_of "$c" volatile.cloud-init.instance-id)
	[[ $id == ????????-????-4???-????-???????????? ]]
	stock config set "$c" user.other=1
	assert "$(key_of "$c" volatile.cloud-init.instance-id)" = "$id"
	stock config device override "$c" eth0 user.foo=bar
	stock config device get "$c" eth0 user.foo
	assert "$output" = bar
	stock config device add "$c" data disk source=/tmp path=/mnt user.owner="the web team"
	assert "$(key_of "$c" volatile.cloud-init.instance-id)" = "$id"
	before=$id
	for change in "config set $c cloud-init.user-data=x" "config device set $c eth0 name=lan" "profile set default user.vendor-data=y" \
		"profile unset default user.vendor-data" "rename $c ${c}2" "copy ${c}2 $c"; do
		# shellcheck disable=SC2086
		stock $change
		id=$(key_of "$([[ $change == rename* ]] && echo "${c}2" || echo "$c")" volatile.cloud-init.instance-id)
		assert "$id" != "$before" "after $change"
		[[ -n $id ]]
		before=$id
	done
	stock delete "$c" "${c}2"
}

@test "snapshots have their own" {
	stock config set "$C" user.when=before
	stock snapshot "$C" s1
	stock config set "$C" user.when=after
	stock config show "$C/s1"
	contains "$output" "user.when: before"
	stock delete "$C/s1"
}

@test "nothing is left behind" {
	leak_check
}
