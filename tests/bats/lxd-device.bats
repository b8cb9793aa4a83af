# SPDX-License-Identifier: MIT
# LXD's own client: devices of instances, added to and taken from a running one, and looked at inside.

bats_require_minimum_version 1.5.0
load helpers
load lxd

# Hardware that is not there: a tree as /sys is, whose devices have the numbers of /dev/null, zero, full and random.
export BERTH_SYSFS_DIR=${BATS_FILE_TMPDIR:-/nonexistent}/sys

setup_file_more() {
	launch "$(name c)" >/dev/null || die "FAIL: no instance"
}

setup() {
	C=$(name c)
	PORT=$((20000 + BERTH_TEST_ID * 40))
}

teardown() {
	local pid
	for pid in $(cat "$BERTH_TEST_ROOT/servers" 2>/dev/null); do
		kill "$pid" 2>/dev/null
	done
	rm -f "$BERTH_TEST_ROOT/servers"
	[[ ! -e $BERTH_TEST_ROOT/ids-given ]] || ids_of_root del
	far_away
	restore_after_failure
}

# in_net COMMAND…: in the container's network
in_net() {
	nsenter --net="/proc/$(init_of "$C")/ns/net" "$@"
}

# server [in_net] ADDRESS [first]: a server until the end of the test
server() {
	local inside=()
	[[ $1 != in_net ]] || {
		inside=(nsenter --net="/proc/$(init_of "$C")/ns/net")
		shift
	}
	"${inside[@]}" "$BATS_TEST_DIRNAME/echo-server.py" "$@" </dev/null >/dev/null 2>&1 3>&- 4>&- &
	echo $! >>"$BERTH_TEST_ROOT/servers"
	disown
	case $1 in
	tcp:*) wait_for 10 "${inside[@]}" "$BATS_TEST_DIRNAME/echo-client.py" "$1" ;;
	unix:*) wait_for 10 test -S "${1#unix:}" ;;
	udp:*) wait_for 10 "${inside[@]}" "$BATS_TEST_DIRNAME/echo-client.py" "$1" ;;
	esac 2>/dev/null
}

echoes() { # ADDRESS [BYTES]
	timeout 100 "$BATS_TEST_DIRNAME/echo-client.py" "$@" 2>/dev/null
}

proxies() {
	pgrep -fc "^$BERTH_BUILD/berth-proxy --pid=$(init_of "$C") " || true
}

@test "add, list, show, get, set, unset, override, remove" {
	local dir=$BERTH_TEST_ROOT/dir
	mkdir "$dir"
	echo there >"$dir/file"
	stock config device add "$C" hd disk source="$dir" path=/mnt/hd
	assert "$output" = "Device hd added to $C"
	assert "$(in_container "$C" cat /mnt/hd/file)" = there
	stock config device set "$C" hd readonly=true path=/mnt/other
	run in_container "$C" touch /mnt/other/x
	contains "$output" "Read-only"
	stock config device get "$C" hd path
	assert "$output" = /mnt/other
	stock config device unset "$C" hd readonly
	in_container "$C" touch /mnt/other/x
	stock config device add "$C" hidden none
	stock config device list "$C"
	assert "$(sort <<<"$output")" = $'hd\nhidden' # lxc has them in any order
	stock config device show "$C"
	contains "$output" "source: $dir"
	stock config device override "$C" eth0 limits.max=10Mbit
	stock config device show "$C"
	contains "$output" "limits.max: 10Mbit"
	stock config device unset "$C" eth0 limits.max
	stock config device show "$C"
	[[ $output != *limits.max* ]]
	stock config device remove "$C" eth0 hd hidden
	assert "$output" = "Device eth0, hd, hidden removed from $C"
	in_container "$C" test ! -e /mnt/other/file
}

@test "errors are LXD's" {
	stock_refused 'Error: Failed add validation for device "bad": Missing source path "/nosuch" for disk "bad"' \
		config device add "$C" bad disk source=/nosuch path=/mnt/x
	stock_refused 'Error: Invalid devices: Device validation failed for "x": Failed loading device "x": Unsupported device type' \
		config device add "$C" x nosuchtype
	stock_refused "Device from profile(s) cannot be modified for individual instance" \
		config device set "$C" eth0 ipv4.address="$BERTH_TEST_SUBNET.50"
	stock_refused "Device doesn't exist" config device remove "$C" nosuch
	stock_refused 'Invalid device option "nosuch"' config device add "$C" x disk source=/tmp path=/mnt/x nosuch=1
	stock_refused 'Invalid device option "nosuch"' init bb "$(name no)" -d root,nosuch=1
}

# add or del: this file's id of the host is root's to give
ids_of_root() {
	local line=root:$((40000 + BERTH_TEST_ID)):1
	sed -i "/^$line\$/d" /etc/subuid /etc/subgid
	rm -f "$BERTH_TEST_ROOT/ids-given"
	[[ $1 == add ]] || return 0
	touch "$BERTH_TEST_ROOT/ids-given"
	printf '%s\n' "$line" | tee -a /etc/subuid >>/etc/subgid
}

id_map() { # NAME [uid|gid]
	in_container "$1" cat "/proc/self/${2:-uid}_map" | awk '{ print $1, $2, $3 }' | paste -sd,
}

owner_in() { # NAME PATH
	in_container "$1" stat -c %u:%g "$2"
}

