# SPDX-License-Identifier: MIT
# LXD's own client: the life of an instance, what lists and info show, and the words of refusals (as LXD 5.0.2 has them).

bats_require_minimum_version 1.5.0
load helpers
load lxd

@test "launch, list, config, stop, delete" {
	local c
	c=$(name life)
	stock launch bb "$c"
	stock list -f csv -c ns
	contains "$output" "$c,RUNNING"
	stock config set "$c" user.from=lxc
	stock config get "$c" user.from
	assert "$output" = lxc
	stock stop -f "$c"
	stock delete "$c"
	stock list -f csv -c n
	assert "$output" = ""
	stock image list -f csv -c l
	assert "$output" = bb
}

@test "init: generated names, no image, types, profiles; launch of an ephemeral one" {
	local c
	stock init bb
	c=$(sed -n 's/^Instance name is: //p' <<<"$output")
	assert "$c" =~ ^[a-z]+-[a-z]+$
	stock delete "$c"
	c=$(name init)
	stock init --empty "$c"
	stock config show "$c"
	contains "$output" "volatile.uuid"
	stock delete "$c"
	stock init bb "$c" -t c2-m1.5 -c user.a=b
	stock config get "$c" limits.cpu
	assert "$output" = 2
	stock config get "$c" limits.memory
	assert "$output" = 1536MB
	stock init bb "$c-x" -t m2
	stock config get "$c-x" limits.memory
	assert "$output" = 2048MB
	stock config set "$c-x" "user.a label=1"
	stock delete "$c-x"
	# a MAC address can be given; what is no key is none; 2.5 CPUs are three for 83% of the time
	stock init bb "$c-x" -t c2.5 -c volatile.eth0.hwaddr=00:16:3e:11:22:33 -c volatile.uuid=x -c volatile.eth0.host_name=x
	assert "$(key_of "$c-x" limits.cpu) $(key_of "$c-x" limits.cpu.allowance)" = "3 83%"
	assert "$(key_of "$c-x" volatile.eth0.hwaddr)" = 00:16:3e:11:22:33
	assert "$(key_of "$c-x" volatile.uuid)" =~ "^[0-9a-f-]{36}$"
	assert "$(key_of "$c-x" volatile.eth0.host_name)" =~ ^veth
	stock delete "$c-x"
	stock_refused "Failed creating instance record: Unknown configuration key: volatile.foo" init bb "$c-x" -c volatile.foo=x
	stock_refused "Provided instance type doesn't exist: c2-" init bb "$c-x" -t c2-
	stock_refused "Provided instance type doesn't exist: aws:t2.micro" init bb "$c-x" -t aws:t2.micro
	stock_refused "Target only allowed when clustered" init bb "$c-x" --target n2
	stock_refused 'already exists' init bb "$c"
	stock delete "$c"
	stock launch bb "$c" --ephemeral
	stock stop -f "$c"
	stock list "$c" -f csv -c n
	assert "$output" = ""
}

@test "list: columns, formats, filters" {
	local a b mac
	a=$(name lista) b=$(name listb)
	stock init bb "$a" -c user.kind=x
	stock launch bb "$b" -c limits.memory=64MiB
	stock list "^$a\$" -f csv -c nstaeplbS,user.kind:KIND
	assert "$output" = "$a,STOPPED,CONTAINER,x86_64,default,,,default,0,x"
	stock list status=running -f csv -c nM
	assert "$output" =~ ^"$b",[0-9.]+%$
	stock list user.kind=x -f csv -c n
	assert "$output" = "$a"
	stock list type=container architecture=x86_64 --fast -f csv
	contains "$output" "$b,RUNNING,x86_64"
	stock list --all-projects -f csv -c en
	contains "$output" "default,$a"
	mac=$(stock list "$b" -f json && jq -r '.[0].config["volatile.eth0.hwaddr"]' <<<"$output")
	assert "$mac" =~ ^00:16:3e
	stock list -f yaml
	contains "$output" "name: $b"
	stock list -f compact -c n
	contains "$output" "$a"
	stock_refused "Can't specify column L when not clustered" list -c L
	stock_refused "Unknown column shorthand char" list -c Z
	stock info "$b"
	contains "$output" "Status: RUNNING"
	contains "$output" "Memory usage:"
	stock info "$b" --show-log
	contains "$output" "Log:"
	stock query /1.0/virtual-machines
	assert "$output" = "[]"
}

@test "power: one, several, all, and what is refused" {
	local a b
	a=$(name lista) b=$(name listb)
	stock stop --all -f
	stock_refused "The instance is already stopped" stop "$a"
	stock start "$a" "$b"
	stock_refused "The instance is already running" start "$a"
	stock pause "$a"
	stock_refused "The container is already frozen" pause "$a"
	stock start "$a"
	stock restart -f "$a"
	stock_refused "Renaming of running container not allowed" rename "$a" "$a-x"
	wait_init "$a"
	wait_init "$b"
	stock stop "$a" --timeout 60
	stock restart "$b" --timeout 60
	stock pause --all
	stock start "$a" "$b"
	is_state "$a" RUNNING
	is_state "$b" RUNNING
	stock stop --all -f
	is_state "$b" STOPPED
	stock_refused "Instance not found" start "$a" nosuch
	is_state "$a" RUNNING
	stock_refused "stateful stop and start are not supported" stop "$a" --stateful
	stock delete -f "$a" "$b"
}

