# SPDX-License-Identifier: MIT
# LXD's own client, while berthd is killed, tools misbehave and things are taken away by hand: nothing is lost, nothing is
# left, and the next command works. Needs a build with FAULTS=1.

# shellcheck disable=SC2154 # what the helpers set

bats_require_minimum_version 1.5.0
# shellcheck disable=SC2034 # what is not ended at once is waited for
BERTH_TEST_SETTINGS="shutdown_grace_s = 600s"
load helpers
load lxd
load tools

teardown() {
	tools_real
	[[ -z ${BATS_TEST_COMPLETED:-} && ! -e $BERTH_TEST_ROOT/checked ]] || return 0
	daemon_kill || true
	tools_start || return 0
	image_restore
}

# FAULT ARGUMENTS…: berthd dies of it while lxc is at it, and is started again.
stock_killed() {
	fault "$1"
	stock '?' "${@:2}"
	died "$1"
	tools_start
	journal_ends
}

# All that volumes, pools and exports consist of, what is in them, and the volumes that devices name.
stored() {
	local dir
	(
		shopt -s nullglob
		jq -r '.devices[] | select(.type == "disk" and .path != "/") | "\(input_filename): \(.pool)/\(.source)"' \
			"$BERTH_TEST_ROOT/state/profiles/"*.json "$BERTH_TEST_ROOT/lxc/"*/berth.json </dev/null
	)
	for dir in pools backups state/storage-pools; do
		find "$BERTH_TEST_ROOT/$dir" -mindepth 1 -printf '%P %y %s\n' 2>/dev/null | sed 's/ d [0-9]*$/ d/'
	done | sed -E 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g' | sort
}

no_pools() {
	[[ -z $(find "$BERTH_TEST_ROOT/pools" "$BERTH_TEST_ROOT/state/storage-pools" -mindepth 1) ]] || die "FAIL: $(stored)"
}

# It is as it was, or as it is to be.
is_one_of() { # WHAT BEFORE AFTER
	local now
	now=$(stored)
	[[ $now == "$2" || $now == "$3" ]] || die "FAIL: after $1" "$(diff <(echo "$2") <(echo "$now"))" "$(diff <(echo "$3") <(echo "$now"))"
}

# THERE… -- BACK…: one command does it, the other undoes it; killed in each of these steps it is done or not, and can be done.
there_and_back() { # KIND STEPS THERE… -- BACK…
	local kind=$1 there=() before after step
	read -ra steps <<<"$2"
	shift 2
	while [[ $1 != -- ]]; do
		there+=("$1")
		shift
	done
	shift
	before=$(stored)
	stock "${there[@]}"
	after=$(stored)
	stock "$@"
	for step in "${steps[@]}"; do
		stock_killed "$kind/$step" "${there[@]}"
		is_one_of "$kind/$step" "$before" "$after"
		[[ $(stored) == "$after" ]] || stock "${there[@]}"
		stock "$@"
	done
	is_one_of "all of $kind" "$before" "$before"
}