@test "raw.idmap: a user of the host is one of the container's" {
	local home=$BERTH_TEST_ROOT/home d base map
	ID=$((40000 + BERTH_TEST_ID))
	d=$(name d)
	base=$(jq -r '.config["volatile.idmap.base"]' "$BERTH_TEST_ROOT/lxc/$C/berth.json")
	map="0 $base 1000,1000 $ID 1,1001 $((base + 1001)) 64535"
	host_lock # others look at what /etc/subuid has
	mkdir -m 700 "$home"
	echo there >"$home/f"
	chown -R "$ID:$ID" "$home"
	in_container "$C" sh -c 'touch /root/a; chown 1000:1000 /root/a; chown 1000:7 /etc/issue'
	# from the next start on, if root may give it
	stock config set "$C" raw.idmap="both $ID 1000"
	assert "$(id_map "$C")" = "0 $base 65536"
	stock stop -f "$C"
	stock_refused "the host's uid $ID is not root's to give: a line 'root:$ID:1' in /etc/subuid" start "$C"
	ids_of_root add
	stock start "$C"
	assert "$(id_map "$C"), $(id_map "$C" gid)" = "$map, $map"
	# the host's files and nodes
	stock config device add "$C" home disk source="$home" path=/home/u
	stock config device add "$C" n unix-char source=/dev/null path=/dev/n uid=1000 gid=1000
	stock exec "$C" --user 1000 --group 1000 -- sh -c 'cat /home/u/f; echo new >/home/u/g; echo >/dev/n; echo said >/dev/stderr'
	assert "$output, $stderr" = "there, said"
	assert "$(stat -c %u:%g "$home/g") $(owner_in "$C" /home/u/g) $(owner_in "$C" /dev/n)" = "$ID:$ID 1000:1000 1000:1000"
	# volumes, and the container's own files: on disk they have the container's ids, or those of its range
	stock storage volume create default "$(name v)"
	stock config device add "$C" v disk pool=default source="$(name v)" path=/vol
	in_container "$C" sh -c 'touch /vol/x /root/b; chown 1000:1000 /vol/x /root/b; mv /etc/init.d /root/b.d; chown -R 1000:0 /root/b.d'
	assert "$(stat -c %u:%g "$(find "$BERTH_TEST_ROOT" -xdev -path "*/$(name v)*/x")")" = 1000:1000
	stock file push --uid 1000 --gid 1000 "$home/f" "$C/root/c"
	assert "$(owner_in "$C" /etc/issue), $(in_container "$C" stat -c %u:%g /root/a /root/b /root/c | uniq)" = "1000:7, 1000:1000"
	stock config device remove "$C" v home n
	stock storage volume delete default "$(name v)"
	# a running one is archived and copied as its users see it
	stock export "$C" "$BERTH_TEST_ROOT/raw.tar.gz"
	tar --numeric-owner -tvzf "$BERTH_TEST_ROOT/raw.tar.gz" >"$BERTH_TEST_ROOT/listing"
	assert "$(grep -c ' 1000/1000 .*rootfs/root/[abc]$' "$BERTH_TEST_ROOT/listing")" = 3
	assert "$(grep -c " 65534/\\| $ID/" "$BERTH_TEST_ROOT/listing")" = 0
	stock copy "$C" "$d" -s dir
	# stopped: the same owners
	stock stop -f "$C"
	stock file push --uid 1000 --gid 7 "$home/f" "$C/root/d"
	stock start "$C"
	assert "$(owner_in "$C" /root/d), $(in_container "$C" stat -c %u:%g /root/a /root/b /root/c | uniq)" = "1000:7, 1000:1000"
	stock config show "$C"
	[[ $output != *volatile.idmap.raw* ]] # an LXD would refuse what it does not know
	# and without it
	stock config unset "$C" raw.idmap
	stock restart -f "$C"
	assert "$(id_map "$C"), $(owner_in "$C" /root/d)" = "0 $base 65536, 1000:7"
	# on a storage pool of the driver dir root itself may be somebody; on overlay the folder would be open to that one
	stock_refused "the storage driver overlay cannot" config set "$C" raw.idmap="both $ID 0"
	stock config set "$d" raw.idmap "both $ID 0"
	stock config device add "$d" home disk source="$home" path=/home/u
	stock start "$d"
	assert "$(id_map "$d")" = "0 $ID 1,1 $((base + 1)) 65535"
	in_container "$d" touch /home/u/h /root/h
	assert "$(stat -c %u:%g "$home/h"), $(owner_in "$d" /root/h), $(owner_in "$d" /root/b)" = "$ID:$ID, 0:0, 1000:1000"
	stock delete -f "$d"
	stock import "$BERTH_TEST_ROOT/raw.tar.gz" "$d"
	stock file pull "$d/root/c" "$BERTH_TEST_ROOT/pulled"
	assert "$(stat -c %u:%g "$BERTH_TEST_ROOT/lxc/$d/rootfs/root/c")" = 1000:1000
	stock delete "$d"
}

