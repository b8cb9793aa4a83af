#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a container runs with is what its configuration says: after berthd was killed in a change, and when changes of
# profiles come faster than they are applied. Needs a build with FAULTS=1.

# shellcheck disable=SC2016,SC2154 # what the container expands; what the helpers set

load helpers

setup() {
	SHARE=$BERTH_TEST_ROOT/share
	mkdir -p "$SHARE/a" "$SHARE/b"
	rm -rf --one-file-system "${BERTH_TEST_ROOT:?}/wrapped" "$BERTH_TEST_ROOT/gate"
}

# Sends what ends berthd, and starts it again. Without a FAULT it is a tool of PATH that does it.
survive() { # FAULT METHOD PATH JSON
	if [[ -n $1 ]]; then fault "$1"; else daemon_restart; fi
	curl -sS --max-time 60 --unix-socket "$BERTH_SOCKET" -X "$2" -H 'Content-Type: application/json' \
		--data-binary "$4" "http://unix.socket$3" >&2 || true
	died "$1"
	PATH=$ORIGINAL_PATH daemon_start
}

ORIGINAL_PATH=$PATH

# A tool that does what a line of sh says, then the real thing.
wrap_tool() { # TOOL LINE
	local real
	real=$(PATH=$ORIGINAL_PATH command -v "$1")
	mkdir -p "$BERTH_TEST_ROOT/wrapped"
	printf '#!/bin/sh\n%s\nexec %s "$@"\n' "$2" "$real" >"$BERTH_TEST_ROOT/wrapped/$1"
	chmod 755 "$BERTH_TEST_ROOT/wrapped/$1"
}

mounts_at() { # NAME PATH: how many, one over the other
	awk -v path="$2" '$5 == path { n++ } END { print n + 0 }' "/proc/$(init_of "$1")/mountinfo"
}

has_device() { # NAME DEVICE: 1 or 0, also of profiles
	"$BERTH" query "/1.0/instances/$1" | jq --arg d "$2" '.expanded_devices[$d] | if . == null or .type == "none" then 0 else 1 end'
}

processes_wanted() {
	"$BERTH" query "/1.0/instances/$1" | jq -r '.expanded_config["limits.processes"] // "max"'
}

nics() {
	nsenter --net="/proc/$(init_of "$1")/ns/net" ip -o link show eth1 2>/dev/null | wc -l
}

# Everything that the tests below change, once for each name.
agrees() { # NAME
	[[ $(cat "$(cgroup_file "$1" pids.max)") == "$(processes_wanted "$1")" &&
		$(mounts_at "$1" /mnt/a) == "$(has_device "$1" a)" && $(mounts_at "$1" /mnt/b) == "$(has_device "$1" b)" &&
		$(mounts_at "$1" /dev/zero2) == "$(has_device "$1" node)" && $(nics "$1") == "$(has_device "$1" eth1)" &&
		($NIC != *routed* || $(ways | wc -l) == $(($(nics "$1") * 2))) ]]
}

settled() { # NAME…: and it stays so: nothing is under way any more
	local n
	[[ $("$BERTH" query /1.0/operations?recursion=1 | jq -s 'map(.running // [], .pending // [] | length) | add // 0') == 0 ]] || return 1
	for n; do agrees "$n" || return 1; done
}

assert_agrees() { # WHEN NAME…
	local n
	wait_for 10 settled "${@:2}" || {
		for n in "${@:2}"; do
			echo "$n: pids.max $(cat "$(cgroup_file "$n" pids.max)"), wanted $(processes_wanted "$n")"
			echo "a $(mounts_at "$n" /mnt/a) $(has_device "$n" a), b $(mounts_at "$n" /mnt/b) $(has_device "$n" b)"
			"$BERTH" query /1.0/operations?recursion=1
			ways
			echo "node $(mounts_at "$n" /dev/zero2) $(has_device "$n" node), eth1 $(nics "$n") $(has_device "$n" eth1)"
		done >&2
		die "FAIL: does not agree: $1"
	}
	for n in "${@:2}"; do
		assert "$("$BERTH" query "/1.0/instances/$n" | jq -c '.pending // []')" = "[]" "pending of $n, $1"
	done
}

disk() { # a|b
	printf '"%s":{"type":"disk","source":"%s","path":"/mnt/%s"}' "$1" "$SHARE/$1" "$1"
}

NODE='"node":{"type":"unix-char","source":"/dev/zero","path":"/dev/zero2"}'
NIC='"eth1":{"type":"nic","nictype":"p2p","name":"eth1"}'
ROUTED=10.233.$BERTH_TEST_ID.9 # of one instance at a time

routed_nic() {
	printf '"eth1":{"type":"nic","nictype":"routed","name":"eth1","parent":"%s","ipv4.address":"%s","ipv4.neighbor_probe":"false"}' \
		"$BERTH_TEST_BRIDGE" "$ROUTED"
	echo 1 >"/proc/sys/net/ipv4/conf/$BERTH_TEST_BRIDGE/forwarding"
}

