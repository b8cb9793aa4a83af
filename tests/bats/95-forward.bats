#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Port forwards: real packets from a client in a network namespace of its own, through an address of this machine, into
# containers; what follows an instance; what nft does to us; berthd killed in between. Needs a build with FAULTS=1.

# shellcheck disable=SC2154,SC2030,SC2031 # what the helpers set

load helpers

# Ports of a number that no other file has (they are the machine's): 20 + id hundred to 20 + id hundred 99.
port() {
	echo $((20000 + BERTH_TEST_ID * 100 + $1))
}

setup_file_more() {
	CLIENT=bfc$BERTH_TEST_ID
	HOST4=10.232.$BERTH_TEST_ID.1 HOST6=fd24:2:$BERTH_TEST_ID::1
	NET6=fd24:1:$BERTH_TEST_ID
	export CLIENT HOST4 HOST6 NET6
	ip netns add "$CLIENT"
	ip link add "bfh$BERTH_TEST_ID" type veth peer name c0 netns "$CLIENT"
	ip addr add "$HOST4/24" dev "bfh$BERTH_TEST_ID"
	ip addr add "$HOST6/64" dev "bfh$BERTH_TEST_ID" nodad
	ip addr add "$NET6::1/64" dev "$BERTH_TEST_BRIDGE" nodad
	ip link set "bfh$BERTH_TEST_ID" up
	ip -n "$CLIENT" link set lo up
	ip -n "$CLIENT" addr add "10.232.$BERTH_TEST_ID.2/24" dev c0
	ip -n "$CLIENT" addr add "fd24:2:$BERTH_TEST_ID::2/64" dev c0 nodad
	ip -n "$CLIENT" link set c0 up
	ip -n "$CLIENT" route add default via "$HOST4"
	ip -n "$CLIENT" -6 route add default via "$HOST6"
	cat >>"$BERTH_TEST_ROOT/berth.conf" <<-END
		ipaddr_maps = v4 nat $BERTH_TEST_SUBNET.10 50 $BERTH_TEST_SUBNET.1 24
		ipaddr_maps = v6 nat $NET6::10 50 $NET6::1 64
		ports_start = $(port 90)
		ports_close = $(port 92)
		remote_port = $(port 99)
	END
	daemon_stop
	daemon_start
	# Packets are forwarded as long as somebody who asked for it is set up: no test of host-init takes it away meanwhile.
	host_locked "$BERTH" host init --root "$BERTH_TEST_ROOT.net" --bridge "bfn$BERTH_TEST_ID" \
		--subnet "10.236.$BERTH_TEST_ID.0/24" --ipv6 auto --no-dhcp >&2 || die "FAIL: host-init"
}

teardown_file_more() {
	stop_servers
	ip netns del "$CLIENT"
	ip link del "bfh$BERTH_TEST_ID" 2>/dev/null
	nft delete table inet "$(table)" 2>/dev/null
	host_locked "$BERTH" host init --root "$BERTH_TEST_ROOT.net" --undo >&2
	rm -rf --one-file-system "$BERTH_TEST_ROOT.net"
	return 0
}

table() {
	local state=$BERTH_TEST_ROOT/state
	python3 - "$state" <<-'END'
		import sys
		h = 2166136261
		for c in sys.argv[1].encode():
		    h = ((h ^ c) * 16777619) & 0xffffffff
		print("berth_fwd_%08x" % h)
	END
}

elements() { # MAP: its elements on one line
	nft -j list map inet "$(table)" "$1" 2>/dev/null | jq -c '[.nftables[] | .map // empty | .elem // [] | .[]] | length'
}

has_elements() { # MAP COUNT
	[[ $(elements "$1") == "$2" ]]
}

no_table() {
	! nft list table inet "$(table)" >/dev/null 2>&1
}

# Servers in the network of a container: the host's socat, which the container's end (of its init) does not end.
serve() { # NAME PORT ADDRESS…
	nsenter -n -t "$(init_of "$1")" socat "${@:3}" </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- &
	echo $! >>"$BERTH_TEST_ROOT/servers"
	wait_for 10 listens "$1" "$2"
}

