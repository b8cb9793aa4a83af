# SPDX-License-Identifier: MIT
# LXD's own client: networks.

# shellcheck disable=SC2154 # what the helpers set

bats_require_minimum_version 1.5.0
load helpers
load lxd

subnet() { # I: one of this file's own
	printf '10.%d.%d' "$((225 + $1))" "$BERTH_TEST_ID"
}

state_file() { # NETWORK ENDING
	printf '%s/state/networks/%s.%s' "$BERTH_TEST_ROOT" "$1" "$2"
}

# Its nftables table, as berthd names it.
table_of() { # NETWORK
	printf 'berth_net_%s' "${1//-/_2d}"
}

has_table() {
	nft list table inet "$(table_of "$1")" >/dev/null 2>&1
}

has_link() {
	[[ -e /sys/class/net/$1 ]]
}

dnsmasq_of() { # NETWORK: its process
	pgrep -f -- "--pid-file=$BERTH_TEST_ROOT/run/networks/$1/dnsmasq.pid"
}

serves() {
	[[ -n $(dnsmasq_of "$1") ]]
}

# What there is of a network, anywhere.
traces_of() { # NETWORK
	has_link "$1" && echo "link $1"
	has_table "$1" && echo "table of $1"
	dnsmasq_of "$1"
	ls -d "$BERTH_TEST_ROOT/state/networks/$1".* "$BERTH_TEST_ROOT/run/networks/$1" 2>/dev/null
	return 0
}

gone() {
	[[ -z $(traces_of "$1") ]]
}

whole() { # NETWORK ADDRESS
	has_link "$1" && has_table "$1" && serves "$1" && ip -o addr show dev "$1" | grep -qF " $2 "
}

lease_of() { # NETWORK INSTANCE: its first IPv4 address
	LXD_SOCKET=$BERTH_SOCKET LXD_CONF=$BERTH_TEST_ROOT/lxc-conf lxc network list-leases "$1" -f csv | awk -F, -v c="$2" '$1 == c && $3 ~ /^[0-9.]+$/ { print $3; exit }'
}

has_lease() {
	[[ -n $(lease_of "$@") ]]
}

reaches() { # INSTANCE ADDRESS
	in_container "$1" ping -c 1 -W 1 "$2" >/dev/null 2>&1
}

teardown_file_more() {
	local link
	for link in /sys/class/net/t"$BERTH_TEST_ID"-*; do
		[[ -e $link ]] && ip link del "${link##*/}" 2>/dev/null
	done
	ip netns del "t$BERTH_TEST_ID-out" 2>/dev/null
	return 0
}

# An event that is heard: the client is there.
touched() {
	api PATCH "/1.0/profiles/default" '{}'
	[[ -s $BATS_TEST_TMPDIR/events ]]
}

