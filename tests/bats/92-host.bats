#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The host: init with both bridges, dry run and undo; check names what is broken; dnsmasq and our nftables table come
# back; reservations and names; load, unload and status.

load helpers

setup_file_more() {
	export NAT=hn$BERTH_TEST_ID PUB=hp$BERTH_TEST_ID SUB=10.232.$BERTH_TEST_ID
	host_locked host_init >&2 || die "FAIL: host-init"
	sed -i "s/^network_nat = .*/network_nat = $NAT/" "$BERTH_TEST_ROOT/berth.conf"
	daemon_stop
	daemon_start
	wait_for 10 dnsmasq_runs || die "FAIL: no dnsmasq"
	daemon_fds >"$BERTH_TEST_ROOT/fds"
}

teardown_file_more() {
	leak_check >&2 || true # stops the daemon, which would put back what goes now
	host_locked "$BERTH" host init --root "$BERTH_TEST_ROOT" --undo >&2
	rm -rf --one-file-system "$BERTH_TEST_ROOT.two"
}

host_init() { # the one of this file's daemon
	"$BERTH" host init --root "$BERTH_TEST_ROOT" --bridge "$NAT" --subnet "$SUB.0/24" --ipv6 auto --domain test "$@"
}

init_two() { # another root
	"$BERTH" host init --root "$BERTH_TEST_ROOT.two" --bridge "x$NAT" --subnet 10.233.$BERTH_TEST_ID.0/24 \
		--ipv6 auto --pub "x$PUB" --pub-address 10.234.$BERTH_TEST_ID.1/24 "$@" 8>&- 3>&- 4>&-
}

dnsmasq_of() {
	cat "$BERTH_TEST_ROOT/dnsmasq.pid" 2>/dev/null
}

dnsmasq_runs() {
	process_alive "$(dnsmasq_of)"
}

dnsmasq_is_not() { # PID: another one runs
	[[ $(dnsmasq_of) != "$1" ]] && dnsmasq_runs
}

table_there() {
	nft list table inet "berth_$NAT" 2>/dev/null | grep -q masquerade
}

traces() { # of the second root, and what all share
	ip -o link show | grep -o "x\(hn\|hp\)$BERTH_TEST_ID\b"
	nft list tables | grep "berth_xhn$BERTH_TEST_ID\$"
	pgrep -af -- "$BERTH_TEST_ROOT.two/" | grep dnsmasq
	[[ ! -d $BERTH_TEST_ROOT.two ]] || find "$BERTH_TEST_ROOT.two" -mindepth 1
	md5sum /etc/subuid /etc/subgid
	cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding /proc/sys/kernel/keys/maxkeys
	cat /etc/lxc/default.conf | md5sum
}

# check_of NAME: "STATUS MESSAGE|FIX" of one finding, by a check of its own
check_of() {
	"$BERTH" host check --root "$BERTH_TEST_ROOT" --format json |
		jq -r ".[] | select(.name == \"$1\") | .status + \" \" + .message + \"|\" + .fix"
}