serve_tcp() { # NAME PORT WORD: each connection is answered with a word
	serve "$1" "$2" "TCP6-LISTEN:$2,fork,reuseaddr,ipv6only=0" "SYSTEM:echo $3"
}

serve_udp() { # NAME PORT: what comes goes back
	serve "$1" "$2" "UDP4-RECVFROM:$2,fork,reuseaddr" EXEC:cat
}

stop_servers() {
	local pid
	[[ -e $BERTH_TEST_ROOT/servers ]] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null
	done <"$BERTH_TEST_ROOT/servers"
	rm -f "$BERTH_TEST_ROOT/servers"
}

teardown() {
	restore_after_failure
	stop_servers
}

listens() { # NAME PORT: in the state of those (a connection that is over has the port, too)
	local hex
	hex=$(printf ':%04X' "$2")
	in_container "$1" sh -c "cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6" | grep -q "$hex 0*:0000 0[A7] "
}

ask_tcp() { # HOST PORT: what is answered to a client in the other namespace
	local host=$1
	[[ $host != *:* ]] || host=[$host]
	ip netns exec "$CLIENT" timeout 40 socat -u -T 30 "TCP:$host:$2,connect-timeout=10" - 2>/dev/null
}

ask_udp() {
	echo hello | ip netns exec "$CLIENT" timeout 20 socat -t 2 - "UDP:$1:$2" 2>/dev/null
}

answers() { # WORD COMMAND…
	local word=$1
	shift
	[[ $("$@") == "$word" ]]
}

forwards() { # FILTER
	"$BERTH" network forward list -f json | jq -r "$1"
}

wrap_nft() { # HOW: nft behaves so, for the daemon that is started next
	mkdir -p "$BERTH_TEST_ROOT/bin"
	ln -sf "$REPO/tests/fake/tool" "$BERTH_TEST_ROOT/bin/nft"
	echo "$1 $(command -v nft)" >"$BERTH_TEST_ROOT/bin/.nft"
	rm -f "$BERTH_TEST_ROOT/bin/calls-of-nft"
}

restart_wrapped() { # HOW
	wrap_nft "$1"
	daemon_stop
	PATH=$BERTH_TEST_ROOT/bin:$PATH daemon_start
}

web() { # NAME: a running instance
	[[ $(state_of "$1") == RUNNING ]] || launch "$1"
}

@test "TCP: what comes to any address of the host goes to the instance, from outside and from the host" {
	local n
	n=$(name web)
	web "$n"
	serve_tcp "$n" 80 four
	run_berth network forward add "$n" "tcp:$(port 1):80"
	contains "$output" "Forwarding tcp *:$(port 1) to $n:80"
	assert "$(ask_tcp "$HOST4" "$(port 1)")" = four "from another machine"
	assert "$(ask_tcp "$BERTH_TEST_SUBNET.1" "$(port 1)")" = four "another address of the host"
	wait_for 10 answers four ask_tcp "$HOST6" "$(port 1)" || die "FAIL: IPv6" # its own address is tentative for a moment
	assert "$(timeout 40 socat -u "TCP:$HOST4:$(port 1)" -)" = four "from the host itself"
	assert "$(in_container "$n" busybox nc -w 30 "$HOST4" "$(port 1)")" = four "from itself (hairpin)"
	run_berth network forward list "$n" -f csv
	contains "$output" "$n,,tcp,*:$(port 1)"
	contains "$output" "$BERTH_TEST_SUBNET.10:80"
}

@test "a neighbour on the same bridge comes in through the host's address too" {
	local n m
	n=$(name web)
	m=$(name nb)
	launch "$m"
	serve_tcp "$n" 80 four
	assert "$(in_container "$m" busybox nc -w 30 "$BERTH_TEST_SUBNET.1" "$(port 1)")" = four
	run_berth delete -f "$m"
}

