#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The host module's endpoint, as a panel uses it: a container's whole life, each mistake, and what VMCreate leaves when
# a part of it fails.
# shellcheck disable=SC2154 # what the helpers set
load helpers

# call OPERATION [JSON]: the answer in $body, its results by `result FILTER`
call() {
	api POST "/1.0/host/$1" "${2:-{\}}"
	assert "$(field .action)" = "$1" "action"
	assert "$(field .actions)" = "$1" "actions"
}

# good OPERATION [JSON]
good() {
	call "$@"
	assert "$http" = 200 "status of $1"
	assert "$(field .success)" = true "success of $1"
	assert "$(field .execute)" = null "execute of $1"
}

# bad STATUS PART OPERATION [JSON]: refused so, with that in message and execute
bad() {
	local status=$1 part=$2
	shift 2
	call "$@"
	assert "$http" = "$status" "status of $1"
	assert "$(field .success)" = false "success of $1"
	contains "$(field .message)" "$part" "message"
	contains "$(field .execute)" "$part" "execute"
	assert "$(field '.results | length')" = 0 "results"
}

result() {
	field ".results$1"
}

volumes_of() {
	"$BERTH" volume list "$1" --format json | jq -r '.[].name'
}

@test "an answer has the panel's shape, also when it is refused" {
	good ISOMount '{"anything": ["at", "all"]}'
	contains "$(field .message)" "no ISO"
	assert "$(field '.results | length')" = 0
	good GPUShows
	assert "$(field '.results | length')" = 0
	bad 404 "did you mean 'VMCreate'" VMCreated
	bad 400 "unknown field 'vm_uid'" VMDelete '{"vm_uid": "x"}'
	bad 400 "vm_uuid is missing" VMPowers '{"power": "S_START"}'
	bad 404 "not found" VMPowers '{"vm_uuid": "nobody", "power": "S_START"}'
	api POST /1.0/host/VMDelete '{"vm_uuid": '
	assert "$http" = 400
	assert "$(field .action)" = VMDelete
	assert "$(field .success)" = false
	api POST /1.0/host/VMDelete '[]'
	assert "$http" = 400
	assert "$(field .success)" = false
}