@test "create, show, set, edit, rename, delete" {
	local n s pid
	n=$(name n1)
	s=$(subnet 1)
	stock network create "$n" ipv4.address="$s.1/24" ipv6.address=none ipv4.nat=true
	assert "$output" = "Network $n created"
	stock network show "$n"
	contains "$output" "  ipv4.address: $s.1/24"
	contains "$output" "status: Created"
	stock network list -f csv
	contains "$output" "$n,bridge,YES,$s.1/24,none,,0,CREATED"
	contains "$output" "$BERTH_TEST_BRIDGE,bridge,YES,"
	stock network info "$n"
	contains "$output" "inet	$s.1/24 (global)"
	contains "$output" "STP: false"
	whole "$n" "$s.1/24"
	stock network set "$n" user.a=1 bridge.mtu=1400 ipv4.routes="$(subnet 2).0/24,$(subnet 3).0/24"
	assert "$(cat "/sys/class/net/$n/mtu")" = 1400
	contains "$(ip route show dev "$n")" "$(subnet 3).0/24 proto static"
	stock network get "$n" user.a
	assert "$output" = 1
	stock network unset "$n" user.a
	stock network get "$n" user.a
	assert "$output" = ""
	stock network edit "$n" <<-END
		config:
		  ipv4.address: $s.9/25
		  ipv4.nat: "true"
		  ipv4.routes: $(subnet 2).0/24
		description: edited
	END
	stock network show "$n"
	contains "$output" "description: edited"
	assert "$(ip -o -4 addr show dev "$n" | awk '{ print $4 }')" = "$s.9/25"
	assert "$(ip route show dev "$n")" !~ "$(subnet 3)"
	assert "$(cat "/sys/class/net/$n/mtu")" = 1500
	contains "$(tr '\0' ' ' <"/proc/$(dnsmasq_of "$n")/cmdline")" "--dhcp-range=$s.2,$s.126,1h"
	stock network set "$n" ipv6.address="fd42:$BERTH_TEST_ID::1/64" ipv6.dhcp.stateful=true ipv6.routes="fd43:$BERTH_TEST_ID::/64"
	contains "$(ip -6 route show dev "$n")" "fd43:$BERTH_TEST_ID::/64 proto static"
	stock network set "$n" ipv6.address=none dns.mode=none
	assert "$(ip -6 addr show dev "$n")" = ""
	whole "$n" "$s.9/25"
	api PATCH "/1.0/networks/$n" '{"config":{"user.b":"2"}}' -H 'If-Match: bogus'
	assert "$http" = 412
	api PATCH "/1.0/networks/$n" '{"config":{"user.b":"2"}}'
	assert "$http" = 200
	stock network get "$n" ipv4.address
	assert "$output" = "$s.9/25" "a patch leaves the others"
	timeout 60 curl -sSN --unix-socket "$BERTH_SOCKET" -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
		-H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \
		"http://unix.socket/1.0/events?type=lifecycle" >"$BATS_TEST_TMPDIR/events" 2>/dev/null 3>&- &
	pid=$!
	wait_for 5 touched
	stock network rename "$n" "${n}b"
	assert "$output" = "Network $n renamed to ${n}b"
	wait_for 5 grep -aq '"action":"network-renamed"' "$BATS_TEST_TMPDIR/events"
	grep -aq "\"old_name\":\"$n\"" "$BATS_TEST_TMPDIR/events"
	kill "$pid"
	whole "${n}b" "$s.9/25"
	wait_for 5 gone "$n"
	stock network delete "${n}b"
	assert "$output" = "Network ${n}b deleted"
	wait_for 5 gone "${n}b" || die "left: $(traces_of "${n}b")"
}

@test "what nobody asked for, and what is refused" {
	local n m
	n=$(name n2)
	m=$(name m2)
	stock network create "$n"
	stock network get "$n" ipv4.address
	assert "$output" =~ ^10\.[0-9]+\.[0-9]+\.1/24$
	stock network get "$n" ipv4.nat
	assert "$output" = true
	stock network get "$n" ipv6.address
	assert "$output" =~ ^fd42:.*::1/64$
	stock_refused "The network already exists" network create "$n"
	stock_refused "The network already exists" network create "$BERTH_TEST_BRIDGE"
	stock_refused "has the subnet" network create "$m" ipv4.address="$(LXD_SOCKET=$BERTH_SOCKET LXD_CONF=$BERTH_TEST_ROOT/lxc-conf lxc network get "$n" ipv4.address)"
	stock_refused "has an address in the subnet" network create "$m" ipv4.address="$BERTH_TEST_SUBNET.9/24" ipv6.address=none
	stock_refused "not found" network show "$m"
	stock_refused "Network interface contains invalid characters" network create bad/name
	stock_refused "Network interface is too long" network create much-too-long-a-name
	stock_refused 'Network interface "lo" already exists' network create lo
	stock_refused "Invalid option for network \"$m\" option \"nosuch\"" network create "$m" nosuch=1
	stock_refused "Invalid value for network \"$m\" option \"ipv4.nat\": Invalid value for a boolean \"perhaps\"" \
		network create "$m" ipv4.nat=perhaps
	stock_refused "Not a usable IPv4 address" network create "$m" ipv4.address=10.225.0.0/24
	stock_refused "does not fall within" network create "$m" ipv4.address=10.225.0.1/24 ipv4.dhcp.ranges=10.226.0.2-10.226.0.9
	stock_refused "not supported: berth speaks no BGP" network create "$m" bgp.peers.a.address=10.0.0.1
	stock_refused "not supported" network create "$m" bridge.driver=openvswitch
	stock_refused "not supported: networks of the type ovn" network create "$m" --type=ovn
	stock_refused "Unknown driver" network create "$m" --type=nosuch
	stock_refused "option \"dns.mode\"" network set "$n" dns.mode=sometimes
	stock_refused "Invalid option for network \"$n\" option \"nosuch\"" network unset "$n" nosuch
	stock_refused "option \"ipv4.routes\": Item \"10.9.9.9/24\": Not an IPv4 network address" network set "$n" ipv4.routes=10.9.9.9/24
	stock_refused "invalid CIDR address: 10.225.0.1" network create "$m" ipv4.address=10.225.0.1
	stock_refused "Failed loading network: Network not found" network forward list nosuch
	stock_refused "Network not found" network show nosuch
	stock_refused "Failed loading network: Network not found" network delete nosuch
	stock_refused 'Network interface "nosuch" not found' network info nosuch
	stock_refused "berth host init" network set "$BERTH_TEST_BRIDGE" user.a=1
	assert "$(ls "$BERTH_TEST_ROOT/state/networks")" !~ "$m" "nothing of the refused ones is kept"
	stock network delete "$n"
	wait_for 5 gone "$n"
}