@test "proxy: tcp, udp and unix sockets, from the host into the container" {
	local bytes=3000000
	server in_net tcp:127.0.0.1:80
	server in_net udp:127.0.0.1:81
	stock config device add "$C" t proxy listen="tcp:127.0.0.1:$PORT" connect=tcp:127.0.0.1:80
	echoes "tcp:127.0.0.1:$PORT" $bytes
	stock config device add "$C" u proxy listen="udp:127.0.0.1:$PORT" connect=udp:127.0.0.1:81
	echoes "udp:127.0.0.1:$PORT"
	stock config device add "$C" s proxy listen="unix:$BERTH_TEST_ROOT/s.sock" connect=tcp:127.0.0.1:80 mode=0600 uid=7
	assert "$(stat -c '%a %u' "$BERTH_TEST_ROOT/s.sock")" = "600 7"
	echoes "unix:$BERTH_TEST_ROOT/s.sock" $bytes
	stock config device add "$C" a proxy listen="unix:@berth-$PORT" connect=tcp:127.0.0.1:80
	echoes "unix:@berth-$PORT"
	stock config device add "$C" r proxy listen="tcp:127.0.0.1:$((PORT + 1))-$((PORT + 2)),$((PORT + 5))" connect=tcp:127.0.0.1:80
	echoes "tcp:127.0.0.1:$((PORT + 2))"
	echoes "tcp:127.0.0.1:$((PORT + 5))"

	# a change is another program; what cannot listen changes nothing
	stock config device set "$C" t listen="tcp:127.0.0.1:$((PORT + 7))"
	echoes "tcp:127.0.0.1:$((PORT + 7))"
	run ! echoes "tcp:127.0.0.1:$PORT"
	stock_refused 'Failed to start device "busy": Error occurred when starting proxy device: Failed to listen on 127.0.0.1' \
		config device add "$C" busy proxy listen="tcp:127.0.0.1:$((PORT + 7))" connect=tcp:127.0.0.1:80
	stock config device list "$C"
	assert "$output" !~ busy
	echoes "tcp:127.0.0.1:$((PORT + 7))"

	# who carries has no rights on the host, and is there again when berthd is
	assert "$(pgrep -fo "^$BERTH_BUILD/berth-proxy .*--listen=tcp:127.0.0.1:$((PORT + 7)) " | xargs -I{} pgrep -P {} |
		xargs -I{} grep -c '^CapEff:[[:space:]]*0*$' /proc/{}/status)" = 1
	daemon_kill
	daemon_start
	wait_for 10 echoes "tcp:127.0.0.1:$((PORT + 7))"
	stock config device remove "$C" t u s a r
	assert "$(proxies)" = 0
	[[ ! -e $BERTH_TEST_ROOT/s.sock ]]
}

@test "proxy: from the container to the host, HAProxy's line, nat" {
	local address=$BERTH_TEST_SUBNET.77
	server "tcp:127.0.0.1:$PORT"
	server "unix:$BERTH_TEST_ROOT/host.sock"
	stock config device add "$C" i proxy bind=instance listen=tcp:127.0.0.1:90 connect="tcp:127.0.0.1:$PORT"
	in_net "$BATS_TEST_DIRNAME/echo-client.py" tcp:127.0.0.1:90 100000
	stock config device add "$C" x proxy bind=container listen=unix:/run-x.sock connect="unix:$BERTH_TEST_ROOT/host.sock" mode=0666
	echoes "unix:/proc/$(init_of "$C")/root/run-x.sock" 100000
	assert "$(in_container "$C" stat -c '%a %u' /run-x.sock)" = "666 0"
	server in_net tcp:127.0.0.1:82 first
	stock config device add "$C" p proxy listen="tcp:127.0.0.1:$((PORT + 1))" connect=tcp:127.0.0.1:82 proxy_protocol=true
	contains "$(echoes "tcp:127.0.0.1:$((PORT + 1))" line)" "PROXY TCP4 127.0.0.1 127.0.0.1 "
	stock config device add "$C" q proxy bind=instance listen=tcp:127.0.0.1:91 connect="unix:$BERTH_TEST_ROOT/full.sock"
	in_net timeout 60 "$BATS_TEST_DIRNAME/full-queue.py" 91 "$BERTH_TEST_ROOT/full.sock"
	stock config device remove "$C" i x p q
	in_container "$C" test ! -e /run-x.sock

	stock_refused "must be one of the instance's static IPv4 or IPv6 addresses" \
		config device add "$C" n proxy nat=true listen="tcp:$BERTH_TEST_SUBNET.1:$PORT" connect="tcp:$address:83"
	stock config device override "$C" eth0 ipv4.address="$address/24"
	stock config device add "$C" n proxy nat=true listen="tcp:$BERTH_TEST_SUBNET.1:$((PORT + 3))" connect=tcp:0.0.0.0:83
	server in_net "tcp:$address:83"
	wait_for 10 echoes "tcp:$BERTH_TEST_SUBNET.1:$((PORT + 3))" # the nic is new: its link may come up a moment later
	contains "$(nft list ruleset)" "tcp dport $((PORT + 3)) dnat to $address:83"
	stock config device remove "$C" n
	assert "$(nft list ruleset | grep -c "dport $((PORT + 3)) ")" = 0
	stock config device remove "$C" eth0
}

