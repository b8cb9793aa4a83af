# SPDX-License-Identifier: MIT
# Instances and volumes go from one berthd to another, over HTTPS, by LXD's own client: it reads from `one:` and writes to `two:`, of which
# `two` is a second daemon below the first one's folder. (With a real LXD on either side it was run by hand.)

bats_require_minimum_version 1.5.0
load helpers
load lxd

# in_two COMMAND…: as if the second daemon were the file's.
in_two() {
	# shellcheck disable=SC2034 # what helpers.bash reads
	local BERTH_TEST_LOGS=$BERTH_TEST_ROOT BERTH_TEST_ROOT=$BERTH_TEST_ROOT/two
	# shellcheck disable=SC2034
	local BERTH_SOCKET=$BERTH_TEST_ROOT/run/berth.sock
	"$@"
}

https() { # NAME ADDRESS: the daemon that BERTH_SOCKET names listens there and is a remote
	stock config set core.https_address="$2"
	stock config set core.trust_password=sekret
	local BERTH_TEST_ROOT=${BERTH_TEST_ROOT%/two}
	stock remote add "$1" "https://$2" --accept-certificate --password=sekret
}

# trees NAME: what its tree and those of its snapshots hold: owners, modes, sizes, links, times of files, attributes, contents
trees() {
	local tree
	for tree in "$BERTH_TEST_ROOT/two/lxc/$1/rootfs" "$BERTH_TEST_ROOT/two/lxc/$1"/snapshots/*/rootfs; do
		(
			cd "$tree" || exit
			find . -printf '%P %y %m %U:%G %l\n' | LC_ALL=C sort
			find . -type f -printf '%P %s %Ts\n' | LC_ALL=C sort
			getfattr -R -d -m '^(user|security.cap)' . 2>/dev/null
			find . -type f -exec md5sum {} + | LC_ALL=C sort
		)
	done
}

setup_file_more() {
	local two=$BERTH_TEST_ROOT/two
	mkdir "$two"
	{
		cat "$BERTH_TEST_ROOT/berth.conf"
		echo "storage_driver = dir"
	} >"$two/berth.conf"
	in_two daemon_start
	https one "$BERTH_TEST_SUBNET.1:8441"
	in_two https two "$BERTH_TEST_SUBNET.1:8442"
	in_two daemon_fds >"$two/fds"
	daemon_fds >"$BERTH_TEST_ROOT/fds"
}

teardown_file_more() {
	in_two daemon_stop || true
}

two_has() { # NAME PART: in the columns name, state, number of snapshots
	stock list "two:^$1\$" -f csv -c nsS
	assert "$output" = "$2"
}

nothing_hidden() { # FOLDER: of what an operation keeps there on its way
	assert "$(find "$1" -maxdepth 1 -name '.*')" = ""
}

C() {
	name mig
}

@test "a container with snapshots goes over: pulled, pushed, relayed" {
	local c mode root
	c=$(C)
	stock init bb "one:$c" -c user.kept=yes -c limits.processes=100
	stock config show "one:$c" --expanded
	[[ $output != *volatile.idmap.size* ]] # an LXD refuses what it does not know, and a move brings all of it
	contains "$output" "volatile.last_state.idmap: '[]'" # and in what a refresh brings it wants these
	contains "$output" 'volatile.idmap.current: '\''[{"Isuid":true,"Isgid":false,"Hostid":'
	contains "$output" 'volatile.idmap.next: '
	stock config show "one:$c"
	stock config edit "one:$c" <<<"$output" # they come back
	assert "$(key_of "$c" volatile.last_state.idmap)$(key_of "$c" volatile.idmap.next)" = nullnull
	printf 'text' | timeout 60 "$BERTH" file push - "$c/root/a file" --mode 600 --uid 7 --gid 8
	stock snapshot "one:$c" s0
	printf 'more' | timeout 60 "$BERTH" file push - "$c/root/second"
	stock config template create "one:$c" note.tpl
	root=$BERTH_TEST_ROOT/lxc/$c
	# what only root can make in it, past the container: the overlay's upper layer shows it
	mkdir -p "$root/upper/srv"
	chown 1000000:1000000 "$root/upper/srv"
	printf x >"$root/upper/srv/suid"
	chown 1000005:1000006 "$root/upper/srv/suid"
	chmod 6755 "$root/upper/srv/suid"
	setfattr -n user.note -v kept "$root/upper/srv/suid"
	ln -s /etc/passwd "$root/upper/srv/link"
	mkfifo "$root/upper/srv/fifo"
	truncate -s 4M "$root/upper/srv/sparse"
	stock snapshot "one:$c" s1 --no-expiry

	for mode in pull push relay; do
		stock copy -q "one:$c" "two:$c-$mode" --mode "$mode"
		two_has "$c-$mode" "$c-$mode,STOPPED,2"
		root=$BERTH_TEST_ROOT/two/lxc/$c-$mode
		assert "$(cat "$root/rootfs/root/a file")$(cat "$root/rootfs/root/second")" = textmore
		assert "$(stat -c '%a %u:%g' "$root/rootfs/root/a file")" = "600 7:8"
		assert "$(stat -c '%a %u:%g' "$root/rootfs/srv/suid")" = "6755 5:6"
		assert "$(getfattr --only-values -n user.note "$root/rootfs/srv/suid")" = kept
		assert "$(readlink "$root/rootfs/srv/link")" = /etc/passwd
		[[ -p $root/rootfs/srv/fifo && ! -e $root/.received ]]
		assert "$(stat -c '%s %b' "$root/rootfs/srv/sparse")" = "4194304 0"
		[[ ! -e $root/snapshots/s0/rootfs/root/second && -e $root/snapshots/s1/rootfs/srv/suid ]]
		assert "$(cat "$root/snapshots/s0/rootfs/root/a file")" = text
	done
	# all of it is the same, whichever way it took
	trees "$c-pull" >"$BATS_TEST_TMPDIR/pull"
	trees "$c-push" | diff "$BATS_TEST_TMPDIR/pull" -
	trees "$c-relay" | diff "$BATS_TEST_TMPDIR/pull" -
	stock config show "two:$c-pull"
	contains "$output" 'user.kept: "yes"'
	contains "$output" 'limits.processes: "100"'
	stock config template list "two:$c-pull" -f csv
	contains "$output" note.tpl
	stock query "two:/1.0/instances/$c-pull/snapshots/s1"
	assert "$(jq -r .created_at <<<"$output")" = \
		"$(api GET "/1.0/instances/$c/snapshots/s1" 2>/dev/null; field .metadata.created_at | sed 's/\.[0-9]*//')"
	stock start "two:$c-pull"
	stock exec "two:$c-pull" -- cat /root/second
	assert "$output" = more
	stock restore "two:$c-pull" s0
	stock 1 exec "two:$c-pull" -- cat /root/second
	stock delete -f "two:$c-pull" "two:$c-push" "two:$c-relay"
}