@test "UDP and ranges: each port goes to its own" {
	local n
	n=$(name web)
	run_berth network forward add "$n" "udp:$(port 10)-$(port 12):7000-7002" "tcp:$(port 13)-$(port 14):7010-7011"
	serve_tcp "$n" 7010 p7010
	serve_tcp "$n" 7011 p7011
	assert "$(ask_tcp "$HOST4" "$(port 13)")" = p7010
	assert "$(ask_tcp "$HOST4" "$(port 14)")" = p7011
	serve_udp "$n" 7001
	wait_for 10 answers hello ask_udp "$HOST4" "$(port 11)"
	assert "$(elements udp4)" -eq 3
}

@test "one address of the host only" {
	local n
	n=$(name web)
	serve_tcp "$n" 81 narrow
	run_berth network forward add "$n" --address "$HOST4" "$(port 20):81"
	assert "$(ask_tcp "$HOST4" "$(port 20)")" = narrow
	assert "$(ask_tcp "$BERTH_TEST_SUBNET.1" "$(port 20)")" = ""
	run_berth network forward add "$n" --address "$HOST6" "$(port 20):81"
	assert "$(ask_tcp "$HOST6" "$(port 20)")" = narrow
	run_berth network forward remove "$n" --address "$HOST4" "$(port 20)"
	assert "$(ask_tcp "$HOST4" "$(port 20)")" = ""
	assert "$(ask_tcp "$HOST6" "$(port 20)")" = narrow "the other one stays"
}

@test "automatic ports, and what is refused" {
	local n
	n=$(name web)
	run_berth network forward add "$n" auto:22
	contains "$output" "*:$(port 90) to $n:22"
	run_berth network forward add "$n" auto:3000-3001
	contains "$output" "*:$(port 91)-$(port 92) to"
	refused 1 "no 1 free port in a row from $(port 90)" network forward add "$n" auto:23
	run_berth network forward add "$n" udp:auto:53
	refused 1 "port $(port 1)/tcp is forwarded to '$n' already" network forward add "$n" "$(port 0)-$(port 2)"
	refused 1 "is the web terminal's (remote_port)" network forward add "$n" "$(port 99):80"
	refused 1 "port $(port 1)/tcp of $HOST4 is forwarded to '$n' already" network forward add "$n" -a "$HOST4" "$(port 1)"
	refused 1 "'0.0.0.0' is no address that can be forwarded (leave it out for all)" network forward add "$n" -a 0.0.0.0 80
	refused 1 "'70000' is no port" network forward add "$n" 70000
	refused 1 "ends before it begins" network forward add "$n" 9-8
	refused 1 "port 81 is there twice" network forward add "$n" 80-81,81
	refused 1 "give one, or as many" network forward add "$n" "$(port 30)-$(port 32):1-2"
	refused 1 "'127.0.0.1' is no address" network forward add "$n" --address 127.0.0.1 80
	refused 1 "Instance not found" network forward add "$(name none)" 80
	refused 2 "'sctp' is no protocol" network forward add "$n" sctp:1:2
	refused 2 "such as tcp:8080:80" network forward add "$n" 1:2:3
	refused 1 "no instance and no network '$(name none)'" network forward list "$(name none)"
	refused 1 "has no port forward of tcp port $(port 77)" network forward remove "$n" "$(port 77)"
	api PATCH "/1.0/instances/$n/forwards" '{"add":[{"listen_port":"80","nonsense":"x"}]}'
	assert "$http" = 400
	contains "$body" "a port forward has no member 'nonsense'"
	api PATCH "/1.0/instances/$n/forwards" '{"add":[{"listen_port":80}]}'
	assert "$http" = 400
	api PUT "/1.0/instances/$n/forwards" '{"forwards":[]}'
	assert "$http" = 202
	wait_for 10 no_table || die "FAIL: the table stays without a forward"
	assert "$(forwards length)" -eq 0
}

