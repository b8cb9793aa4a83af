#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Addresses from ipaddr_maps, collisions of static addresses, and the networks resource.

# shellcheck disable=SC2154 # what the helpers set

load helpers

# Twelve addresses, since .1 of .1 - .13 is the gateway, and IPv6 beside them.
setup_file_more() {
	cat >>"$BERTH_TEST_ROOT/berth.conf" <<-END
		ipaddr_maps = small nat $BERTH_TEST_SUBNET.1 13 $BERTH_TEST_SUBNET.1 255.255.255.0
		ipaddr_maps = six nat fd23:1:$BERTH_TEST_ID::10 99 fd23:1:$BERTH_TEST_ID::1 64
	END
	ip addr add "fd23:1:$BERTH_TEST_ID::1/64" dev "$BERTH_TEST_BRIDGE" nodad
	daemon_stop
	daemon_start
}

address_of() { # NAME [FAMILY]
	"$BERTH" config device get "$1" eth0 "${2:-ipv4}.address" 2>/dev/null
}

delete_all() {
	local n
	for n in $("$BERTH" list -c n -f csv); do
		run_berth delete -f "$n"
	done
}

teardown() {
	restore_after_failure
	if [[ ! -e $BERTH_TEST_ROOT/checked ]]; then delete_all; fi
}

@test "a new instance gets the next free address of its bridge's ranges, and it is there inside" {
	local n
	n=$(name a1)
	launch "$n"
	assert "$(address_of "$n")" = "$BERTH_TEST_SUBNET.2/24" "the first that is not the gateway"
	assert "$(address_of "$n" ipv6)" = "fd23:1:$BERTH_TEST_ID::10/64"
	run in_container "$n" ip addr show dev eth0
	contains "$output" "$BERTH_TEST_SUBNET.2/24"
	contains "$output" "fd23:1:$BERTH_TEST_ID::10/64"
	run in_container "$n" ip route
	contains "$output" "default via $BERTH_TEST_SUBNET.1"
	in_container "$n" ping -c 1 -W 5 "$BERTH_TEST_SUBNET.1" >/dev/null
	run_berth init bb "$(name a2)"
	assert "$(address_of "$(name a2)")" = "$BERTH_TEST_SUBNET.3/24"
	run_berth delete -f "$n"
	run_berth init bb "$(name a3)"
	assert "$(address_of "$(name a3)")" = "$BERTH_TEST_SUBNET.2/24" "one that became free again"
}

@test "twelve launches at once get twelve addresses, and the next one a refusal that names the range" {
	local i n pids=() failed=0 found
	for ((i = 1; i <= 12; i++)); do
		n=$(name "p$i")
		"$BERTH" init bb "$n" >"$BATS_TEST_TMPDIR/out.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || failed=$((failed + 1))
	done
	assert "$failed" -eq 0 "all twelve fit in .2 - .13"
	found=$("$BERTH" list -c n -f csv | while read -r n; do address_of "$n"; done | sort -u | wc -l)
	assert "$found" -eq 12 "distinct addresses"
	refused 1 "all 13 of the range 'small' (ipaddr_maps) are used" init bb "$(name p13)"
	assert "$(state_of "$(name p13)")" = "" "nothing of it is left"
	[[ ! -e $BERTH_TEST_ROOT/lxc/$(name p13) ]]
	run_berth delete -f "$(name p4)"
	run_berth init bb "$(name p13)"
}

@test "an address that is asked for stays, and nobody gets it twice" {
	local a b
	a=$(name s1)
	b=$(name s2)
	run_berth init bb "$a" -d "eth0,ipv4.address=$BERTH_TEST_SUBNET.2"
	assert "$(address_of "$a")" = "$BERTH_TEST_SUBNET.2"
	refused 1 "IP address \"$BERTH_TEST_SUBNET.2\" already defined on another NIC (of the instance '$a')" \
		init bb "$b" -d "eth0,ipv4.address=$BERTH_TEST_SUBNET.2/24"
	refused 1 "is the host's own on '$BERTH_TEST_BRIDGE'" init bb "$b" -d "eth0,ipv4.address=$BERTH_TEST_SUBNET.1"
	run_berth init bb "$b"
	assert "$(address_of "$b")" = "$BERTH_TEST_SUBNET.3/24" "the map's next one"
	refused 1 "already defined on another NIC" config device set "$b" eth0 "ipv4.address=$BERTH_TEST_SUBNET.2"
	assert "$(address_of "$b")" = "$BERTH_TEST_SUBNET.3/24" "unchanged"
	run_berth config device set "$b" eth0 "ipv4.address=$BERTH_TEST_SUBNET.77/24"
	run_berth config set "$b" user.note=1
}