@test "proxy: what it cannot be; gone with the instance, and back with it" {
	local l=tcp:127.0.0.1:$PORT
	stock_refused 'Unknown connection type "icmp"' config device add "$C" x proxy listen=icmp:1.2.3.4:1 connect=tcp:127.0.0.1:80
	stock_refused "Invalid port number" config device add "$C" x proxy listen="$l" connect=tcp:127.0.0.1:0
	stock_refused "Cannot map a single port to multiple ports" \
		config device add "$C" x proxy listen="$l" connect=tcp:127.0.0.1:80-81
	stock_refused "Mismatch between listen port(s) and connect port(s) count" \
		config device add "$C" x proxy listen="$l-$((PORT + 2))" connect=tcp:127.0.0.1:80-81
	stock_refused "The PROXY header can only be sent to tcp servers in non-nat mode" \
		config device add "$C" x proxy listen="$l" connect=unix:/x proxy_protocol=true
	stock_refused "Only proxy devices for non-abstract unix sockets can carry uid, gid, or mode" \
		config device add "$C" x proxy listen="$l" connect=tcp:127.0.0.1:80 uid=3
	stock_refused "Only host-bound proxies can use NAT" \
		config device add "$C" x proxy listen="$l" connect=tcp:127.0.0.1:80 nat=true bind=instance
	stock_refused "Cannot listen on wildcard address" \
		config device add "$C" x proxy listen="tcp:0.0.0.0:$PORT" connect=tcp:127.0.0.1:80 nat=true
	stock_refused 'Missing required device option "connect"' config device add "$C" x proxy listen="$l"

	stock config device add "$C" t proxy listen="$l" connect=tcp:127.0.0.1:80
	stock stop -f "$C"
	run ! echoes "$l"
	server "$l"
	stock_refused "Failed to start device \"t\"" start "$C"
	kill "$(cat "$BERTH_TEST_ROOT/servers")"
	wait_for 10 process_gone "$(cat "$BERTH_TEST_ROOT/servers")"
	stock start "$C"
	server in_net tcp:127.0.0.1:80
	echoes "$l"
	stock config device remove "$C" t
}

@test "disk: limits of the disk below it" {
	local dir=$BERTH_TEST_ROOT/limited file disk
	mkdir "$dir"
	[[ -e /sys/dev/block/$(stat -c '%Hd:%Ld' "$dir") ]] || {
		stock_refused "does not lie on one block device" config device add "$C" l disk source="$dir" path=/mnt/l limits.read=1MB
		return
	}
	stock config device add "$C" l disk source="$dir" path=/mnt/l limits.read=7MB limits.write=70iops
	if [[ -d /sys/fs/cgroup/blkio ]]; then
		file=$(cgroup_file "$C" blkio.throttle.read_bps_device)
		contains "$(cat "$file")" " 7000000"
		contains "$(cat "$(cgroup_file "$C" blkio.throttle.write_iops_device)")" " 70"
	else
		file=$(cgroup_file "$C" io.max)
		contains "$(cat "$file")" "rbps=7000000"
	fi
	stock restart -f "$C"
	file=$(cgroup_file "$C" blkio.throttle.read_bps_device io.max)
	contains "$(cat "$file")" 7000000
	stock config device set "$C" l limits.read=8MiB
	contains "$(cat "$file")" 8388608
	stock config device remove "$C" l
	disk=$(cat "$file")
	[[ $disk != *8388608* ]]
	stock_refused "must be a rate such as" config device add "$C" l disk source="$dir" path=/mnt/l limits.read=fast
}

@test "nic: only its own addresses leave it" {
	local n=$BERTH_TEST_SUBNET
	stock_refused '"security.ipv4_filtering" needs "ipv4.address"' config device override "$C" eth0 security.ipv4_filtering=true
	stock config device override "$C" eth0 ipv4.address="$n.66/24" security.mac_filtering=true
	stock config device set "$C" eth0 security.ipv4_filtering=true
	in_container "$C" ping -c 1 -W 10 "$n.1"
	in_container "$C" ip addr add "$n.67/24" dev eth0
	run ! in_container "$C" ping -c 1 -W 1 -I "$n.67" "$n.1"
	stock config device unset "$C" eth0 security.ipv4_filtering
	in_container "$C" ping -c 1 -W 10 -I "$n.67" "$n.1"
	in_container "$C" sh -c 'ip link set eth0 down && ip link set eth0 address 00:16:3e:99:99:99 && ip link set eth0 up'
	in_container "$C" ip addr replace "$n.66/24" dev eth0
	run ! in_container "$C" ping -c 1 -W 1 "$n.1"
	stock config device unset "$C" eth0 security.mac_filtering
	in_container "$C" ping -c 1 -W 10 "$n.1"
	stock config device remove "$C" eth0
	stock restart -f "$C"
	assert "$(nft list tables | grep -c "berth-only-$(key_of "$C" volatile.eth0.host_name)")" = 0
}

# far: a host behind the interface $FAR, with the addresses .7 and ::7
far() {
	FAR=rf$BERTH_TEST_ID FAR4=10.233.$BERTH_TEST_ID FAR6=fd42:$BERTH_TEST_ID::
	cat /proc/sys/net/ipv6/conf/all/proxy_ndp >"$BERTH_TEST_ROOT/proxy_ndp"
	ip netns add "$FAR"
	ip link add "$FAR" type veth peer name there netns "$FAR"
	ip addr add "$FAR4.1/24" dev "$FAR"
	ip addr add "${FAR6}1/64" dev "$FAR" nodad
	echo 0 >"/proc/sys/net/ipv6/conf/$FAR/accept_dad"
	ip netns exec "$FAR" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/there/accept_dad'
	ip link set "$FAR" up
	ip -n "$FAR" addr add "$FAR4.7/24" dev there
	ip -n "$FAR" addr add "${FAR6}7/64" dev there nodad
	ip -n "$FAR" link set there up
	echo 1 >"/proc/sys/net/ipv4/conf/$FAR/forwarding"
	echo 1 >"/proc/sys/net/ipv6/conf/$FAR/forwarding"
	echo 0 >"/proc/sys/net/ipv4/neigh/$FAR/proxy_delay" # else it is a random part of 0.8 s
	echo 0 >"/proc/sys/net/ipv6/neigh/$FAR/proxy_delay"
	wait_for 10 far_settled # a question goes out from a link-local address
}

far_settled() {
	ip -6 addr show dev "$FAR" scope link -tentative | grep -q fe80: &&
		ip -n "$FAR" -6 addr show dev there scope link -tentative | grep -q fe80:
}