@test "the port of the host's own sshd is forwarded on every address by force only" {
	local n ssh
	n=$(name ssh)
	ssh=$(sed -n 's/^[Pp]ort[[:space:]]*\([0-9]*\).*/\1/p' /etc/ssh/sshd_config 2>/dev/null | head -n 1)
	ssh=${ssh:-22}
	run_berth init bb "$n" # without an address: nothing is really forwarded
	run_berth config device unset "$n" eth0 ipv4.address
	run_berth config device unset "$n" eth0 ipv6.address
	refused 1 "port $ssh/tcp is that of the host's own SSH server" network forward add "$n" "$ssh"
	refused 1 "port $ssh/tcp is that of" network forward add "$n" 1-1000
	api PUT "/1.0/instances/$n/forwards" "{\"forwards\":[{\"listen_port\":\"$ssh\",\"force\":\"yes\"}]}"
	assert "$http" = 400
	run_berth network forward add "$n" "udp:$ssh"
	run_berth network forward add "$n" --address "$HOST4" "$ssh"
	run_berth network forward remove "$n" --address "$HOST4" "$ssh"
	run_berth network forward add "$n" --force "$ssh"
	# what is listed can be put again
	api GET "/1.0/instances/$n/forwards"
	assert "$(field '.metadata[1].force')" = true
	api PUT "/1.0/instances/$n/forwards" "{\"forwards\": $(field .metadata)}"
	assert "$http" = 202
	wait_for 10 no_table
	run_berth delete "$n"
}

@test "forwards follow: a new static address, a new name, the end of the instance" {
	local n m
	n=$(name web)
	m=$(name moved)
	serve_tcp "$n" 80 four
	run_berth network forward add "$n" "$(port 1):80"
	run_berth config device set "$n" eth0 "ipv4.address=$BERTH_TEST_SUBNET.99/24"
	wait_for 10 answers four ask_tcp "$HOST4" "$(port 1)" || die "FAIL: not at the new address"
	stop_servers
	run_berth stop -f "$n"
	run_berth rename "$n" "$m"
	assert "$(forwards '.[0].target_instance')" = "$m"
	run_berth start "$m"
	serve_tcp "$m" 80 again
	wait_for 10 answers again ask_tcp "$HOST4" "$(port 1)"
	run_berth delete -f "$m"
	wait_for 10 no_table
	assert "$(forwards length)" -eq 0
	assert "$(jq '.instances | length' "$BERTH_TEST_ROOT/state/forwards.json")" -eq 0
}

# Its root gives a container what addresses he likes.
@test "an address that is none of its networks, or the host's, is not where an instance is" {
	local n key rules
	n=$(name liar)
	run_berth init bb "$n"
	for key in ipv4.address ipv4.gateway ipv6.address ipv6.gateway; do
		run_berth config device unset "$n" eth0 "$key"
	done
	run_berth start "$n"
	wait_init "$n"
	in_container "$n" sh -c "ip addr add 10.232.$BERTH_TEST_ID.2/24 dev eth0 && ip addr add 192.0.2.7/32 dev eth0 &&
		ip addr add $BERTH_TEST_SUBNET.1/32 dev eth0 && ip addr add fd24:2:$BERTH_TEST_ID::2/64 dev eth0 &&
		ip addr add $BERTH_TEST_SUBNET.77/24 dev eth0"
	run_berth network forward add "$n" "$(port 3):80"
	wait_for 20 has_elements tcp4 1 || die "FAIL: no address of '$n' was seen"
	rules=$(nft list table inet "$(table)")
	contains "$rules" "$BERTH_TEST_SUBNET.77 . 80"
	assert "$rules" !~ '10\.232|192\.0\.2|fd24:2'
	run_berth delete -f "$n"
}

@test "an instance with DHCP is found when it has its address" {
	local n
	n=$(name dyn)
	dhcp_start
	run_berth init bb "$n"
	run_berth config device unset "$n" eth0 ipv4.address
	run_berth config device unset "$n" eth0 ipv4.gateway
	run_berth config device unset "$n" eth0 ipv6.address
	run_berth config device unset "$n" eth0 ipv6.gateway
	run_berth network forward add "$n" "$(port 2):80"
	run_berth start "$n"
	wait_for 20 has_elements tcp4 1 || die "FAIL: no address of '$n' was seen"
	serve_tcp "$n" 80 dynamic
	assert "$(ask_tcp "$HOST4" "$(port 2)")" = dynamic
	run_berth delete -f "$n"
}