ways() { # to it: the route, and what the bridge answers
	ip route show "$ROUTED"
	ip neigh show proxy "$ROUTED" dev "$BERTH_TEST_BRIDGE"
}

one() {
	printf '{"profiles":["default"],"config":{"limits.processes":"55"},"devices":{%s}}' "$(disk a)"
}

other() {
	printf '{"profiles":["default"],"config":{"limits.processes":"77"},"devices":{%s,%s,%s}}' "$(disk b)" "$NODE" "$NIC"
}

put() { # PATH JSON
	api PUT "$1" "$2"
	if [[ $http == 202 ]]; then
		api GET "$(field .operation)/wait"
		assert "$(field .metadata.status)" = Success
	else
		assert "$http" = 200
	fi
}

@test "berthd killed in an update of a running instance" {
	local n step how NIC
	NIC=$(routed_nic)
	n=$(name crash)
	launch "$n"
	for step in check write live; do
		for how in kill kill-after; do
			daemon_restart
			put "/1.0/instances/$n" "$(one)"
			assert_agrees "before" "$n"
			survive "update/$step/$how" PUT "/1.0/instances/$n" "$(other)"
			assert_agrees "after update/$step/$how" "$n"
			survive "update/$step/$how" PUT "/1.0/instances/$n" '{"profiles":["default"]}'
			assert_agrees "after update/$step/$how of a removal" "$n"
		done
	done
	# and the next change goes well
	daemon_restart
	put "/1.0/instances/$n" "$(other)"
	assert_agrees "at the end" "$n"
	put "/1.0/instances/$n" '{"profiles":["default"]}'
	assert_agrees "with nothing" "$n"
	run_berth delete -f "$n"
}

@test "berthd killed between two commands of a live change" {
	local n tool NIC
	NIC=$(routed_nic)
	n=$(name half)
	launch "$n"
	for tool in ip nsenter; do
		put "/1.0/instances/$n" "$(one)"
		wrap_tool "$tool" "kill -KILL \$(cat $BERTH_TEST_ROOT/pid)"
		PATH=$BERTH_TEST_ROOT/wrapped:$ORIGINAL_PATH survive '' PUT "/1.0/instances/$n" "$(other)"
		assert_agrees "killed at $tool" "$n"
		put "/1.0/instances/$n" "$(other)"
		assert_agrees "after killed at $tool" "$n"
		if [[ $tool == ip ]]; then # which alone takes a NIC away
			PATH=$BERTH_TEST_ROOT/wrapped:$ORIGINAL_PATH survive '' PUT "/1.0/instances/$n" "$(one)"
			assert_agrees "killed at $tool, the other way" "$n"
		fi
		rm "$BERTH_TEST_ROOT/wrapped/$tool"
	done
	run_berth delete -f "$n"
}

@test "berthd killed after a profile was stored, before its instances took it" {
	local a b step how
	a=$(name pa)
	b=$(name pb)
	run_berth profile create crash
	launch "$a" -p default -p crash
	launch "$b" -p default -p crash
	for step in check write live; do
		for how in kill kill-after; do
			daemon_restart
			put /1.0/profiles/crash "$(one)"
			assert_agrees "before" "$a" "$b"
			survive "update/$step/$how" PUT /1.0/profiles/crash "$(other)"
			assert "$(processes_wanted "$a")" = 77 "the profile was stored"
			assert_agrees "after update/$step/$how" "$a" "$b"
		done
	done
	run_berth restart -f "$a"
	assert_agrees "after a restart" "$a" "$b"
	run_berth delete -f "$a" "$b"
	run_berth profile delete crash
}

@test "a container started by hand takes what its profile became" {
	local n
	n=$(name hand)
	run_berth profile create hand
	run_berth init bb "$n" -p default -p hand
	lxc-start -P "$BERTH_TEST_ROOT/lxc" -n "$n"
	wait_for 10 test -e "$BERTH_TEST_ROOT/lxc/$n/started.json" # until berthd knows its init, the profile is what LXC took
	survive "update/check/kill" PUT /1.0/profiles/hand "$(other)"
	assert_agrees "after update/check/kill" "$n"
	run_berth delete -f "$n"
	run_berth profile delete hand
}

@test "what waits for a restart goes on waiting over berthd's death, until it is taken back" {
	local n
	n=$(name wait)
	launch "$n"
	survive update/live/kill-after PATCH "/1.0/instances/$n" '{"config":{"environment.A":"1"}}'
	assert_agrees "after update/live/kill-after" "$n"
	run_berth config set "$n" environment.A=1
	contains "$stderr" environment.A
	daemon_kill
	daemon_start
	wait_for 10 settled "$n"
	assert "$("$BERTH" query "/1.0/instances/$n" | jq -c .pending)" = '["environment.A"]'
	run_berth config unset "$n" environment.A
	assert "$("$BERTH" query "/1.0/instances/$n" | jq -c '.pending // []')" = '[]' "set back to what runs"
	run_berth delete -f "$n"
}