far_away() {
	[[ -e $BERTH_TEST_ROOT/proxy_ndp ]] || return 0
	ip link del "rf$BERTH_TEST_ID" || :
	ip netns del "rf$BERTH_TEST_ID" || :
	cat "$BERTH_TEST_ROOT/proxy_ndp" >/proc/sys/net/ipv6/conf/all/proxy_ndp
	rm "$BERTH_TEST_ROOT/proxy_ndp"
}

pings() { # ADDRESS…: the container reaches them
	local address
	for address; do
		wait_for 20 in_container "$C" ping -c 1 -W 2 "$address" # what LXC sets is tentative first
	done
}

answers() { # what the host answers for on $FAR, and its routes to the container in TABLE
	ip -4 neigh show proxy dev "$FAR" | cut -d' ' -f1
	ip -6 neigh show proxy dev "$FAR" | cut -d' ' -f1
	ip -4 route show table "${1:-main}" dev "$(key_of "$C" volatile.r.host_name)" 2>/dev/null | cut -d' ' -f1 || :
}

@test "nic: an address in use is told of, whatever ip says beside" {
	cat >"$BATS_TEST_TMPDIR/ip" <<-'END'
		#!/bin/sh
		case $* in
		*" show "*)
			echo "Dump was interrupted and may be inconsistent." >&2
			echo "10.9.9.9 lladdr 02:00:00:00:00:09 REACHABLE"
			;;
		esac
	END
	chmod +x "$BATS_TEST_TMPDIR/ip"
	PATH=$BATS_TEST_TMPDIR:$PATH run "$REPO/hooks/berth-nic-probe" r p 10.9.9.9
	assert "$status" = 3
	assert "$output" = 'Failed to start device "r": IP address "10.9.9.9" in use on parent network "p"'
}

@test "nic: routed, live and by a start" {
	far
	local bad="Device validation failed for \"r\": " add=(config device add "$C" r nic nictype=routed)
	stock_refused "${bad}Invalid value for device option \"ipv4.address\": Item \"10.9.9.9/24\": Not an IPv4 address \"10.9.9.9/24\"" \
		"${add[@]}" ipv4.address=10.9.9.9/24
	stock_refused "${bad}Duplicate address \"10.9.9.9\" in \"ipv4.address\"" "${add[@]}" ipv4.address=10.9.9.9,10.9.9.9
	stock_refused "${bad}Invalid value for device option \"ipv4.gateway\": Invalid gateway: 10.9.9.1" \
		"${add[@]}" ipv4.address=10.9.9.9 ipv4.gateway=10.9.9.1
	stock_refused "${bad}Invalid device option \"security.mac_filtering\"" "${add[@]}" security.mac_filtering=true
	stock_refused "${bad}Invalid device option \"vlan\"" "${add[@]}" parent="$FAR" vlan=7
	stock_refused "${bad}Invalid device option \"ipv4.host_table\"" config device add "$C" r nic nictype=p2p ipv4.host_table=7
	stock_refused "${bad}ipv4.routes requires ipv4.address to be set" "${add[@]}" ipv4.routes=10.9.0.0/16
	stock_refused "${bad}Invalid device option \"ipv4.routes\"" config device add "$C" r nic nictype=macvlan parent="$FAR" ipv4.routes=10.9.0.0/16
	stock_refused 'Parent device "nosuch0" doesn'"'t exist" "${add[@]}" parent=nosuch0
	echo 0 >/proc/sys/net/ipv6/conf/all/proxy_ndp
	stock_refused 'Routed mode requires sysctl net.ipv6.conf.all.proxy_ndp=1' "${add[@]}" parent="$FAR" ipv6.address="${FAR6}50"
	echo 1 >/proc/sys/net/ipv6/conf/all/proxy_ndp
	echo 0 >"/proc/sys/net/ipv4/conf/$FAR/forwarding"
	stock_refused "Routed mode requires sysctl net.ipv4.conf.$FAR.forwarding=1" "${add[@]}" parent="$FAR" ipv4.address="$FAR4.50"
	echo 1 >"/proc/sys/net/ipv4/conf/$FAR/forwarding"

	# who has the address already is asked
	stock_refused "Failed to start device \"r\": IP address \"$FAR4.7\" in use on parent network \"$FAR\"" \
		"${add[@]}" parent="$FAR" ipv4.address="$FAR4.50,$FAR4.7"
	stock_refused "IP address \"${FAR6}7\" in use on parent network" "${add[@]}" parent="$FAR" ipv6.address="${FAR6}7"
	stock config device list "$C"
	assert "$output" = ""
	stock "${add[@]}" parent="$FAR" ipv4.address="$FAR4.7" ipv4.neighbor_probe=false
	stock config device remove "$C" r

	stock "${add[@]}" parent="$FAR" name=up0 ipv4.address="$FAR4.50, $FAR4.51" ipv6.address="${FAR6}50" ipv4.host_table="10$BERTH_TEST_ID" \
		mtu=1400 limits.ingress=50Mbit ipv4.routes="10.234.$BERTH_TEST_ID.0/24"
	contains "$(ip route)" "10.234.$BERTH_TEST_ID.0/24 via $FAR4.50 dev"
	assert "$(answers | sort)" = "$(printf '%s\n' "$FAR4".5{0,0,1,1} "10.234.$BERTH_TEST_ID.0/24" "${FAR6}50" | sort)"
	contains "$(answers "10$BERTH_TEST_ID")" "$FAR4.51"
	pings "$FAR4.1" "$FAR4.7" "${FAR6}1" "${FAR6}7"
	in_container "$C" ping -c 1 -W 10 -I "$FAR4.51" "$FAR4.7"
	in_net ip addr add 10.235.7.7/32 dev up0
	run -1 in_container "$C" ping -c 1 -W 1 -I 10.235.7.7 169.254.0.1 # which is not its own
	in_net ip addr del 10.235.7.7/32 dev up0
	assert "$(in_container "$C" cat /sys/class/net/up0/mtu)" = 1400
	contains "$(tc qdisc show dev "$(key_of "$C" volatile.r.host_name)")" "rate 50Mbit"

	# changes
	stock config device set "$C" r ipv4.address="$FAR4.52" ipv4.host_address=169.254.7.7
	assert "$(answers | sort)" = "$(printf '%s\n' "$FAR4".5{2,2} "10.234.$BERTH_TEST_ID.0/24" "${FAR6}50" | sort)"
	stock config device unset "$C" r ipv4.routes
	assert "$(answers | sort)" = "$(printf '%s\n' "$FAR4".5{2,2} "${FAR6}50" | sort)"
	contains "$(in_net ip route)" "default via 169.254.7.7 dev up0"
	pings 169.254.7.7 "$FAR4.7"
	stock config device set "$C" r ipv4.gateway=none
	assert "$(in_net ip -4 route show dev up0)" = ""

	local port
	port=/sys/class/net/$(key_of "$C" volatile.eth0.host_name)/brport/isolated
	stock config device override "$C" eth0 security.port_isolation=true
	assert "$(cat "$port")" = 1
	stock config device set "$C" eth0 security.port_isolation=false
	assert "$(cat "$port")" = 0
	stock config device set "$C" eth0 security.port_isolation=true ipv4.routes="10.236.$BERTH_TEST_ID.0/24"
	contains "$(ip route)" "10.236.$BERTH_TEST_ID.0/24 dev $BERTH_TEST_BRIDGE"

	# by LXC
	stock config device set "$C" r ipv4.gateway=auto
	stock stop -f "$C"
	assert "$(ip neigh show proxy dev "$FAR")$(ip -6 neigh show proxy dev "$FAR")$(ip route | grep "^10.236.${BERTH_TEST_ID}[.]")" = ""
	ip -n "$FAR" addr add "$FAR4.52/24" dev there
	stock_refused "IP address \"$FAR4.52\" in use on parent network" start "$C"
	ip -n "$FAR" addr del "$FAR4.52/24" dev there
	stock start "$C"
	assert "$(answers | sort)" = "$(printf '%s\n' "$FAR4".5{2,2} "${FAR6}50" | sort)"
	pings 169.254.7.7 "$FAR4.7" "${FAR6}7"
	assert "$(cat "$port")" = 1
	contains "$(ip route)" "10.236.$BERTH_TEST_ID.0/24 dev $BERTH_TEST_BRIDGE"
	stock config device remove "$C" r eth0
	assert "$(ip neigh show proxy dev "$FAR")$(ip route show table all | grep -cE "^(10.236.$BERTH_TEST_ID|$FAR4.52)")" = 0
	in_container "$C" test ! -e /sys/class/net/up0

	# the host alone
	stock "${add[@]}" ipv4.address="$FAR4.60" name=up0
	pings 169.254.0.1 "$FAR4.1"
	stock config device remove "$C" r
}