@test "the table is put back when somebody takes it away" {
	local n
	n=$(name back)
	run_berth init bb "$n"
	run_berth network forward add "$n" "$(port 3):80"
	assert "$(elements tcp4)" -eq 1
	nft delete table inet "$(table)"
	wait_for 10 has_elements tcp4 1 || die "FAIL: the table did not come back"
}

@test "nft fails, is missing, hangs: nothing changes, and the next try works" {
	local n how
	n=$(name back)
	echo 'nft_timeout_s = 1' >>"$BERTH_TEST_ROOT/berth.conf" # hangs no longer than that
	for how in fail hang; do
		restart_wrapped "$how"
		refused 1 "nft" network forward add "$n" "$(port 4):80"
		assert "$(forwards length)" -eq 1 "$how"
		assert "$(elements tcp4)" -eq 1 "$how"
	done
	daemon_stop
	wrap_nft fail
	rm "$BERTH_TEST_ROOT/bin/nft"
	path_without_nft
	PATH=$BERTH_TEST_ROOT/tools daemon_start
	refused 1 "cannot run 'nft'" network forward add "$n" "$(port 4):80"
	assert "$(forwards length)" -eq 1
	sed -i /nft_timeout_s/d "$BERTH_TEST_ROOT/berth.conf"
	daemon_restart
	run_berth network forward add "$n" "$(port 4):80"
	assert "$(elements tcp4)" -eq 2
	run_berth network forward remove "$n" "$(port 4)"
}

path_without_nft() {
	local dir
	rm -rf "$BERTH_TEST_ROOT/tools"
	mkdir "$BERTH_TEST_ROOT/tools"
	for dir in /bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin; do
		find "$dir/" -maxdepth 1 ! -type d ! -name nft -exec ln -sft "$BERTH_TEST_ROOT/tools" {} +
	done
}

@test "berthd killed at any point of a change: the store and the kernel agree afterwards, and with what was before" {
	local n fault
	n=$(name back)
	for fault in forward/store/kill forward/store/kill-after forward/nft/kill forward/nft/kill-after; do
		fault "$fault"
		run_berth '?' network forward add "$n" "$(port 5):80"
		wait_for 10 process_gone "$(daemon_pid)" || die "FAIL: $fault did not end it"
		daemon_start
		wait_for 10 journal_empty
		assert "$(forwards length)" -eq 1 "$fault"
		wait_for 10 has_elements tcp4 1 || die "FAIL: $fault: $(elements tcp4) elements"
	done
	for fault in forward/store/fail-after forward/nft/fail-after; do
		fault "$fault"
		refused 1 "injected fault" network forward add "$n" "$(port 5):80"
		assert "$(forwards length)" -eq 1 "$fault"
		wait_for 10 has_elements tcp4 1
	done
	daemon_restart
}

@test "a thousand forwards are one call of nft, and one when berthd starts again" {
	local n
	n=$(name back)
	run_berth config device set "$n" eth0 "ipv6.address=$NET6::77/64"
	wrap_nft fail
	cat >"$BERTH_TEST_ROOT/bin/nft.sh" <<-END
		#!/bin/sh
		[ "\$1" = -f ] && echo call >>"$BERTH_TEST_ROOT/bin/calls"
		exec $(command -v nft) "\$@"
	END
	chmod 755 "$BERTH_TEST_ROOT/bin/nft.sh"
	mv "$BERTH_TEST_ROOT/bin/nft.sh" "$BERTH_TEST_ROOT/bin/nft"
	daemon_stop
	PATH=$BERTH_TEST_ROOT/bin:$PATH daemon_start
	wait_for 10 test -s "$BERTH_TEST_ROOT/bin/calls"
	jq -nc --arg ip "$HOST4" '{forwards: [range(1000) | {listen_address: $ip, listen_port: "\(10000 + . * 2)", target_port: "80"}]}' \
		>"$BATS_TEST_TMPDIR/many"
	: >"$BERTH_TEST_ROOT/bin/calls"
	api PUT "/1.0/instances/$n/forwards" "$(cat "$BATS_TEST_TMPDIR/many")"
	assert "$http" = 202
	wait_for 10 has_elements tcp4_at 1000 || die "FAIL: $(elements tcp4_at) elements"
	assert "$(wc -l <"$BERTH_TEST_ROOT/bin/calls")" -eq 1
	daemon_stop
	: >"$BERTH_TEST_ROOT/bin/calls"
	nft delete table inet "$(table)"
	PATH=$BERTH_TEST_ROOT/bin:$PATH daemon_start
	wait_for 10 has_elements tcp4_at 1000
	assert "$(wc -l <"$BERTH_TEST_ROOT/bin/calls")" -eq 1
	daemon_restart
	run_berth network forward remove "$n" --all
	wait_for 10 no_table
	run_berth delete "$n"
}