@test "a snapshot goes over, a move takes what it leaves, a refresh brings what is new" {
	local c t root
	c=$(C)
	t=$c-two
	root=$BERTH_TEST_ROOT/two/lxc/$t
	stock copy -q "one:$c/s0" "two:$t" --mode push
	two_has "$t" "$t,STOPPED,0"
	[[ ! -e $root/rootfs/root/second ]]
	stock_refused "already exists" copy -q "one:$c" "two:$t"
	stock copy -q "one:$c" "two:$t" --refresh
	two_has "$t" "$t,STOPPED,2"
	assert "$(cat "$root/rootfs/root/second")" = more
	stock delete "one:$c/s0"
	printf third | timeout 60 "$BERTH" file push - "$c/root/third"
	stock file delete "one:$c/root/second"
	stock snapshot "one:$c" s2
	stock copy -q "one:$c" "two:$t" --refresh --mode push
	assert "$(cd "$root" && echo rootfs/root/* snapshots/*)" = "rootfs/root/a file rootfs/root/third snapshots/s1 snapshots/s2"
	nothing_hidden "$root"
	stock snapshot "two:$t" own
	stock copy -q "one:$c" "two:$t" --refresh --instance-only
	two_has "$t" "$t,STOPPED,3"
	stock start "two:$t"
	stock_refused "Instance is running" copy -q "one:$c" "two:$t" --refresh
	# the other way, while it runs: frozen meanwhile, and only if no state is asked for
	stock_refused "CRIU isn't installed on the source server" copy -q "two:$t" "one:$c-run"
	stock copy -q "two:$t" "one:$c-run" --stateless --instance-only
	two_has "$t" "$t,RUNNING,3"
	stock start "one:$c-run"
	stock exec "one:$c-run" -- cat /root/third
	assert "$output" = third
	stock delete -f "one:$c-run"
	stock stop -f "two:$t"
	stock move -q "two:$t" "one:$c-back" --mode relay
	two_has "$t" ""
	stock list "one:^$c-back\$" -f csv -c nsS
	assert "$output" = "$c-back,STOPPED,3"
	stock delete "one:$c-back"
	# a device node of a privileged one would be a way to the host's disks for others
	stock init bb "one:$c-priv" -c security.privileged=true
	mkdir -p "$BERTH_TEST_ROOT/lxc/$c-priv/upper/srv"
	mknod "$BERTH_TEST_ROOT/lxc/$c-priv/upper/srv/sda" b 8 0
	stock copy -q "one:$c-priv" "two:$c-priv"
	[[ -b $BERTH_TEST_ROOT/two/lxc/$c-priv/rootfs/srv/sda ]]
	stock_refused "'/srv/sda': device nodes are only for privileged instances" \
		copy -q "one:$c-priv" "two:$c-plain" -c security.privileged=false
	[[ ! -e $BERTH_TEST_ROOT/two/lxc/$c-plain ]]
	stock delete "one:$c-priv" "two:$c-priv"
}