@test "nic, disk: what needs another interface gets one while it runs; a device node needs no map of ids" {
	local host=pn$BERTH_TEST_ID
	stock config device add "$C" lan nic nictype=p2p name=lan0 host_name="${host}a" mtu=1400
	stock config device set "$C" lan host_name="${host}b" name=lan1 hwaddr=02:00:00:00:00:77 mtu=1402
	[[ ! -e /sys/class/net/${host}a ]]
	assert "$(cat "/sys/class/net/${host}b/mtu")" = 1402
	assert "$(in_container "$C" cat /sys/class/net/lan1/mtu /sys/class/net/lan1/address)" = $'1402\n02:00:00:00:00:77'
	api GET "/1.0/instances/$C"
	assert "$(field '.metadata.pending // [] | length')" = 0
	stock config device remove "$C" lan
	[[ ! -e /sys/class/net/${host}b ]]
	stock config device add "$C" zero disk source=/dev/zero path=/root/zero
	assert "$(in_container "$C" stat -c %F /root/zero)" = "character special file"
	stock config device remove "$C" zero
	stock_refused 'Failed to start device "zero": ' config device add "$C" zero disk source=/dev/zero path=/root/zero shift=true
}

@test "nic, disk: what a running container does not take is refused, and all is as it was" {
	local before
	stock config device add "$C" ok disk source=/etc path=/mnt/ok
	in_container "$C" ip link add own0 type bridge
	before=$(in_container "$C" sh -c 'ip -o link; ls /dev; cat /proc/mounts')
	api GET "/1.0/instances/$C"
	field .metadata.devices >"$BATS_TEST_TMPDIR/devices"
	stock_refused "Failed to start device \"bad\": 'berth-rootfs' exited with 2: " config device add "$C" bad disk source=/etc/hostname path=/proc
	stock_refused 'Failed to start device "ok": ' config device set "$C" ok path=/proc/ok
	stock_refused 'Failed to start device "own": ' config device add "$C" own nic nictype=p2p name=own0
	stock_refused 'Failed to start device "own": ' config device add "$C" own nic nictype=macvlan parent="$BERTH_TEST_BRIDGE" name=own0
	# in one request with what it would take
	api PATCH "/1.0/instances/$C" '{"config": {"limits.processes": "1234"}, "devices": {
		"bad": {"type": "disk", "source": "/etc", "path": "/proc/bad"}, "good": {"type": "disk", "source": "/etc", "path": "/mnt/good"},
		"n": {"type": "nic", "nictype": "p2p", "name": "n0"}, "z": {"type": "unix-char", "source": "/dev/zero", "path": "/dev/z"}}}'
	contains "$(field .error)" 'Failed to start device "bad": '
	assert "$(in_container "$C" sh -c 'ip -o link; ls /dev; cat /proc/mounts')" = "$before"
	api GET "/1.0/instances/$C"
	assert "$(field .metadata.devices)" = "$(cat "$BATS_TEST_TMPDIR/devices")"
	assert "$(field '.metadata | .pending // [] | length')" = 0
	assert "$(field '.metadata.config["limits.processes"]')" = null
	in_container "$C" ip link del own0
	stock config device remove "$C" ok
}