@test "init: a dry run changes nothing; both bridges; twice is once; undo takes back exactly that" {
	local before
	host_lock
	before=$(traces)
	run init_two --dry-run
	assert "$status" -eq 0
	contains "$output" "would run: ip link add name x$NAT"
	contains "$output" "x$PUB: making the bridge"
	contains "$output" "masquerade"
	assert "$(traces)" = "$before" "after the dry run"

	init_two >&2
	[[ -d /sys/class/net/x$NAT/bridge && -d /sys/class/net/x$PUB/bridge ]]
	contains "$(ip -4 addr show dev "x$NAT")" "10.233.$BERTH_TEST_ID.1/24"
	contains "$(ip -6 addr show dev "x$NAT")" "inet6 fd"
	contains "$(ip -4 addr show dev "x$PUB")" "10.234.$BERTH_TEST_ID.1/24"
	contains "$(nft list table inet "berth_x$NAT")" "ip6 saddr"
	cp "$BERTH_TEST_ROOT.two/host-init.state" "$BATS_TEST_TMPDIR/state"
	pid=$(cat "$BERTH_TEST_ROOT.two/dnsmasq.pid")
	init_two >&2
	cmp "$BATS_TEST_TMPDIR/state" "$BERTH_TEST_ROOT.two/host-init.state"
	assert "$(cat "$BERTH_TEST_ROOT.two/dnsmasq.pid")" = "$pid" "the same dnsmasq"

	run "$BERTH" host init --root "$BERTH_TEST_ROOT.two" --undo --dry-run 8>&-
	contains "$output" "would run: ip link delete x$NAT"
	[[ -d /sys/class/net/x$NAT ]]
	"$BERTH" host init --root "$BERTH_TEST_ROOT.two" --undo >&2 8>&-
	assert "$(traces)" = "$before" "after the undo"
	run "$BERTH" host init --root "$BERTH_TEST_ROOT.two" --undo 8>&-
	contains "$output" "nothing to undo"
}

@test "init: bad values change nothing" {
	local before option
	host_lock
	before=$(traces)
	while read -r option; do
		# shellcheck disable=SC2086
		run init_two $option
		assert "$status" -ne 0 "$option"
		contains "$output" "'${option##* }'" "$option"
	done <<-END
		--bridge a/b
		--bridge a-name-that-is-too-long
		--subnet 10.1.2.3/24
		--subnet 10.1.2.0/8
		--ipv6 fd00::/48
		--ipv6 fd00:1:2:3:4::/64
		--pub-address 10.1.2.3
		--domain UPPER
	END
	run init_two --subnet "$SUB.0/25"
	contains "$output" "the subnet $SUB.0/25 is in use"
	run "$BERTH" host init --root "$BERTH_TEST_ROOT.two" --bridge lo --subnet 10.1.2.0/24
	contains "$output" "the interface 'lo' exists"
	assert "$(traces)" = "$before"
}

@test "init without --root, on a machine of its own: dry run, twice, a flushed ruleset, undo" {
	run timeout -k 5 900 unshare --mount --net --pid --fork --mount-proc --kill-child \
		bash "$BATS_TEST_DIRNAME/machine.bash" "$BATS_TEST_TMPDIR" 3>&- 4>&-
	printf '%s\n' "$output" >&2
	assert "$status" -eq 0
	contains "$output" "--- all well"
}

@test "check: all is well but what this machine lacks; each broken thing by name, with its command" {
	run_berth '?' host check
	contains "$output" "dnsmasq-nat"
	contains "$(check_of network_nat)" "ok $NAT, $SUB.1"
	contains "$(check_of dnsmasq-nat)" "ok pid"
	contains "$(check_of nftables)" "ok table"
	contains "$(check_of ip_forward)" "ok "
	contains "$(check_of system_path)" "ok "
	rmdir "$BERTH_TEST_ROOT/volumes" 2>/dev/null || true
	contains "$(check_of extern_path)" "error the folder"
	contains "$(check_of extern_path)" "|mkdir -p -m 700 $BERTH_TEST_ROOT/volumes"
	chmod 700 "$BERTH_TEST_ROOT/lxc"
	contains "$(check_of system_path)" "|chmod o+x $BERTH_TEST_ROOT/lxc"
	chmod 711 "$BERTH_TEST_ROOT/lxc"
	ip link set "$NAT" down
	contains "$(check_of network_nat)" "error the bridge '$NAT' is down|ip link set $NAT up"
	ip link set "$NAT" up
	ip addr del "$SUB.1/24" dev "$NAT"
	contains "$(check_of network_nat)" "has not the address $SUB.1|berth host init --root $BERTH_TEST_ROOT --again"
	"$BERTH" host init --root "$BERTH_TEST_ROOT" --again >&2
	contains "$(check_of network_nat)" "ok "
	sed -i "s/^network_pub = .*/network_pub = nosuchbr/" "$BERTH_TEST_ROOT/berth.conf"
	contains "$(check_of network_pub)" "error the bridge 'nosuchbr' does not exist|berth host init"
	sed -i "s/^network_pub = .*/network_pub = $BERTH_TEST_BRIDGE/" "$BERTH_TEST_ROOT/berth.conf"
}