@test "LXD's network forwards" {
	local n a
	n=$(name lx)
	launch "$n"
	a=$("$BERTH" config device get "$n" eth0 ipv4.address)
	a=${a%/*}
	serve_tcp "$n" 80 lxd
	serve_tcp "$n" 82 default
	run_berth network forward create "$HOST4" -d "the web"
	refused 1 "A forward for that listen address already exists" network forward create "$HOST4"
	run_berth network forward port add "$HOST4" tcp "$(port 40)" "$a" 80
	assert "$(ask_tcp "$HOST4" "$(port 40)")" = lxd
	api GET "/1.0/networks/$BERTH_TEST_BRIDGE/forwards/$HOST4"
	assert "$(field '.metadata | .listen_address + " " + .description + " " + .ports[0].target_port')" = "$HOST4 the web 80"
	refused 1 "is forwarded to '$a' already" network forward add "$n" --address "$HOST4" "$(port 40)"
	api PATCH "/1.0/networks/$BERTH_TEST_BRIDGE/forwards/$HOST4" "{\"config\":{\"target_address\":\"$a\"}}"
	assert "$http" = 400 "a port that says what is said for all"
	run_berth network forward port remove "$HOST4" tcp
	assert "$(ask_tcp "$HOST4" "$(port 40)")" = ""
	api PATCH "/1.0/networks/$BERTH_TEST_BRIDGE/forwards/$HOST4" "{\"config\":{\"target_address\":\"$a\"}}"
	assert "$http" = 200
	assert "$(ask_tcp "$HOST4" 82)" = default "what no port says otherwise of"
	api GET "/1.0/networks/$BERTH_TEST_BRIDGE/forwards"
	assert "$(field '.metadata[0]')" = "/1.0/networks/$BERTH_TEST_BRIDGE/forwards/$HOST4"
	api POST "/1.0/networks/$BERTH_TEST_BRIDGE/forwards" '{"listen_address":"junk"}'
	assert "$http" = 400
	api POST "/1.0/networks/lo/forwards" '{"listen_address":"10.0.0.1"}'
	assert "$http" = 404
	run_berth network forward get "$HOST4" target_address
	assert "$output" = "$a"
	run_berth network forward set "$BERTH_TEST_BRIDGE" "$HOST4" user.a=1 user.b=2
	run_berth network forward unset "$HOST4" user.a
	refused 1 "is not set" network forward unset "$HOST4" user.a
	"$BERTH" network forward show "$HOST4" | sed 's/the web/all of it/' | "$BERTH" network forward edit "$HOST4"
	api GET "/1.0/networks/$BERTH_TEST_BRIDGE/forwards/$HOST4"
	assert "$(field '.metadata | .description + .config["user.b"] + .config["user.a"]')" = "all of it2"
	refused 2 "berth has not" cluster show
	run_berth network forward delete "$HOST4"
	refused 1 "Network forward not found" network forward show "$HOST4"
	wait_for 10 no_table
}

@test "nothing is left behind" {
	leak_check
	no_table
}