@test "what an adopted container has in its config is taken" {
	local n
	n=$(name ad)
	mkdir "$BERTH_TEST_ROOT/lxc/$n"
	cat >"$BERTH_TEST_ROOT/lxc/$n/config" <<-END
		lxc.uts.name = $n
		lxc.rootfs.path = dir:$BERTH_TEST_ROOT/lxc/$n/rootfs
		lxc.net.0.type = veth
		lxc.net.0.link = $BERTH_TEST_BRIDGE
		  lxc.net.0.ipv4.address = $BERTH_TEST_SUBNET.2/24
	END
	mkdir "$BERTH_TEST_ROOT/lxc/$n/rootfs"
	wait_for 10 is_state "$n" STOPPED
	run_berth init bb "$(name ad2)"
	assert "$(address_of "$(name ad2)")" = "$BERTH_TEST_SUBNET.3/24"
	refused 1 "of the instance '$n'" init bb "$(name ad3)" -d "eth0,ipv4.address=$BERTH_TEST_SUBNET.2"
}

@test "a copy gets addresses of its own, unless they were chosen" {
	local a b
	a=$(name c1)
	b=$(name c2)
	run_berth init bb "$a"
	run_berth copy "$a" "$b"
	assert "$(address_of "$a")" = "$BERTH_TEST_SUBNET.2/24"
	assert "$(address_of "$b")" = "$BERTH_TEST_SUBNET.3/24"
	assert "$(address_of "$b" ipv6)" = "fd23:1:$BERTH_TEST_ID::11/64"
	run_berth config device set "$a" eth0 "ipv4.address=$BERTH_TEST_SUBNET.55/24"
	run_berth copy "$a" "$(name c3)" # as LXD: it has what it was copied from, and only one of them can run
	assert "$(address_of "$(name c3)")" = "$BERTH_TEST_SUBNET.55/24"
	run_berth config set "$(name c3)" user.note=1
	run_berth start "$a"
	refused 1 "IP address \"$BERTH_TEST_SUBNET.55\" already defined on another NIC (of the instance '$a')" start "$(name c3)"
	run_berth config device set "$(name c3)" eth0 "ipv4.address=$BERTH_TEST_SUBNET.56/24"
	run_berth start "$(name c3)"
	run_berth stop -f "$a" "$(name c3)"
}

@test "bad ranges: the daemon keeps its settings, and names the line and the rule" {
	local conf=$BERTH_TEST_ROOT/bad.conf
	printf 'ipaddr_maps = a nat 10.9.0.5 3 10.9.0.1 24\nipaddr_maps = b nat 10.9.0.7 3 10.9.0.1 24\n' >"$conf"
	run -1 timeout 60 "$BERTHD" --config "$conf" --root "$BERTH_TEST_ROOT/none"
	contains "$output" "bad.conf:2: ipaddr_maps: the ranges 'a' and 'b' overlap"
	rm "$conf"
}

@test "networks as LXD shows them" {
	local n
	n=$(name nw)
	launch "$n"
	run_berth network list -f csv
	contains "$output" "$BERTH_TEST_BRIDGE,bridge,YES,$BERTH_TEST_SUBNET.1/24,fd23:1:$BERTH_TEST_ID::1/64,,2,CREATED"
	contains "$output" "lo,loopback,NO,,,,0,"
	run_berth network show
	contains "$output" "name: $BERTH_TEST_BRIDGE" "the default network"
	contains "$output" "/1.0/instances/$n"
	run_berth network info "$BERTH_TEST_BRIDGE"
	contains "$output" "$BERTH_TEST_SUBNET.1/24 (global)"
	contains "$output" "Upper devices: veth"
	run_berth network list-leases -f csv
	contains "$output" "$BERTH_TEST_BRIDGE.gw,,$BERTH_TEST_SUBNET.1,GATEWAY"
	contains "$output" ",$BERTH_TEST_SUBNET.2,STATIC"
	api GET "/1.0/networks/$BERTH_TEST_BRIDGE/state"
	assert "$(field '.metadata.bridge.id')" =~ ^8000
	refused 1 "Network not found" network show nosuch
	refused 1 'Network interface "nosuch" not found' network info nosuch
	api POST "/1.0/networks/$BERTH_TEST_BRIDGE" '{"name":"br9"}'
	assert "$http" = 501
	contains "$body" "berth host init"
	api DELETE "/1.0/networks/$BERTH_TEST_BRIDGE"
	assert "$http" = 501
	api DELETE /1.0/networks/nosuch
	assert "$http" = 404
}

@test "a network is used by profiles, then instances, each named once however many nics it has there" {
	local n want
	n=$(name us)
	run_berth init bb "$n"
	run_berth config device add "$n" eth1 nic nictype=bridged "parent=$BERTH_TEST_BRIDGE"
	run_berth config device add "$n" eth2 nic nictype=macvlan parent=lo
	run_berth init bb "$n"b
	want="/1.0/profiles/default /1.0/instances/$n /1.0/instances/${n}b"
	api GET "/1.0/networks/$BERTH_TEST_BRIDGE"
	assert "$(field '.metadata.used_by | join(" ")')" = "$want"
	api GET "/1.0/networks?recursion=1"
	assert "$(field ".metadata[] | select(.name == \"$BERTH_TEST_BRIDGE\").used_by | join(\" \")")" = "$want"
	assert "$(field '.metadata[] | select(.name == "lo").used_by | join(" ")')" = "/1.0/instances/$n"
}

@test "nothing is left behind" {
	leak_check
}