# shellcheck disable=SC2154
# refused_push WHAT PART: a liar connects; the instance that was to come is not there, and the operation says why.
refused_push() {
	local op
	in_two api POST /1.0/instances "{\"name\":\"$(C)-lie\",\"source\":{\"type\":\"migration\",\"mode\":\"push\"}}"
	assert "$http $(field .metadata.class)" = "202 websocket"
	op=$(field .metadata.id)
	"$REPO/tests/migration-liar" "$BERTH_TEST_ROOT/two/run/berth.sock" "$op" "$(field .metadata.metadata.control)" \
		"$(field .metadata.metadata.fs)" "$1" >&2
	in_two api GET "/1.0/operations/$op/wait"
	assert "$(field .metadata.status)" = Failure
	contains "$(field .metadata.err)" "$2"
	[[ ! -e $BERTH_TEST_ROOT/two/lxc/$(C)-lie ]]
}

@test "strangers, liars and those who hang up leave nothing" {
	local op url
	refused_push garbage "cannot be understood"
	refused_push text "text where a message was due"
	refused_push leave "closed the connection"
	refused_push refuse "too late"
	refused_push live "CRIU isn't installed on the destination server"
	refused_push rsync "Rsync receive failed"
	refused_push path "no name of a snapshot"
	refused_push twice "has snapshot 's' twice"

	in_two api POST /1.0/instances "{\"name\":\"$(C)-x\",\"source\":{\"type\":\"migration\",\"mode\":\"odd\"}}"
	assert "$http $(field .error)" = '501 Mode "odd" not implemented'
	in_two api POST /1.0/instances "{\"name\":\"$(C)-x\",\"source\":{\"type\":\"migration\",\"mode\":\"pull\"}}"
	assert "$http $(field .error)" = '500 Missing control secret'

	# secrets are of one operation, and count once; who dials a server that is not the one it should be learns nothing
	api POST "/1.0/instances/$(C)" '{"migration":true,"live":false}'
	op=$(field .metadata.id)
	url=https://$BERTH_TEST_SUBNET.1:8441/1.0/operations/$op
	run curl -sk --http1.1 -o /dev/null -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
		-H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' "$url/websocket?secret=wrong"
	assert "$output" = 403
	pull() { # CERTIFICATE CONTROL
		in_two api POST /1.0/instances "$(jq -n --arg n "$(C)-x" --arg u "$url" --rawfile c "$1" --arg s "$2" \
			'{name:$n,source:{type:"migration",mode:"pull",operation:$u,certificate:$c,secrets:{control:$s,fs:$s}}}')"
		in_two api GET "$(field .operation)/wait"
	}
	pull "$BERTH_TEST_ROOT/state/server.crt" wrong
	contains "$(field .metadata.err)" "bad handshake (403: not authorized)"
	pull "$BERTH_TEST_ROOT/two/state/server.crt" wrong
	contains "$(field .metadata.err)" "has another certificate than it should have"
	api DELETE "/1.0/operations/$op"
	assert "$http" = 200
	api GET "/1.0/operations/$op/wait"
	assert "$(field .metadata.status)" = Cancelled
}