@test "instances: leases, names, use, attach and detach; out through NAT; and all of it comes back" {
	local n c s out old
	n=$(name n3)
	c=$(name c3)
	s=$(subnet 3)
	stock network create "$n" ipv4.address="$s.1/24" ipv6.address=none ipv4.nat=true dns.domain=test
	stock init bb "$c" -n "$n"
	stock_refused "Error: Invalid devices: Device validation failed for \"eth0\": Device IP address \"10.1.2.3\" not within network \"$n\" subnet" \
		config device set "$c" eth0 ipv4.address=10.1.2.3
	stock_refused 'Error: Invalid devices: Device validation failed for "x": Failed loading device "x": Failed to load network "NOSUCH" for project "default": Network not found' \
		config device add "$c" x nic network=NOSUCH
	stock_refused 'Network not found' profile device add default x nic network=NOSUCH
	stock network show "$n"
	contains "$output" "/1.0/instances/$c"
	stock_refused "The network is currently in use" network delete "$n"
	stock_refused "Network is currently in use" network rename "$n" "${n}b"
	stock start "$c"
	wait_for 10 has_lease "$n" "$c"
	stock network list-leases "$n" -f csv
	contains "$output" "$n.gw,,$s.1,GATEWAY"
	contains "$output" ",DYNAMIC"
	wait_for 10 reaches "$c" "$s.1"
	contains "$(in_container "$c" nslookup "$c.test" "$s.1")" "$(lease_of "$n" "$c")"
	# the world outside has no way back but to the host
	out=t$BERTH_TEST_ID-out
	ip netns add "$out"
	ip link add "t$BERTH_TEST_ID-v" type veth peer name eth0 netns "$out"
	ip addr add "$(subnet 4).1/30" dev "t$BERTH_TEST_ID-v"
	ip link set "t$BERTH_TEST_ID-v" up
	ip -n "$out" addr add "$(subnet 4).2/30" dev eth0
	ip -n "$out" link set eth0 up
	wait_for 10 reaches "$c" "$(subnet 4).2"
	# a table, a dnsmasq and a bridge that somebody takes away
	nft delete table inet "$(table_of "$n")"
	wait_for 10 reaches "$c" "$(subnet 4).2"
	old=$(dnsmasq_of "$n")
	kill -KILL "$old"
	wait_for 10 process_gone "$old"
	wait_for 10 serves "$n"
	ip link del "$n"
	wait_for 10 reaches "$c" "$(subnet 4).2"
	wait_for 10 serves "$n"
	daemon_kill
	ip link del "$n"
	nft delete table inet "$(table_of "$n")"
	daemon_start
	wait_for 10 whole "$n" "$s.1/24"
	wait_for 10 reaches "$c" "$(subnet 4).2"
	assert "$(dnsmasq_of "$n" | wc -l)" -eq 1
	ip link del "t$BERTH_TEST_ID-v"
	ip netns del "$out"
	# the lease of before is nobody's
	stock config device set "$c" eth0 ipv4.address="$s.76"
	stock network list-leases "$n" -f csv
	contains "$output" "$s.76,STATIC"
	assert "$(grep -c DYNAMIC <<<"$output")" -eq 0
	stock network detach "$n" "$c"
	stock_refused "No device found for this network" network detach "$n" "$c"
	stock network attach "$n" "$c" eth1
	stock config device get "$c" eth1 network
	assert "$output" = "$n"
	stock config device set "$c" eth1 ipv4.address="$s.77"
	stock network list-leases "$n" -f csv
	contains "$output" "$c,"
	contains "$output" "$s.77,STATIC"
	stock delete -f "$c"
	stock network attach-profile "$n" default eth7
	stock_refused "The network is currently in use" network delete "$n"
	stock network detach-profile "$n" default eth7
	stock network delete "$n"
	wait_for 5 gone "$n" || die "left: $(traces_of "$n")"
}