@test "a container's whole life, as a panel drives it" {
	local c
	c=$(name life)
	good HSLoader
	good VScanner
	assert "$(result .scanned)" -ge 0
	# created from a template file, with limits, a volume, an address, a password
	cp "$BUSYBOX_IMAGE" "$BERTH_TEST_ROOT/images/panel-os.tar.gz"
	good VMCreate "$(jq -n --arg c "$c" --arg ip "$BERTH_TEST_SUBNET.50" '{vm_uuid: $c, os_name: "panel-os", cpu_num: 1, cpu_per: 50,
		mem_num: 64, hdd_num: 1, speed_u: 20, speed_d: 30, os_pass: "s3cret of panel", hdd_all: {data: {path: "/srv/data"}},
		nic_all: {n0: {nic_type: "nat", ip4_addr: $ip, nic_mask: "255.255.255.0", dns_addr: ["192.0.2.53"]}}}')"
	assert "$(result .status)" = Running
	assert "$(result .name)" = "$c"
	contains "$(result '.warnings[0]')" "hdd_num"
	assert "$(result '.config["limits.memory"]')" = 64MiB
	assert "$(result '.devices.eth0.type // "gone"')" != nic "the profile's NIC"
	wait_init "$c"
	contains "$(in_container "$c" ip -4 addr)" "$BERTH_TEST_SUBNET.50/24"
	contains "$(in_container "$c" cat /etc/resolv.conf)" "nameserver 192.0.2.53"
	in_container "$c" sh -c 'echo kept >/srv/data/file'
	run grep -r "s3cret of panel" "$BERTH_TEST_ROOT/state" "$BERTH_TEST_ROOT/lxc/$c/berth.json" "$BERTH_TEST_ROOT/lxc/$c/config" "$BERTH_TEST_ROOT/berthd.log"
	assert "$status" = 1 "the secret is nowhere"
	# the same template is not imported twice
	assert "$("$BERTH" image list --format json | jq '[.[] | select(.aliases[].name == "panel-os")] | length')" -le 1
	# power: what is so already succeeds and says so
	good VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"S_START\"}"
	contains "$(field .message)" "runs already"
	assert "$(result .state)" = Running
	good VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"A_PAUSE\"}"
	assert "$(result .state)" = Frozen
	good VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"A_PAUSE\"}"
	good VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"H_RESET\"}"
	assert "$(result .state)" = Running
	wait_init "$c"
	good VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"A_PAUSE\"}"
	good VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"A_WAKED\"}"
	good VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"A_WAKED\"}"
	contains "$(field .message)" "not frozen"
	good VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"S_RESET\"}"
	wait_init "$c"
	bad 400 "S_RESET, H_RESET" VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"RESET\"}"
	# live changes, and one that is the same as before
	good VMUpdate "{\"vm_uuid\": \"$c\", \"vm_conf\": {\"vm_uuid\": \"$c\", \"mem_num\": 96, \"cpu_num\": 1}, \"vm_last\": {\"cpu_num\": 1}}"
	contains "$(result '.applied | join(" ")')" limits.memory
	assert "$(result '.pending | length')" = 0
	good Password "{\"vm_uuid\": \"$c\", \"os_pass\": \"another\"}"
	# a second volume comes, the first one goes: its data stays
	good VMUpdate "{\"vm_uuid\": \"$c\", \"hdd_all\": {\"more\": {\"ro\": true}}}"
	in_container "$c" sh -c '! test -e /srv/data/file && ! touch /mnt/more/x 2>/dev/null'
	good HDDMount "{\"vm_uuid\": \"$c\", \"hdd_name\": \"data\", \"path\": \"/srv/data\"}"
	assert "$(in_container "$c" cat /srv/data/file)" = kept
	good HDDMount "{\"vm_uuid\": \"$c\", \"hdd_name\": \"data\", \"in_flag\": false}"
	good RMMounts "{\"vm_uuid\": \"$c\", \"hdd_name\": \"more\"}"
	assert "$(volumes_of "$c")" = data
	# backup, damage, restore; and to another name
	in_container "$c" sh -c 'echo before >/root/state'
	good VMBackup "{\"vm_uuid\": \"$c\", \"vm_tips\": \"a hint\", \"mode\": \"freeze\"}"
	local file
	file=$(result .file)
	[[ -s $BERTH_TEST_ROOT/backups/$file ]]
	in_container "$c" sh -c 'echo after >/root/state; rm -rf /etc/passwd'
	good LDBackup
	assert "$(field ".results[] | select(.file == \"$file\") | .hint")" = "a hint"
	good Restores "{\"vm_uuid\": \"$c\", \"vm_back\": \"$file\"}"
	wait_init "$c"
	assert "$(in_container "$c" cat /root/state)" = before
	good Restores "{\"vm_uuid\": \"$c\", \"vm_back\": \"$file\", \"new_name\": \"$(name copy)\", \"start\": false}"
	assert "$(state_of "$(name copy)")" = STOPPED
	good VMDelete "{\"vm_uuid\": \"$(name copy)\"}"
	# installed anew: the name, the address and the volume stay
	good VInstall "{\"vm_uuid\": \"$c\", \"os_name\": \"bb\"}"
	wait_init "$c"
	in_container "$c" sh -c '! test -e /root/state'
	contains "$(in_container "$c" ip -4 addr)" "$BERTH_TEST_SUBNET.50/24"
	good RMBackup "{\"vm_uuid\": \"$c\", \"vm_back\": \"$file\"}"
	good VMBackup "{\"vm_uuid\": \"$c\"}"
	good VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"S_CLOSE\"}"
	assert "$(result .state)" = Stopped
	good VMPowers "{\"vm_uuid\": \"$c\", \"power\": \"H_CLOSE\"}"
	contains "$(field .message)" "stopped already"
	good VMDelete "{\"vm_uuid\": \"$c\", \"rm_back\": true}"
	good LDBackup
	assert "$(field '.results | length')" = 0 "backups"
	assert "$(volumes_of "$c")" = data "volumes stay"
	good RMMounts "{\"vm_uuid\": \"$c\", \"hdd_name\": \"data\"}"
	good HSUnload
	good HSUnload
	good HSLoader
}

@test "port forwards of a VMConfig are there, are replaced, and go with the container" {
	local c port=$((20000 + BERTH_TEST_ID))
	c=$(name fwd)
	good VMCreate "$(jq -n --arg c "$c" --arg ip "$BERTH_TEST_SUBNET.51" --argjson p "$port" '{vm_uuid: $c, os_name: "bb",
		nic_all: {eth0: {nic_type: "nat", ip4_addr: $ip}},
		nat_all: [{wan_port: $p, lan_port: 80, nat_tips: "web"}, {wan_port: $p, lan_port: 53, protocol: "udp"}]}')"
	run_berth network forward list --format json
	assert "$(jq --arg c "$c" '[.. | strings | select(. == $c)] | length' <<<"$output")" -ge 2
	good VMUpdate "{\"vm_uuid\": \"$c\", \"nat_all\": [{\"wan_port\": \"$port-$((port + 2))\", \"lan_port\": \"80-82\"}]}"
	run_berth network forward list --format json
	assert "$(jq --arg c "$c" '[.. | strings | select(. == $c)] | length' <<<"$output")" = 1
	bad 400 "nat_all" VMUpdate "{\"vm_uuid\": \"$c\", \"nat_all\": [{\"wan_port\": 70000, \"lan_port\": 80}]}"
	good VMDelete "{\"vm_uuid\": \"$c\"}"
	run_berth network forward list --format json
	assert "$(jq --arg c "$c" '[.. | strings | select(. == $c)] | length' <<<"$output")" = 0
}