@test "killed on either side, nothing half-made stays" {
	local c f
	c=$(C)
	for f in launch-pulled/rootfs/kill-after launch-pulled/commit/kill-after; do
		in_two fault "$f"
		stock 1 copy -q "one:$c" "two:$c-k"
		in_two revive "$f"
		in_two journal_ends
		two_has "$c-k" ""
		[[ ! -e $BERTH_TEST_ROOT/two/lxc/$c-k ]]
	done
	stock copy -q "one:$c" "two:$c-k"
	in_two fault refresh/stage/kill-after
	stock 1 copy -q "one:$c" "two:$c-k" --refresh
	in_two revive
	in_two journal_ends
	nothing_hidden "$BERTH_TEST_ROOT/two/lxc/$c-k"
	stock start "two:$c-k" "one:$c"
	stock delete -f "two:$c-k"
	# the source thaws what it froze
	fault migrate/send/kill
	stock 1 copy -q "one:$c" "two:$c-k" --stateless
	revive
	journal_ends
	stock list "one:^$c\$" -f csv -c s
	assert "$output" = RUNNING
	assert "$(find "$BERTH_TEST_ROOT/state/operations" -name '*.migrate')" = ""
	two_has "$c-k" ""
	# and who fails says so
	fault migrate/freeze/fail
	stock_refused "migrat" copy -q "one:$c" "two:$c-k" --stateless
	fault ""
	stock delete -f "one:$c"
}

pull_volume() { # VOLUME NEW-NAME: asked for directly; a volume that is there is refreshed
	api POST "/1.0/storage-pools/$(name one)/volumes/custom/$1" '{"migration":true}'
	in_two api POST "/1.0/storage-pools/$(name two)/volumes/custom" "$(jq -n --arg n "$2" --argjson o "$body" \
		--arg u "https://$BERTH_TEST_SUBNET.1:8441" --rawfile c "$BERTH_TEST_ROOT/state/server.crt" \
		'{name:$n,type:"custom",config:{},source:{type:"migration",mode:"pull",refresh:true,operation:($u+$o.operation),
		certificate:$c,secrets:$o.metadata.metadata}}')"
}