@test "words of refusals" {
	local c
	c=$(name words)
	stock init bb "$c"
	stock_refused "Instance not found" info nosuch
	stock_refused 'Failed checking instance exists "local:nosuch": Instance not found' delete nosuch
	stock_refused "Invalid instance name: Name can only contain alphanumeric and hyphen characters" init bb bad_name
	stock_refused "Image not found" init nosuch
	stock_refused "Requested profile \"nosuch\" doesn't exist" init bb x -p nosuch
	stock_refused "Failed creating instance record: Unknown configuration key: nosuch.key" init bb x -c nosuch.key=1
	stock_refused "Name \"$c\" already in use" rename "$c" "$c"
	stock info "$c" --show-log # never started
	contains "$output" "Log:"
	stock_refused "Instance not found" copy nosuch x
	stock_refused "Instance not found" query -X PUT -d '{"action":"stop"}' /1.0/instances/nosuch/state
	stock_refused "Unknown action: 'foo'" query -X PUT -d '{"action":"foo"}' "/1.0/instances/$c/state"
	stock_refused "not found" query /1.0/nosuch
	stock_refused "not implemented" query -X DELETE /1.0
	stock_refused "Operation not found" operation show nosuch
	stock_refused "Operation not found" operation delete nosuch
	stock config set "$c" security.protection.delete=true
	stock_refused "Container is protected" delete "$c"
	stock config unset "$c" security.protection.delete
	stock query -X PATCH -d '{"description":"by hand"}' "/1.0/instances/$c"
	assert "$output" = ""
	stock list "$c" -f csv -c d
	assert "$output" = "by hand"
	stock_refused 'Cannot update root disk device pool name to "nosuch"' config device override "$c" root pool=nosuch
	api GET "/1.0/instances/$c"
	assert "$(field .metadata.last_used_at)" = "1970-01-01T00:00:00Z"
	stock start "$c"
	api DELETE "/1.0/instances/$c"
	assert "$http" = 400
	contains "$(field .error)" "Instance is running"
	stock delete -f "$c"
}

# Said at once, before there is an operation that nobody may wait for.
@test "raw requests: what is wrong with them, images by their properties, types of instances" {
	local c body_part
	c=$(name raw)
	refused_at_once() { # STATUS MESSAGE METHOD PATH [BODY]
		api "$3" "$4" "${@:5}"
		assert "$http" = "$1"
		contains "$(field .error)" "$2"
	}
	body_part="\"name\":\"$c\",\"source\":{\"type\":\"image\",\"alias\":\"bb\"}"
	refused_at_once 400 "'config' must be an object of strings" POST /1.0/instances "{$body_part,\"config\":{\"user.a\":1}}"
	refused_at_once 400 "'devices' must be an object of objects" POST /1.0/instances "{$body_part,\"devices\":{\"a\":1}}"
	refused_at_once 404 'Requested profile "nosuch" doesn'"'"'t exist' POST /1.0/instances "{$body_part,\"profiles\":[\"nosuch\"]}"
	refused_at_once 400 "Invalid instance type" POST /1.0/instances "{$body_part,\"type\":\"foo\"}"
	refused_at_once 400 "Must specify a source instance" POST /1.0/instances '{"name":"x","source":{"type":"copy"}}'
	refused_at_once 404 "Failed to fetch instance \"nosuch\"" POST /1.0/instances '{"name":"x","source":{"type":"copy","source":"nosuch"}}'
	refused_at_once 400 "Must specify one of alias, fingerprint or properties" POST /1.0/instances '{"name":"x","source":{"type":"image"}}'
	refused_at_once 404 "No matching image could be found" POST /1.0/instances \
		'{"name":"x","source":{"type":"image","properties":{"os":"nosuch"}}}'
	refused_at_once 400 "Invalid instance type" GET '/1.0/instances?instance-type=foo'
	refused_at_once 400 "Cannot specify a project when requesting all projects" GET '/1.0/instances?all-projects=true&project=default'

	stock image get-property bb description
	stock query -X POST --wait -d "{\"name\":\"$c\",\"source\":{\"type\":\"image\",\"properties\":{\"description\":\"$output\"}}}" /1.0/instances
	api GET '/1.0/instances?instance-type=virtual-machine'
	assert "$(jq -c .metadata <<<"$body")" = '[]'
	api GET '/1.0/instances?instance-type=container'
	contains "$body" "/$c"
	refused_at_once 400 "'config' must be an object of strings" PATCH "/1.0/instances/$c" '{"config":{"user.a":1}}'
	refused_at_once 400 "Can't call PATCH in restore mode" PATCH "/1.0/instances/$c" '{"restore":"s"}'
	refused_at_once 400 "Missing device type in config" PATCH "/1.0/instances/$c" '{"devices":{"x":{}}}'
	refused_at_once 404 "not valid" GET "/1.0/instances/$c/logs/nosuch"
	stock start "$c"
	refused_at_once 400 "Instance is running" DELETE "/1.0/instances/$c"
	stock delete -f "$c"
}

@test "an ephemeral one is gone when its stop has ended; its name is free" {
	local c
	c=$(name eph)
	stock launch bb "$c" --ephemeral
	stock restart -f "$c"
	stock list "^$c\$" -c s -f csv
	assert "$output" = RUNNING
	stock stop -f "$c"
	stock launch bb "$c" -e
	stock delete -f "$c"
	stock init --empty "$c"
	stock list "^$c\$" -c s -f csv
	assert "$output" = STOPPED
	stock delete "$c"
}

@test "nothing is left behind" {
	leak_check
}