@test "a VMCreate that fails leaves nothing, and names the mistake" {
	local c before
	c=$(name fail)
	before=$(find "$BERTH_TEST_ROOT/lxc" "$BERTH_TEST_ROOT/volumes" -mindepth 1 | sort)
	bad 400 "unknown field 'cpus'" VMCreate "{\"vm_uuid\": \"$c\", \"os_name\": \"bb\", \"cpus\": 2}"
	bad 400 "os_name is missing" VMCreate "{\"vm_uuid\": \"$c\"}"
	bad 404 "os_name 'gone'" VMCreate "{\"vm_uuid\": \"$c\", \"os_name\": \"gone\"}"
	bad 400 "os_name '.." VMCreate "{\"vm_uuid\": \"$c\", \"os_name\": \"..\"}"
	# the last thing that can fail: a password that cannot be one, after the volume was made
	bad 400 "password" VMCreate "$(jq -n --arg c "$c" '{vm_uuid: $c, os_name: "bb", os_pass: "two\nlines", hdd_all: {data: {}}}')"
	assert "$(state_of "$c")" = ""
	assert "$(find "$BERTH_TEST_ROOT/lxc" "$BERTH_TEST_ROOT/volumes" -mindepth 1 | grep -v "volumes/$c\$" | sort)" = "$before"
	# not that one which is there already
	launch "$c"
	bad 409 "exists already" VMCreate "{\"vm_uuid\": \"$c\", \"os_name\": \"bb\"}"
	assert "$(state_of "$c")" = RUNNING
	run_berth delete -f "$c"
}

@test "a VMCreate is undone when berthd is killed in it" {
	local c step
	c=$(name kill)
	for step in volumes/kill password/kill start/kill-after; do
		daemon_stop
		BERTH_FAULT=vm-create/$step daemon_start
		curl -sS --max-time 60 --unix-socket "$BERTH_SOCKET" -X POST -H 'Content-Type: application/json' \
			-d "$(jq -n --arg c "$c" '{vm_uuid: $c, os_name: "bb", os_pass: "x", hdd_all: {data: {}}}')" \
			http://unix.socket/1.0/host/VMCreate >/dev/null 2>&1 || true
		wait_for 10 process_gone "$(daemon_pid)"
		daemon_start
		assert "$(state_of "$c")" = "" "after $step"
		assert "$(volumes_of "$c")" = "" "volumes after $step"
	done
}

@test "an update installs another system only when it is told to, and restarts only then" {
	local c pid
	c=$(name os)
	"$BERTH" image import "$BUSYBOX_IMAGE" --alias bb >/dev/null 2>&1 || true
	cp "$BUSYBOX_IMAGE" "$BERTH_TEST_ROOT/other.tar.gz"
	# another archive with the same tree
	(cd "$BATS_TEST_TMPDIR" && mkdir tree && tar xzf "$BUSYBOX_IMAGE" -C tree && touch tree/rootfs/other && tar czf "$BERTH_TEST_ROOT/images/other-os.tar.gz" -C tree .)
	good VMCreate "{\"vm_uuid\": \"$c\", \"os_name\": \"bb\"}"
	pid=$(init_of "$c")
	good VMUpdate "{\"vm_uuid\": \"$c\", \"os_name\": \"other-os\", \"restart\": true}"
	assert "$(result '.pending[0]')" = os_name
	assert "$(init_of "$c")" = "$pid" "not restarted"
	good VMUpdate "{\"vm_uuid\": \"$c\", \"os_name\": \"other-os\", \"reinstall\": true}"
	contains "$(result '.applied | join(" ")')" os_name
	wait_init "$c"
	in_container "$c" test -e /other
	run_berth delete -f "$c"
}

@test "berth host call: the same from the command line" {
	local c
	c=$(name cli)
	echo "{\"vm_uuid\": \"$c\", \"os_name\": \"bb\"}" >"$BATS_TEST_TMPDIR/create.json"
	run_berth host call VMCreate "$BATS_TEST_TMPDIR/create.json"
	assert "$(jq -r .results.status <<<"$output")" = Running
	run --separate-stderr "$BERTH" host call VMPowers - <<<' '
	assert "$status" = 1
	contains "$output" "vm_uuid is missing"
	run --separate-stderr "$BERTH" host call VMDelete - <<<"{\"vm_uuid\": \"$c\"}"
	assert "$status" = 0
	assert "$(jq -r .success <<<"$output")" = true
	refused 1 "cannot" host call VMDelete /dev/null/x
	echo '{' >"$BATS_TEST_TMPDIR/cut.json"
	refused 1 "is no JSON" host call VMDelete "$BATS_TEST_TMPDIR/cut.json"
	refused 2 "an argument is missing" host call
}

@test "nothing is left behind" {
	leak_check
}