@test "berthd dies at any step: all of a network or nothing of it" {
	local n s step
	n=$(name n4)
	s=$(subnet 5)
	for step in settle/kill store/kill bring/kill bring/kill-after; do
		fault "network/$step"
		stock '?' network create "$n" ipv4.address="$s.1/24" ipv6.address=none
		revive "network/$step"
		journal_ends
		wait_for 10 gone "$n" || die "left after a create that died at $step: $(traces_of "$n")"
	done
	stock network create "$n" ipv4.address="$s.1/24" ipv6.address=none
	fault network/bring/fail-after
	stock_refused "" network set "$n" ipv4.address="$s.2/24"
	fault none
	whole "$n" "$s.1/24"
	assert "$(ip -o -4 addr show dev "$n" | wc -l)" -eq 1
	for step in store bring; do
		fault "network/$step/kill-after"
		stock '?' network delete "$n"
		revive "network/$step/kill-after"
		journal_ends
		wait_for 10 whole "$n" "$s.1/24" || die "a delete that died after $step: $(traces_of "$n")"
	done
	fault network/bring/kill-after
	stock '?' network rename "$n" "${n}b"
	revive network/bring/kill-after
	journal_ends
	wait_for 10 whole "$n" "$s.1/24"
	wait_for 10 gone "${n}b" || die "a rename that died: $(traces_of "${n}b")"
	stock network delete "$n"
	wait_for 5 gone "$n"
}