# Lets live changes wait at their first ip(8) until the gate is opened.
close_gate() {
	: >"$BERTH_TEST_ROOT/gate"
	wrap_tool ip "while [ -e $BERTH_TEST_ROOT/gate ]; do : >$BERTH_TEST_ROOT/at-gate; sleep 0.05; done"
	rm -f "$BERTH_TEST_ROOT/at-gate"
}

is_stored() { # PROFILE JSON
	"$BERTH" query "/1.0/profiles/$1" | jq -e --argjson want "$2" \
		'.devices == ($want.devices // {}) and .config == ($want.config // {})' >/dev/null
}

# Changes a profile that is something else now; the answer only comes when the instances have it, so nobody waits here.
put_unanswered() { # PROFILE JSON: the client's pid in $client
	curl -sS --max-time 300 --unix-socket "$BERTH_SOCKET" -X PUT -o "$BERTH_TEST_ROOT/answer" -d "$2" \
		"http://unix.socket/1.0/profiles/$1" 3>&- 4>&- &
	client=$!
	wait_for 10 is_stored "$1" "$2"
}

@test "a profile changed again before its instance took the first change" {
	local n client first
	n=$(name twice)
	run_berth profile create twice
	launch "$n" -p default -p twice
	daemon_stop
	PATH=$BERTH_TEST_ROOT/wrapped:$ORIGINAL_PATH daemon_start
	put /1.0/profiles/twice "$(other)"
	assert_agrees "with devices" "$n"
	# away and back while another change is under way
	close_gate
	# answered when it is done, which is after the gate
	curl -sS --max-time 300 --unix-socket "$BERTH_SOCKET" -X PATCH -o /dev/null \
		-d '{"devices":{"eth7":{"type":"nic","nictype":"p2p","name":"eth7"}}}' "http://unix.socket/1.0/instances/$n" 3>&- 4>&- &
	wait_for 10 test -e "$BERTH_TEST_ROOT/at-gate"
	put_unanswered twice '{}'
	put_unanswered twice "$(other)"
	put_unanswered twice '{}'
	put_unanswered twice "$(other)"
	rm "$BERTH_TEST_ROOT/gate"
	assert_agrees "away and back" "$n"
	# come and gone, while its own change is under way
	put /1.0/profiles/twice '{}'
	assert_agrees "without" "$n"
	close_gate
	put_unanswered twice "$(other)"
	first=$client
	wait_for 10 test -e "$BERTH_TEST_ROOT/at-gate"
	put_unanswered twice "$(one)"
	kill -KILL "$client" # the change is made all the same
	put_unanswered twice "$(other)"
	put_unanswered twice "$(one)"
	process_alive "$first" || die "FAIL: the first change was answered before the instance had it"
	rm "$BERTH_TEST_ROOT/gate"
	wait "$first"
	assert_agrees "come and gone" "$n"
	run_berth delete -f "$n"
	run_berth profile delete twice
}

@test "many quick changes of a profile, one after the other and at once" {
	local a b k pids=()
	a=$(name many1)
	b=$(name many2)
	run_berth profile create many
	launch "$a" -p default -p many
	launch "$b" -p default -p many
	for k in 1 2 3 4 5 6; do
		run_berth profile device add many a disk source="$SHARE/a" path=/mnt/a
		run_berth profile device add many node unix-char source=/dev/zero path=/dev/zero2
		run_berth profile device add many eth1 nic nictype=p2p name=eth1
		run_berth profile device remove many a node eth1
	done
	assert_agrees "one after the other" "$a" "$b"
	for k in 1 2 3 4 5 6; do
		"$BERTH" profile device add many a disk source="$SHARE/a" path=/mnt/a >/dev/null 2>&1 3>&- 4>&- & pids+=($!)
		"$BERTH" profile device add many eth1 nic nictype=p2p name=eth1 >/dev/null 2>&1 3>&- 4>&- & pids+=($!)
		"$BERTH" profile device remove many a >/dev/null 2>&1 3>&- 4>&- & pids+=($!)
		"$BERTH" profile set many limits.processes=$((40 + k)) >/dev/null 2>&1 3>&- 4>&- & pids+=($!)
		"$BERTH" profile device remove many eth1 >/dev/null 2>&1 3>&- 4>&- & pids+=($!)
	done
	wait "${pids[@]}" || true # those that met a change of another are refused
	assert_agrees "at once" "$a" "$b"
	run_berth delete -f "$a" "$b"
	run_berth profile delete many
}

@test "nothing is left behind" {
	daemon_restart
	leak_check
}