@test "disk: the file system on a block device, with options" {
	local image=$BERTH_TEST_ROOT/disk.img loop
	truncate -s 8M "$image"
	loop=$(losetup --find --show "$image")
	stock_refused "no file system was found on the block device '$loop'" config device add "$C" blk disk source="$loop" path=/mnt/blk
	mkfs.ext4 -qF "$loop"
	stock config device add "$C" blk disk source="$loop" path=/mnt/blk raw.mount.options=noatime,commit=7
	assert "$(in_container "$C" grep -c " /mnt/blk ext4 .*noatime.*commit=7" /proc/mounts)" = 1
	in_container "$C" sh -c 'echo kept >/mnt/blk/f && chown 3:4 /mnt/blk/f'
	stock config device set "$C" blk readonly=true raw.mount.options=""
	run in_container "$C" touch /mnt/blk/g
	contains "$output" "Read-only"
	stock config device unset "$C" blk readonly
	mkdir "$BERTH_TEST_ROOT/deep"
	stock config device add "$C" deep disk source="$BERTH_TEST_ROOT/deep" path=/mnt/deep recursive=true raw.mount.options=noexec
	stock restart -f "$C"
	assert "$(in_container "$C" grep -c " /mnt/deep .*noexec" /proc/mounts)" = 1 "LXC's own entries have the options, too"
	stock config device remove "$C" deep
	assert "$(in_container "$C" cat /mnt/blk/f)" = kept
	assert "$(in_container "$C" stat -c %u:%g /mnt/blk/f)" = 3:4
	assert "$(grep -c "^$loop " /proc/mounts)" = 0 "the host sees nothing of it"
	stock config device remove "$C" blk
	stock config device add "$C" dir disk source=/tmp path=/mnt/dir raw.mount.options=noexec
	assert "$(in_container "$C" grep -c " /mnt/dir .*noexec" /proc/mounts)" = 1
	stock config device remove "$C" dir
	losetup -d "$loop"
}

@test "unix-char: a node that comes later, and goes" {
	local dir=$BERTH_TEST_ROOT/late
	mkdir "$dir"
	stock_refused "The required device path doesn't exist" config device add "$C" n unix-char source="$dir/node" path=/dev/late
	stock config device add "$C" n/a:b unix-char source="$dir/node" path=/dev/late required=false mode=0640 gid=7
	in_container "$C" test ! -c /dev/late
	mknod "$dir/node" c 1 5
	wait_for 10 in_container "$C" test -c /dev/late
	assert "$(in_container "$C" stat -c '%a %u %g %t %T' /dev/late)" = "640 0 7 1 5"
	assert "$(in_container "$C" head -c 3 /dev/late | od -An -tx1)" = " 00 00 00"
	rm "$dir/node"
	wait_for 10 in_container "$C" test ! -c /dev/late
	mknod "$dir/node" c 1 9
	wait_for 10 in_container "$C" test -c /dev/late
	assert "$(in_container "$C" stat -c '%T' /dev/late)" = 9
	stock stop -f "$C"
	mknod "$dir/node2" c 1 5
	stock config device add "$C" /c disk source="$dir" path=/srv/c
	stock start "$C"
	in_container "$C" test -c /dev/late
	in_container "$C" test -e /srv/c/node2
	stock config device remove "$C" n/a:b /c
	in_container "$C" test ! -c /dev/late
}

# hears: berthd hears that some hardware came or went
hears() {
	echo change >/sys/class/mem/null/uevent
}

# plug BUS DEVICE MAJOR:MINOR VENDOR PRODUCT: a USB device, on which a serial line with the number 1:7 hangs
plug() {
	local real=$BERTH_SYSFS_DIR/devices/usb1/$1-$2
	mkdir -p "$real/tty/ttyUSB0" "$BERTH_SYSFS_DIR"/{bus/usb/devices,dev/char,class/tty}
	echo "$1" >"$real/busnum"
	echo "$2" >"$real/devnum"
	echo "$3" >"$real/dev"
	echo "$4" >"$real/idVendor"
	echo "$5" >"$real/idProduct"
	printf 'MAJOR=1\nDEVNAME=ttyUSB0\n' >"$real/tty/ttyUSB0/uevent"
	ln -sf ../../../../class/tty "$real/tty/ttyUSB0/subsystem"
	ln -sfn "../../../devices/usb1/$1-$2" "$BERTH_SYSFS_DIR/bus/usb/devices/$1-$2"
	ln -sfn "../../devices/usb1/$1-$2/tty/ttyUSB0" "$BERTH_SYSFS_DIR/dev/char/1:7"
}