# A volume of `two` becomes as that of `one` is now: files that are gone there too; snapshots by their names.
refresh_volumes() { # VOLUME, which has s0; VOLUME-pull, -push and -relay are copies
	local v=$1 mode from data f
	from=$BERTH_TEST_ROOT/pools/$(name one)/custom/$1
	stock storage volume snapshot "two:$(name two)" "$v-pull" own
	stock storage volume set "two:$(name two)" "$v-pull" user.own=1
	rm "$from/g"
	printf later >"$from/h"
	stock storage volume snapshot "one:$(name one)" "$v" s1
	for mode in pull push relay; do
		data=$BERTH_TEST_ROOT/two/pools/$(name two)/custom/$v-$mode
		printf here >"$data/mine"
		stock storage volume copy -q "one:$(name one)/$v" "two:$(name two)/$v-$mode" --refresh --mode "$mode"
		assert "$(ls "$data") $(stat -c '%a %u:%g' "$data/f") $(cat "$data/h")" = $'f\nh 4755 5:6 later'
		stock storage volume list "two:$(name two)" -f csv
		assert "$(grep -c "$v-$mode" <<<"$output") $(grep -c "(snapshot),$v-$mode/s[01]," <<<"$output")" = "3 2"
	done
	stock storage volume get "two:$(name two)" "$v-pull" user.own
	assert "$output" = 1
	# without snapshots: none comes, and none goes
	stock storage volume snapshot "two:$(name two)" "$v-push" own
	stock storage volume snapshot "one:$(name one)" "$v" s2
	stock storage volume copy -q "one:$(name one)/$v" "two:$(name two)/$v-push" --refresh --volume-only
	stock storage volume list "two:$(name two)" -f csv
	assert "$(grep -o "$v-push/[a-z0-9]*" <<<"$output" | tr '\n' ' ')" = "$v-push/own $v-push/s0 $v-push/s1 "
	# killed: as it was, or as it is to be
	data=$BERTH_TEST_ROOT/two/pools/$(name two)/custom/$v-pull
	for f in build/kill-after swap/kill swap/kill-after snapshots/kill-after; do
		printf '%s' "$f" >"$from/h"
		[[ $f == build* ]] || stock storage volume snapshot "one:$(name one)" "$v" "${f/\//-}"
		in_two fault "custom-receive-refresh/$f"
		pull_volume "$v" "$v-pull" || true
		in_two revive "$f"
		in_two journal_ends
		if [[ $f == build* ]]; then
			assert "$(cat "$data/h")" = later "$f"
		else
			assert "$(cat "$data/h") $(cat "$data/../.$v-pull/snapshots/${f/\//-}/data/h")" = "$f $f" "$f"
		fi
		assert "$(find "$data/.." -maxdepth 1 -name '..new.*')" = ""
	done
}

# What a cancelled one could not remove, the next start does.
undone_later() { # VOLUME of two: a new one, and one that is refreshed
	local custom name op busy
	custom=$BERTH_TEST_ROOT/two/pools/$(name two)/custom
	for name in "$1-k" "$1-pull"; do
		in_two api POST "/1.0/storage-pools/$(name two)/volumes/custom" \
			"{\"name\":\"$name\",\"type\":\"custom\",\"source\":{\"type\":\"migration\",\"mode\":\"push\",\"refresh\":true}}"
		assert "$http" = 202
		op=$(field .operation)
		wait_for 10 eval 'busy=$(compgen -G "$custom/..new.*/received")'
		mount -t tmpfs none "$busy"
		in_two api DELETE "$op"
		in_two api GET "$op/wait"
		umount "$busy"
		[[ -d $busy ]] || die "FAIL: there is nothing to be done later"
		in_two daemon_restart
		in_two journal_ends
		[[ ! -e ${busy%/received} ]] || die "FAIL: $busy stayed"
	done
}

# shellcheck disable=SC2154
@test "custom volumes go over with their snapshots" {
	local v data mode
	v=$(name vol)
	stock storage create one:"$(name one)" dir
	stock storage create two:"$(name two)" dir
	stock storage volume create "one:$(name one)" "$v" snapshots.expiry=1d
	data=$BERTH_TEST_ROOT/pools/$(name one)/custom/$v
	printf old >"$data/f"
	chown 5:6 "$data/f"
	chmod 4755 "$data/f"
	stock storage volume snapshot "one:$(name one)" "$v" s0
	printf new >"$data/g"
	for mode in pull push relay; do
		stock storage volume copy "one:$(name one)/$v" "two:$(name two)/$v-$mode" --mode "$mode"
		data=$BERTH_TEST_ROOT/two/pools/$(name two)/custom/$v-$mode
		assert "$(stat -c '%a %u:%g' "$data/f") $(cat "$data/g")" = "4755 5:6 new"
		stock storage volume list "two:$(name two)" -f csv
		contains "$output" "custom (snapshot),$v-$mode/s0"
		stock storage volume get "two:$(name two)" "$v-$mode" snapshots.expiry
		assert "$output" = 1d
	done
	stock storage volume restore "two:$(name two)" "$v-relay" s0
	[[ -e $data/f && ! -e $data/g ]]
	# (asked for directly: the client does not cancel what it began at the source, which waits for 10 s)
	in_two api POST "/1.0/storage-pools/$(name two)/volumes/custom" \
		"{\"name\":\"$v-pull\",\"type\":\"custom\",\"source\":{\"type\":\"migration\",\"mode\":\"push\"}}"
	assert "$http $(field .error)" = "409 Volume by that name already exists"
	in_two fault custom-receive/build/kill-after
	pull_volume "$v" "$v-k" || true # it may die before it has answered
	in_two revive
	in_two journal_ends
	assert "$(find "$BERTH_TEST_ROOT/two/pools/$(name two)/custom" -maxdepth 1 -name '..new.*' -o -name "*$v-k*")" = ""
	refresh_volumes "$v"
	undone_later "$v"
	mknod "$BERTH_TEST_ROOT/pools/$(name one)/custom/$v/sda" b 8 0
	stock_refused "device nodes are only for privileged instances" storage volume copy "one:$(name one)/$v" "two:$(name two)/$v-k"
	rm "$BERTH_TEST_ROOT/pools/$(name one)/custom/$v/sda"
	stock storage volume move "one:$(name one)/$v" "two:$(name two)/$v" --mode push
	stock storage volume list "one:$(name one)" -f csv
	assert "$output" = ""
	for mode in "" -pull -push -relay; do
		stock storage volume delete "two:$(name two)" "$v$mode"
	done
	stock storage delete "two:$(name two)"
	stock storage delete "one:$(name one)"
}

@test "nothing is left behind" {
	stock list two: -f csv -c n
	assert "$output" = ""
	in_two leak_check
	leak_check
}