@test "check: missing tools with their package, an old ttyd, Docker's policy" {
	local bin=$BATS_TEST_TMPDIR/bin tool
	mkdir "$bin"
	for tool in lxc-start ip nft ttyd; do
		ln -s /bin/false "$bin/$tool"
	done
	run env PATH="$bin" "$BERTH" host check --root "$BERTH_TEST_ROOT" --format csv
	assert "$status" -eq 1
	contains "$output" "'newuidmap' is not in PATH"
	contains "$output" "'tar' is not in PATH"
	contains "$output" "'7zz' is not in PATH: no backups"
	assert "$output" =~ "(apt-get install|dnf install|apk add) (uidmap|shadow)"
	assert "$output" !~ "'ip' is not in PATH"
	rm "$bin/ttyd" "$bin/nft"
	printf '#!/bin/sh\necho ttyd version 1.6.0-abc\n' >"$bin/ttyd"
	cat >"$bin/nft" <<-'END'
		#!/bin/sh
		case $* in
		*chains) echo '{"nftables": [{"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"}}]}' ;;
		*FORWARD) echo '{"nftables": []}' ;;
		*) exit 1 ;;
		esac
	END
	chmod +x "$bin"/*
	PATH="$bin:$PATH" run check_of ttyd
	contains "$output" "too old"
	PATH="$bin:$PATH" run check_of forward-policy
	contains "$output" "error the policy of the chain ip filter FORWARD is drop"
	contains "$output" "port forwards into it are dropped"
	contains "$output" "iptables -I FORWARD -i $NAT -j ACCEPT"
	printf '#!/bin/sh\necho ttyd version 1.7.7\n' >"$bin/ttyd"
	PATH="$bin:$PATH" run check_of ttyd
	contains "$output" "ok ttyd version 1.7.7|"
	sed -i "1i ttyd_path = $bin/none" "$BERTH_TEST_ROOT/berth.conf"
	PATH="$bin:$PATH" run check_of ttyd
	contains "$output" "warning '$bin/none' is not there: no web terminal|"
	sed -i "s|^ttyd_path = .*|ttyd_path = $bin/ttyd|" "$BERTH_TEST_ROOT/berth.conf"
	contains "$(check_of ttyd)" "ok ttyd version 1.7.7|"
	sed -i '/^ttyd_path/d' "$BERTH_TEST_ROOT/berth.conf"
}

@test "check: without a daemon, and by the daemon" {
	local with
	with=$("$BERTH" host check --format json | jq -c 'map(.name)')
	assert "$(BERTH_SOCKET=/nowhere "$BERTH" host check --root "$BERTH_TEST_ROOT" --format json | jq -c 'map(.name)')" = "$with"
	run_berth 0 host status --format json
	assert "$(jq -c '.checks | map(.name)' <<<"$output")" = "$with" "kept"
}

@test "dnsmasq that is killed comes back, and outlives berthd" {
	local old
	old=$(dnsmasq_of)
	kill -KILL "$old"
	wait_for 10 dnsmasq_is_not "$old" || die "FAIL: dnsmasq did not come back"
	old=$(dnsmasq_of)
	daemon_kill
	process_alive "$old"
	daemon_start
	wait_for 10 dnsmasq_runs
	assert "$(dnsmasq_of)" = "$old"
	run_berth host status --format json
	assert "$(jq -r .networks.nat.dnsmasq_pid <<<"$output")" = "$old"
}

@test "our table comes back when it is taken away, and when it is emptied" {
	table_there
	nft delete table inet "berth_$NAT"
	wait_for 10 table_there || die "FAIL: the table did not come back"
	nft flush table inet "berth_$NAT"
	wait_for 10 table_there || die "FAIL: the rules did not come back"
}

# berthd is started anew, and its host-init stands still at its first call of the tool (with just these arguments) until
# goes_on: when that call is done, or still undone.
stands_at() { # TOOL done|undone [ARGUMENTS]
	local slow=$BERTH_TEST_ROOT/slow real
	real=$(command -v "$1")
	mkdir "$slow"
	cat >"$slow/$1" <<-END
		#!/bin/sh
		case "\$*" in ${3:-*}) ;; *) exec $real "\$@" ;; esac
		[ "$2" != done ] || $real "\$@" || exit
		: >$slow/came
		until [ -e $slow/go ]; do sleep 0.05; done
		[ "$2" = done ] || exec $real "\$@"
	END
	chmod 755 "$slow/$1"
	daemon_stop
	PATH=$slow:$PATH daemon_start
	wait_for 10 stands || die "FAIL: no $1"
}

stands() {
	[[ -e $BERTH_TEST_ROOT/slow/came ]]
}

goes_on() {
	: >"$BERTH_TEST_ROOT/slow/go"
}

@test "our table comes back when it is taken away while berthd starts" {
	stands_at nft "done" "'-f -'"
	table_there
	nft delete table inet "berth_$NAT"
	goes_on
	wait_for 10 table_there || die "FAIL: the table did not come back"
	daemon_restart
	rm -r "$BERTH_TEST_ROOT/slow"
}

bridge_back() {
	ip -4 addr show dev "$NAT" 2>/dev/null | grep -qF "$SUB.1/24"
}

reaches_host() { # NAME, from inside
	in_container "$1" ping -c 1 -W 1 "$SUB.1" >/dev/null 2>&1
}

@test "a bridge that is deleted is made again, with its instances and dnsmasq; also when berthd was away" {
	local n old
	n=$(name br)
	launch "$n" -d eth0,nictype=bridged -d eth0,parent="$NAT" -d eth0,ipv4.address="$SUB.30/24"
	wait_for 10 reaches_host "$n"
	old=$(dnsmasq_of)
	ip link del "$NAT"
	wait_for 10 bridge_back || die "FAIL: the bridge did not come back"
	wait_for 10 reaches_host "$n" || die "FAIL: '$n' is not on it"
	wait_for 10 dnsmasq_is_not "$old" || die "FAIL: dnsmasq listens on the bridge that is gone"
	contains "$(check_of nftables)" "ok table"
	daemon_stop
	ip link del "$NAT"
	daemon_start
	wait_for 10 reaches_host "$n" || die "FAIL: '$n' is not on it after berthd's start"
	run_berth delete -f "$n"
}

@test "a bridge that is deleted while berthd starts is made again, with its instances" {
	local n
	n=$(name brs)
	launch "$n" -d eth0,nictype=bridged -d eth0,parent="$NAT" -d eth0,ipv4.address="$SUB.31/24"
	stands_at ip undone
	ip link del "$NAT"
	goes_on
	wait_for 10 reaches_host "$n" || die "FAIL: '$n' is not on it"
	run_berth delete -f "$n"
	daemon_restart
	rm -r "$BERTH_TEST_ROOT/slow"
}

@test "a host that was booted anew: berthd makes bridge, table and dnsmasq again" {
	local old
	old=$(dnsmasq_of)
	daemon_stop
	kill "$old"
	wait_for 10 process_gone "$old"
	ip link del "$NAT"
	nft delete table inet "berth_$NAT"
	daemon_start
	wait_for 10 dnsmasq_is_not "$old" || die "FAIL: no dnsmasq"
	table_there
	contains "$(ip -4 addr show dev "$NAT")" "$SUB.1/24"
}

resolves() { # NAME ADDRESS, inside
	in_container "$(name a)" nslookup "$1" "$SUB.1" 2>/dev/null | grep -qF "$2"
}

reserved() { # LINE of dnsmasq.dhcp-hosts
	grep -q "$1" "$BERTH_TEST_ROOT/run/dnsmasq.dhcp-hosts"
}

not_reserved() {
	! reserved "$1"
}

@test "reservations and names: an instance is found by name, a rename and a delete are seen" {
	local a b
	a=$(name a) b=$(name b)
	launch "$a" -d eth0,nictype=bridged -d eth0,parent="$NAT" -d eth0,ipv4.address="$SUB.20"
	wait_for 10 reserved ",$SUB.20,$a\$" || die "FAIL: no reservation"
	run_berth init bb "$b" -d eth0,nictype=bridged -d eth0,parent="$NAT" -d eth0,ipv4.address="$SUB.21"
	wait_for 10 resolves "$b.test" "$SUB.21" || die "FAIL: '$b' is not found"
	wait_for 10 resolves "$a" "$SUB.20"
	run_berth rename "$b" "$b-new"
	wait_for 10 resolves "$b-new.test" "$SUB.21"
	run_berth delete "$b-new"
	wait_for 10 not_reserved "$SUB.21" || die "FAIL: it is still reserved"
	run_berth delete -f "$a"
}

@test "unload: containers go on running, changes are refused, reads answer; load again" {
	local c pid
	c=$(name c)
	launch "$c"
	pid=$(init_of "$c")
	run_berth host unload
	contains "$output" "Host unloaded"
	process_alive "$pid"
	is_state "$c" RUNNING
	refused 1 "the host is unloaded: berth host load" stop -f "$c"
	refused 1 "the host is unloaded" launch bb "$(name d)"
	refused 1 "the host is unloaded" config set "$c" user.x=1
	refused 1 "the host is unloaded" profile create p1
	refused 1 "the host is unloaded" scan
	api PUT /1.0/instances/"$c"/state '{"action": "stop"}'
	assert "$http" = 503
	run_berth host status --format json
	assert "$(jq -r .loaded <<<"$output")" = false
	monitors() { pgrep -P "$(daemon_pid)" lxc-monitor; }
	wait_for 10 nothing monitors || die "FAIL: lxc-monitor still runs"
	run_berth host unload --format json
	assert "$(jq -r .already_unloaded <<<"$output")" = true
	# one that reboots itself is running again
	by_lxc attach "$c" -- reboot -f </dev/null || true
	rebooted() { local now; now=$(init_of "$c") && [[ -n $now && $now != "$pid" ]]; }
	wait_for 20 rebooted
	# what happens meanwhile is seen by the load
	lxc-stop -k -P "$BERTH_TEST_ROOT/lxc" -n "$c"
	run_berth host status --format json
	assert "$(jq -c .instances <<<"$output")" = '{"stopped":1}' "ended by hand"
	wait_for 10 nothing mounts_of "$c" # LXC's monitor process ends its mount a little later
	lxc-start -P "$BERTH_TEST_ROOT/lxc" -n "$c"
	run_berth host status --format json
	assert "$(jq -c .instances <<<"$output")" = '{"running":1}' "started by hand"
	is_state "$c" RUNNING
	lxc-stop -k -P "$BERTH_TEST_ROOT/lxc" -n "$c"
	lxc-create -P "$BERTH_TEST_ROOT/lxc" -n "$(name e)" -f /dev/null -t none
	run_berth host load --format json
	assert "$(jq -r .instances.added <<<"$output")" = 1
	assert "$(jq -r .server.type <<<"$output")" = Containers
	assert "$(jq -r '.warnings | type' <<<"$output")" = array
	is_state "$c" STOPPED
	is_state "$(name e)" STOPPED
	run_berth start "$c"
	is_state "$c" RUNNING
	run_berth host load
	contains "$output" "Host loaded"
	is_state "$c" RUNNING
	run_berth delete -f "$c" "$(name e)"
}

@test "hooks of host-load and host-unload; a terminal's port is closed by an unload" {
	local dir=$BERTH_TEST_ROOT/hooks.d event port=$((20000 + BERTH_TEST_ID))
	for event in host-load host-unload; do
		mkdir -p "$dir/$event"
		printf '#!/bin/sh\necho $BERTH_EVENT >>%s/heard\n' "$BERTH_TEST_ROOT" >"$dir/$event/10-note"
		chmod 755 "$dir/$event/10-note"
	done
	printf 'remote_port = %s\nterminal_listen = 127.0.0.1\n' "$port" >>"$BERTH_TEST_ROOT/berth.conf"
	daemon_stop
	daemon_start
	wait_for 10 test -s "$BERTH_TEST_ROOT/heard"
	run_berth host load
	[[ -n $(ss -Hltn "src 127.0.0.1:$port") ]] || die "FAIL: nothing listens on $port"
	run_berth host unload
	[[ -z $(ss -Hltn "src 127.0.0.1:$port") ]] || die "FAIL: something listens on $port"
	run_berth host unload
	run_berth host load
	assert "$(tr '\n' ' ' <"$BERTH_TEST_ROOT/heard")" = "host-load host-load host-unload host-load "
	rm -r "$dir"/host-*
	sed -i '/^remote_port\|^terminal_listen/d' "$BERTH_TEST_ROOT/berth.conf"
	daemon_stop
	daemon_start
}

@test "stop: by boot.stop.priority; who does not end in boot.host_shutdown_timeout is killed; they start with the host again" {
	local c deaf f again dir=$BERTH_TEST_ROOT/hooks.d/post-stop
	c=$(name c) deaf=$(name deaf) f=$(name f) again=$(name again)
	mkdir -p "$dir"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho $BERTH_INSTANCE >>%s/stopped\n' "$BERTH_TEST_ROOT" >"$dir/10-note"
	chmod 755 "$dir/10-note"
	launch "$c"
	launch "$deaf" -c raw.lxc=lxc.signal.halt=SIGCONT -c boot.stop.priority=5 -c boot.host_shutdown_timeout=1
	launch "$f" -c boot.stop.priority=-1 --ephemeral
	launch "$again" -c raw.lxc=lxc.signal.halt=SIGINT -c boot.stop.priority=-2 # which reboots it
	wait_init "$again"
	run_berth stop "$again"
	run_berth config set "$again" user.x=0 # has its turn after what may still be on its way
	assert "$(state_of "$again")" = STOPPED
	rm "$BERTH_TEST_ROOT/stopped"
	run_berth start "$again"
	wait_init "$again"
	run_berth pause "$c"
	refused 2 "too many arguments" host stop now
	run_berth host stop
	contains "$output" "All instances are stopped"
	assert "$(tr '\n' ' ' <"$BERTH_TEST_ROOT/stopped")" = "$deaf $c $f $again "
	grep -q "'$deaf' is killed: " "$BERTH_TEST_ROOT/berthd.log"
	assert "$(key_of "$c" volatile.last_state.power) $(key_of "$deaf" volatile.last_state.power)" = "RUNNING RUNNING"
	run_berth config set "$again" user.x=1
	assert "$(state_of "$again")" = STOPPED
	run_berth host stop # none is left
	rm -r "$dir"
	daemon_stop
	rm "$BERTH_TEST_ROOT/state/boot_id" # as after a boot
	daemon_start
	wait_for 20 is_state "$c" RUNNING
	wait_for 20 is_state "$deaf" RUNNING
	assert "$(state_of "$f")" = ""
	wait_for 20 is_state "$again" RUNNING
	run_berth delete -f "$c" "$deaf" "$again"
}

@test "nothing is left behind" {
	leak_check
}