@test "dnsmasq's own options, forwards, and what there is not" {
	local n s old
	n=$(name n6)
	s=$(subnet 9)
	stock network create "$n" ipv4.address="$s.1/24" ipv6.address=none raw.dnsmasq=log-queries
	old=$(dnsmasq_of "$n")
	stock_refused "bad option at line 1" network set "$n" raw.dnsmasq=nonsense
	stock network get "$n" raw.dnsmasq
	assert "$output" = log-queries
	assert "$(cat "$(state_file "$n" dnsmasq)")" = log-queries
	assert "$(dnsmasq_of "$n")" = "$old" "the one that runs was not touched"
	ip link add "t$BERTH_TEST_ID-e" type veth peer name "t$BERTH_TEST_ID-f"
	stock network set "$n" bridge.external_interfaces="t$BERTH_TEST_ID-e"
	[[ -e /sys/class/net/$n/brif/t$BERTH_TEST_ID-e ]]
	stock network unset "$n" bridge.external_interfaces
	[[ ! -e /sys/class/net/$n/brif/t$BERTH_TEST_ID-e ]]
	ip addr add "$(subnet 4).5/30" dev "t$BERTH_TEST_ID-e"
	stock_refused "Only unconfigured network interfaces can be bridged" \
		network set "$n" bridge.external_interfaces="t$BERTH_TEST_ID-e"
	ip link del "t$BERTH_TEST_ID-e"
	stock network forward create "$n" "192.0.2.$BERTH_TEST_ID"
	stock network forward port add "$n" "192.0.2.$BERTH_TEST_ID" tcp 80 "$s.5" 8080
	stock network forward set "$n" "192.0.2.$BERTH_TEST_ID" target_address="$s.6"
	stock network forward get "$n" "192.0.2.$BERTH_TEST_ID" target_address
	assert "$output" = "$s.6"
	local forward=(network forward set "$n" "192.0.2.$BERTH_TEST_ID") port=(network forward port add "$n" "192.0.2.$BERTH_TEST_ID")
	stock_refused "Failed updating forward: Default target address is not within the network subnet" "${forward[@]}" target_address=10.9.9.9
	stock_refused "Failed updating forward: Target address is same as default target address in port specification 0" \
		"${forward[@]}" target_address="$s.5"
	stock_refused "Failed updating forward: Duplicate listen port 80 for protocol \"tcp\" in port specification 1" \
		"${port[@]}" tcp 70-90 "$s.7"
	stock_refused "Target address is not within the network subnet in port specification 1" "${port[@]}" udp 7 10.9.9.9
	stock "${forward[@]}" user.a=b
	stock network forward unset "$n" "192.0.2.$BERTH_TEST_ID" user.a
	stock network forward show "$n" "192.0.2.$BERTH_TEST_ID"
	contains "$output" "location: none"
	assert "$output" !~ user.a
	stock_refused "Failed deleting forward: Network forward not found" network forward delete "$n" 192.0.2.254
	stock_refused "Failed creating forward: A forward for that listen address already exists" network forward create "$n" "192.0.2.$BERTH_TEST_ID"
	stock network forward list "$n" -f csv
	assert "$output" = "192.0.2.$BERTH_TEST_ID,,$s.6,1"
	api GET "/1.0/forwards"
	contains "$body" "192.0.2.$BERTH_TEST_ID"
	stock_refused 'missing the required "network_acl"' network acl list
	stock_refused 'missing the required "network_peer"' network peer list "$n"
	stock_refused 'missing the required "network_dns"' network zone list
	stock network delete "$n"
	wait_for 5 gone "$n"
	wait_for 5 no_forwards || die "the forward of a network that is gone is left"
}

no_forwards() {
	api GET "/1.0/forwards"
	[[ $(field '.metadata | length') == 0 ]]
}

@test "macvlan and physical networks are parents of nics" {
	local n c
	n=$(name n5)
	c=$(name c5)
	stock_refused "Required value" network create "$n" --type=macvlan
	stock_refused "option \"ipv4.address\"" network create "$n" --type=macvlan parent="$BERTH_TEST_BRIDGE" ipv4.address=none
	stock_refused 'Parent interface "nosuch0" not found' network create "$n" --type=macvlan parent=nosuch0
	wait_for 5 gone "$n"
	stock network create "$n" --type=macvlan parent="$BERTH_TEST_BRIDGE"
	stock network list -f csv
	contains "$output" "$n,macvlan,YES,"
	stock network info "$n"
	contains "$output" "Name: $n"
	contains "$output" "inet	$BERTH_TEST_SUBNET.1/24 (global)"
	stock_refused "Not implemented" network list-leases "$n"
	stock_refused 'Network driver "macvlan" does not support forwards' network forward list "$n"
	stock launch bb "$c" -n "$n"
	contains "$(in_container "$c" cat /sys/class/net/eth0/uevent)" "INTERFACE=eth0"
	assert "$(ip -n "/proc/$(init_of "$c")/ns/net" -d link show eth0 2>/dev/null || nsenter -t "$(init_of "$c")" -n ip -d link show eth0)" =~ macvlan
	stock_refused "The network is currently in use" network delete "$n"
	stock delete -f "$c"
	stock network delete "$n"
	wait_for 5 gone "$n"
	if ip link add link "$BERTH_TEST_BRIDGE" name "$BERTH_TEST_BRIDGE.8" type vlan id 8 2>/dev/null; then
		ip link del "$BERTH_TEST_BRIDGE.8"
		stock network create "$n" --type=physical parent="$BERTH_TEST_BRIDGE" vlan=7
		has_link "$BERTH_TEST_BRIDGE.7"
		stock network delete "$n"
	else
		stock_refused "Failed to run: ip: " network create "$n" --type=physical parent="$BERTH_TEST_BRIDGE" vlan=7
	fi
	wait_for 5 gone "$n"
	run ! has_link "$BERTH_TEST_BRIDGE.7"
}