net_traces() { # NETWORK
	local table=berth_net_${1//-/_2d}
	[[ -e /sys/class/net/$1 ]] && echo "link $1"
	nft list table inet "$table" 2>/dev/null
	pgrep -af -- "--pid-file=$BERTH_TEST_ROOT/run/networks/$1/"
	ls -d "$BERTH_TEST_ROOT/state/networks/$1".* "$BERTH_TEST_ROOT/run/networks/$1" 2>/dev/null
	return 0
}

@test "volumes: berthd killed in the middle" {
	local c
	stock storage create fp1 dir
	stock storage create fp2 dir
	stock storage volume create fp1 v
	echo kept >"$BERTH_TEST_ROOT/pools/fp1/custom/v/f"
	stock storage volume snapshot fp1 v s
	there_and_back custom-create 'build/kill-after place/kill-after' storage volume copy fp1/v fp2/w -- \
		storage volume delete fp2 w
	stock profile create fv
	stock profile device add fv d disk pool=fp1 source=v path=/mnt/v
	c=$(name user)
	stock init bb "$c" -p default -p fv
	there_and_back custom-create 'users/kill-after place/kill-after take/kill sweep/kill' query -X POST -d '{"name":"v","pool":"fp2"}' --wait \
		/1.0/storage-pools/fp1/volumes/custom/v -- query -X POST -d '{"name":"v","pool":"fp1"}' --wait \
		/1.0/storage-pools/fp2/volumes/custom/v
	assert "$(cat "$BERTH_TEST_ROOT/pools/fp1/custom/v/f")" = kept
	contains "$(cat "$BERTH_TEST_ROOT/lxc/$c/config")" "$BERTH_TEST_ROOT/pools/fp1/custom/v"
	stock config device add "$c" own disk pool=fp1 source=v path=/mnt/own
	there_and_back custom-rename 'users/kill users/kill-after rename/kill-after render/kill' storage volume rename fp1 v v2 -- \
		storage volume rename fp1 v2 v
	contains "$(cat "$BERTH_TEST_ROOT/lxc/$c/config")" "$BERTH_TEST_ROOT/pools/fp1/custom/v"
	stock delete "$c"
	stock profile delete fv
	stock storage volume create fp1 x
	there_and_back custom-delete 'hide/kill-after sweep/kill-after' storage volume delete fp1 x -- \
		storage volume create fp1 x
	there_and_back custom-snapshot-delete 'hide/kill-after remove/kill-after' storage volume delete fp1 v/s -- \
		storage volume snapshot fp1 v s
	echo changed >"$BERTH_TEST_ROOT/pools/fp1/custom/v/f"
	stock_killed custom-restore/swap/kill-after storage volume restore fp1 v s
	assert "$(cat "$BERTH_TEST_ROOT/pools/fp1/custom/v/f")" = kept
	stock storage volume delete fp1 v
	stock storage volume delete fp1 x
	stock storage delete fp1
	stock storage delete fp2
	no_pools
}

@test "a pool that was unmounted by hand is not taken for an empty one" {
	stock storage create fb btrfs size=128MiB
	stock storage volume create fb v
	echo kept >"$BERTH_TEST_ROOT/pools/fb/custom/v/f"
	umount "$BERTH_TEST_ROOT/pools/fb"
	stock_refused "not mounted" storage volume delete fb v
	stock_refused "currently in use" storage delete fb
	assert "$(cat "$BERTH_TEST_ROOT/pools/fb/custom/v/f")" = kept
	stock storage volume delete fb v
	fault pool-delete/source/fail
	stock_refused "injected fault" storage delete fb
	: >"$BERTH_TEST_ROOT/fault"
	stock storage volume create fb v
	# with its file gone, there is nothing to lose
	umount "$BERTH_TEST_ROOT/pools/fb"
	rm "$BERTH_TEST_ROOT/pools/fb.img"
	stock storage delete fb
	no_pools
	fake mkfs.btrfs killed
	stock_refused "'mkfs.btrfs' was killed by signal 9" storage create fb btrfs size=128MiB
	no_pools
}

@test "exports: killed, and compressors that fail" {
	local n step
	n=$(name exp)
	stock init bb "$n"
	for step in folder/kill-after trees/kill-after; do
		stock_killed "export/$step" export "$n" "$BATS_TEST_TMPDIR/e.tar.gz"
		[[ -z $(ls -A "$BERTH_TEST_ROOT/backups/exports") ]] || die "FAIL: left after export/$step"
	done
	fake xz fail
	stock_refused "'xz' exited with 3: xz: it is out of order" export "$n" "$BATS_TEST_TMPDIR/e.tar.xz" --compression xz
	stock_refused "'xz' exited with 3: xz: it is out of order" publish "$n" --compression xz
	real xz
	[[ -z $(ls -A "$BERTH_TEST_ROOT/backups/exports")$(staging) ]] || die "FAIL: left after xz"
	stock export "$n" "$BATS_TEST_TMPDIR/e.tar.xz" --compression xz
	stock delete "$n"
}

@test "networks: tools that fail" {
	local n tool
	n=t$BERTH_TEST_ID-nf
	for tool in 'ip garbage' 'nft killed' 'dnsmasq fail'; do
		# shellcheck disable=SC2086 # two words
		fake $tool
		stock_refused "${tool%% *}" network create "$n" ipv4.address="10.225.$BERTH_TEST_ID.1/24" ipv6.address=none
		real "${tool%% *}"
		wait_for 5 nothing net_traces "$n" || die "FAIL: left after $tool: $(net_traces "$n")"
		journal_ends
	done
	stock network create "$n" ipv4.address="10.225.$BERTH_TEST_ID.1/24" ipv6.address=none
	stock network delete "$n"
	wait_for 5 nothing net_traces "$n"
}

sftp_open() { # INSTANCE
	python3 - "$BERTH_SOCKET" "$1" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(f"GET /1.0/instances/{sys.argv[2]}/sftp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: sftp\r\n\r\n".encode())
		while s.recv(1000): pass
	END
}

runs_inside() { # NAME WORDS
	in_container "$1" ps | grep -q "$2"
}

no_programs() {
	! pgrep -f -- "lxc-attach.* $BERTH_TEST_ROOT/|$LIBEXEC/berth-file" >/dev/null
}

@test "berthd ends while a command, its files and an SFTP session are open" {
	local a b
	a=$(name run)
	b=$(name off)
	stock launch bb "$a"
	stock init bb "$b"
	LXD_SOCKET=$BERTH_SOCKET LXD_CONF=$BERTH_TEST_ROOT/lxc-conf lxc exec "$a" -- sleep 98765 </dev/null >/dev/null 2>&1 3>&- 4>&- &
	sftp_open "$a" >/dev/null 2>&1 3>&- 4>&- &
	sftp_open "$b" >/dev/null 2>&1 3>&- 4>&- &
	wait_for 10 runs_inside "$a" "sleep 9876[5]"
	wait_for 10 pgrep -f -- "$LIBEXEC/berth-file --dir" >/dev/null
	daemon_stop
	wait_for 10 no_programs || die "FAIL: $(pgrep -af -- "lxc-attach|$LIBEXEC")"
	wait
	tools_start
	! runs_inside "$a" "sleep 9876[5]" || die "FAIL: the command runs on"
	stock delete -f "$a" "$b"
}

@test "nothing is left behind" {
	leak_check
}