unplug() { # BUS DEVICE
	rm -rf "$BERTH_SYSFS_DIR/devices/usb1/$1-$2" "$BERTH_SYSFS_DIR/bus/usb/devices/$1-$2" "$BERTH_SYSFS_DIR/dev/char/1:7"
}

# card NUMBER PCI VENDOR: a graphics card with the nodes 1:3 and 1:5
card() {
	local real=$BERTH_SYSFS_DIR/devices/$2
	mkdir -p "$real/drm/card$1" "$real/drm/renderD$((128 + $1))" "$BERTH_SYSFS_DIR/class/drm"
	echo "0x$3" >"$real/vendor"
	echo 0x0042 >"$real/device"
	echo 1:3 >"$real/drm/card$1/dev"
	echo 1:5 >"$real/drm/renderD$((128 + $1))/dev"
	ln -sfn "../../../$2" "$real/drm/card$1/device"
	ln -sfn "../../devices/$2/drm/card$1" "$BERTH_SYSFS_DIR/class/drm/card$1"
}

@test "usb, unix-hotplug: what matches is given, comes and goes" {
	local dir=$BERTH_TEST_ROOT/lxc/$C/devices
	stock_refused 'must be four lower case hex characters' config device add "$C" u usb vendorid=1D6B
	stock_refused 'Unix hotplug devices require a vendorid or a productid' config device add "$C" h unix-hotplug
	stock_refused 'Failed to start device "u": Required USB device not found' config device add "$C" u usb vendorid=1d6b required=true
	stock config device list "$C"
	assert "$output" = ""
	plug 1 2 1:3 1d6b 0002
	plug 1 9 1:9 beef 0002
	stock config device add "$C" u usb vendorid=1d6b mode=0640 gid=7
	stock config device add "$C" h unix-hotplug vendorid=1d6b productid=0003
	assert "$(in_container "$C" stat -c '%a %u %g %t %T' /dev/bus/usb/001/002)" = "640 0 7 1 3"
	in_container "$C" test ! -e /dev/bus/usb/001/009
	in_container "$C" test ! -e /dev/ttyUSB0

	plug 1 3 1:5 1d6b 0003
	hears
	wait_for 10 in_container "$C" test -c /dev/bus/usb/001/003
	wait_for 10 in_container "$C" test -c /dev/ttyUSB0
	assert "$(in_container "$C" stat -c '%t %T' /dev/ttyUSB0)" = "1 7"
	unplug 1 2
	hears
	wait_for 10 in_container "$C" test ! -e /dev/bus/usb/001/002
	assert "$(in_container "$C" stat -c '%t %T' /dev/bus/usb/001/003)" = "1 5"

	# what happens while berthd is not there counts, too
	daemon_kill
	unplug 1 3
	plug 1 4 1:8 1d6b 0003
	daemon_start
	wait_for 10 in_container "$C" test -c /dev/bus/usb/001/004
	wait_for 10 in_container "$C" test ! -e /dev/bus/usb/001/003
	unplug 1 4
	hears
	wait_for 10 in_container "$C" test ! -e /dev/ttyUSB0
	plug 1 5 1:5 1d6b 0002
	stock restart -f "$C"
	in_container "$C" test -c /dev/bus/usb/001/005
	in_container "$C" test ! -e /dev/bus/usb/001/004
	stock config device remove "$C" u h
	in_container "$C" test ! -e /dev/bus/usb/001/005
	assert "$(find "$dir" -name '[uh]+*' | wc -l)" = 0
}

@test "gpu: nodes of the cards that match" {
	stock_refused 'Cannot use "id" when "pci" is set' config device add "$C" g gpu id=0 pci=0000:01:00.0
	stock_refused 'must be physical' config device add "$C" g gpu gputype=mdev
	card 0 0000:01:00.0 8086
	card 1 0000:02:00.0 1002
	stock config device add "$C" g gpu id=0 uid=3
	assert "$(in_container "$C" stat -c '%u %t %T' /dev/dri/card0)" = "3 1 3"
	assert "$(in_container "$C" stat -c '%t %T' /dev/dri/renderD128)" = "1 5"
	stock config device unset "$C" g id
	in_container "$C" test -c /dev/dri/card1
	stock config device set "$C" g pci=02:00.0
	in_container "$C" test -c /dev/dri/card1
	in_container "$C" test ! -e /dev/dri/card0
	stock config device set "$C" g pci= vendorid=8086
	in_container "$C" test -c /dev/dri/card0
	in_container "$C" test ! -e /dev/dri/card1
	for _ in 1 2; do # the second time, too
		stock_refused 'Failed to start device "x": Failed to detect requested GPU device' config device add "$C" x gpu id=7
	done
	stock config device remove "$C" g
	in_container "$C" test ! -e /dev/dri/card0
}

@test "types and options that cannot work say so" {
	local type
	for type in infiniband tpm; do
		stock_refused "Unsupported device type \"$type\": " config device add "$C" x "$type"
	done
	for type in ipvlan sriov; do
		stock_refused "are not supported" config device add "$C" x nic nictype=$type parent="$BERTH_TEST_BRIDGE"
	done
	stock_refused 'Invalid device option "vlan"' \
		config device add "$C" x nic nictype=macvlan parent="$BERTH_TEST_BRIDGE" vlan=7
	stock config device list "$C"
	assert "$output" = ""
}

@test "nothing is left behind" {
	assert "$(pgrep -fc "^$BERTH_BUILD/berth-proxy .*$BERTH_TEST_SUBNET\\.")" = 0
	leak_check
}