@test "berth network does the same" {
	local n c s
	n=$(name n7)
	c=$(name c7)
	s=$(subnet 7)
	run_berth network create "$n" ipv4.address="$s.1/24" ipv6.address=none --description "by berth"
	assert "$output" = "Network $n created"
	run_berth network set "$n" user.a=1 ipv4.dhcp.expiry=2h
	run_berth network get "$n" user.a
	assert "$output" = 1
	run_berth network unset "$n" user.a
	run_berth network edit "$n" <<-END
		config:
		  ipv4.address: $s.2/24
		description: edited
	END
	run_berth network show "$n"
	contains "$output" "ipv4.address: $s.2/24"
	contains "$output" "description: edited"
	run_berth init bb "$c"
	run_berth network attach "$n" "$c" eth1 lan0
	run_berth config device get "$c" eth1 name
	assert "$output" = lan0
	refused 1 "The network is currently in use" network delete "$n"
	run_berth network detach "$n" "$c"
	refused 1 "has no device on the network" network detach "$n" "$c"
	run_berth network attach-profile "$n" default eth7
	run_berth network detach-profile "$n" default eth7
	run_berth delete "$c"
	run_berth network rename "$n" "${n}b"
	run_berth network delete "${n}b"
	refused 1 "Invalid option for network" network create "$n" nosuch=1
	refused 2 "the name of the network is missing" network create
}

@test "a copy has its source's address, and the source keeps its reservation" {
	local n s old copy told
	n=$(name n1)
	s=$(subnet 1)
	old=$(name zold)
	copy=$(name acopy)
	told=$BERTH_TEST_ROOT/run/networks/$n/reservations
	stock network create "$n" ipv4.address="$s.1/24" ipv6.address=none
	stock init bb "$old" -n "$n"
	stock config device set "$old" eth0 ipv4.address="$s.20"
	stock copy "$old" "$copy"
	wait_for 10 grep -q "$s.20,$old" "$told"
	wait_for 10 grep -q "$copy" "$told"
	assert "$(grep -c "$s.20," "$told")" = 1
	stock delete "$old"
	wait_for 10 grep -q "$s.20,$copy" "$told"
	stock delete "$copy"
	stock network delete "$n"
}

@test "a dnsmasq that takes another's place waits for its ports, and stands when the change is answered" {
	local n s mode
	n=$(name n1)
	s=$(subnet 1)
	stock network create "$n" ipv4.address="$s.1/24" ipv6.address=none
	for mode in none managed none managed none managed none managed none managed; do
		api PATCH "/1.0/networks/$n" '{"config":{"dns.mode":"'$mode'"}}'
		assert "$http" = 200
		whole "$n" "$s.1/24"
		contains "$(tr '\0' ' ' <"/proc/$(dnsmasq_of "$n")/cmdline") $mode" "$([[ $mode == managed ]] || echo --dhcp-ignore-names)"
	done
	for mode in "${n}b" "$n"; do
		stock network rename "$([[ $mode == "$n" ]] && echo "${n}b" || echo "$n")" "$mode"
		whole "$mode" "$s.1/24"
	done
	assert "$(grep -c "listening socket for $s" "$BERTH_TEST_ROOT/berthd.log")" = 0 "dnsmasq that could not start"
	stock network delete "$n"
	gone "$n"
}

@test "nothing is left behind" {
	leak_check
	assert "$(compgen -G "/sys/class/net/t$BERTH_TEST_ID-*")" = ""
	assert "$(nft list tables | grep "berth_net_t${BERTH_TEST_ID}_")" = ""
	assert "$(pgrep -f -- "--pid-file=$BERTH_TEST_ROOT/run")" = ""
}
