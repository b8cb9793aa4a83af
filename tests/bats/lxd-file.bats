# SPDX-License-Identifier: MIT
# LXD's own client: files of instances.

bats_require_minimum_version 1.5.0
load helpers
load lxd

setup_file_more() {
	"$BERTH" launch bb "$(name run)" >/dev/null
	"$BERTH" init bb "$(name rest)" >/dev/null
	"$BERTH" init bb "$(name priv)" -c security.privileged=true >/dev/null
	"$BERTH" init bb "$(name dir)" -d root,pool=dir >/dev/null || "$BERTH" init bb "$(name dir)" -s dir >/dev/null
}

setup() {
	RUN=$(name run) REST=$(name rest) PRIV=$(name priv) DIR=$(name dir)
	D=$BATS_TEST_TMPDIR
}

# What a GET's header of the last api says.
header() {
	awk -v name="x-lxd-$1:" 'tolower($1) == name { sub(/^[^ ]* /, ""); print }' <<<"$headers"
}

# files METHOD INSTANCE PATH [CURL-OPTIONS…]
files() {
	local method=$1 c=$2 path=$3
	shift 3
	http=$(curl -sS --max-time 300 --unix-socket "$BERTH_SOCKET" -X "$method" -D "$D/headers" -o "$D/body" \
		-w '%{http_code}' "$@" "http://unix.socket/1.0/instances/$c/files?path=$path")
	headers=$(tr -d '\r' <"$D/headers")
	body=$(tr -d '\0' <"$D/body")
	printf '%s %s -> %s\n%s\n' "$method" "$path" "$http" "$body" >&2
}

@test "push and pull: running, stopped, privileged; owners and modes" {
	local c
	printf '#!/bin/sh\necho hi\n' >"$D/a.sh"
	chmod 755 "$D/a.sh"
	for c in "$RUN" "$REST" "$PRIV" "$DIR"; do
		stock file push "$D/a.sh" "$c/root/a.sh"
		stock file pull "$c/root/a.sh" -
		assert "$output" = $'#!/bin/sh\necho hi'
		files GET "$c" /root/a.sh
		assert "$(header type) $(header uid) $(header gid) $(header mode)" = "file 0 0 0755"
		[[ $(header modified) =~ ^20[0-9-]*\ [0-9:]*\ \+0000\ UTC$ ]]
		# what is there keeps its owner and mode
		stock file push "$D/a.sh" "$c/tmp/b" --uid 1000 --gid 1001 --mode 0640
		stock file push - "$c/tmp/b" --uid 5 --gid 5 --mode 0777 <<<new
		files GET "$c" /tmp/b
		assert "$(header uid):$(header gid) $(header mode) $body" = "1000:1001 0640 new"
		stock_refused "Not Found" file push "$D/a.sh" "$c/root/d1/d2/a.sh"
		stock file push -p "$D/a.sh" "$c/root/d1/d2/" --uid 7 --gid 8
		files GET "$c" root/d1
		assert "$http $(header type) $(header uid):$(header gid)" = "200 directory 7:8"
		assert "$(field '.metadata[0]')" = d2
		stock_refused "Not Found" file pull "$c/root/nosuch" "$D/x"
	done
	assert "$(in_container "$RUN" stat -c '%u:%g %a' /tmp/b)" = "1000:1001 640"
	assert "$(in_container "$RUN" /root/a.sh)" = hi
	assert "$(find "$BERTH_TEST_ROOT/lxc/$REST/rootfs" | wc -l)" = 1
	[[ -x $BERTH_TEST_ROOT/lxc/$DIR/rootfs/root/a.sh ]]
	assert "$(stat -c %u "$BERTH_TEST_ROOT/lxc/$DIR/rootfs/tmp/b")" = 1000 # the map is the mount's
	stock_refused "Instance not found" file push "$D/a.sh" nosuch/root/x
}

@test "trees: recursive push and pull, links, odd names, delete" {
	local c
	mkdir -p "$D/tree/sub dir/ümlaut" "$D/back"
	echo a >"$D/tree/a%41.txt"
	echo b >"$D/tree/sub dir/new
line"
	: >"$D/tree/sub dir/ümlaut/empty"
	ln -s "a%41.txt" "$D/tree/link"
	ln -s /nosuch "$D/tree/dangling"
	for c in "$RUN" "$REST"; do
		stock file push -r "$D/tree" "$c/root/"
		stock file push -r -p "$D/tree" "$c/root/x/y"
		rm -rf "$D/back/tree"
		stock file pull -r "$c/root/x/y/tree" "$D/back"
		diff -r --no-dereference "$D/tree" "$D/back/tree"
		stock file pull "$c/root/tree/link" -
		assert "$output" = a
		stock_refused "Can't pull a directory without --recursive" file pull "$c/root/tree" "$D/x"
		stock file pull "$c/root/tree/a%41.txt" "$c/root/tree/sub dir/ümlaut/empty" "$D/back"
		assert "$(cat "$D/back/a%41.txt")" = a
		stock_refused 'sftp: "remove /root/tree: directory not empty" (SSH_FX_FAILURE)' file delete "$c/root/tree"
		stock file delete "$c/root/tree/link" "$c/root/tree/a%41.txt"
		stock_refused "Not Found" file delete "$c/root/tree/link"
		stock file push "$D/tree/a%41.txt" "$D/tree/sub dir/new
line" "$c/tmp/"
		stock file edit "$c/tmp/a%41.txt" <<<edited
		stock file pull "$c/tmp/a%41.txt" -
		assert "$output" = edited
	done
}

@test "the API: append, folders, links, what is refused" {
	local c
	for c in "$RUN" "$REST"; do
		files POST "$c" /tmp/log --data-binary one
		assert "$http" = 200
		files POST "$c" /tmp/log -H 'X-LXD-write: append' --data-binary two
		files GET "$c" /tmp/log
		assert "$body" = onetwo
		files POST "$c" /tmp/nosuch -H 'X-LXD-write: append' --data-binary two
		assert "$http $(field .error)" = "404 Not Found"
		files POST "$c" /tmp/log -H 'X-LXD-write: sideways' --data-binary two
		assert "$http $(field .error)" = "400 Bad file write mode: sideways"
		files POST "$c" /tmp/log -H 'X-Incus-type: socket' --data-binary two
		assert "$http $(field .error)" = "400 Bad file type: socket"
		files POST "$c" /tmp/log -H 'X-LXD-mode: 9' --data-binary two
		assert "$http" = 400
		files POST "$c" '' --data-binary two
		assert "$http $(field .error)" = "400 Missing path argument"
		files POST "$c" /tmp --data-binary two
		assert "$http $(field .error)" = '500 sftp: "open /tmp: is a directory" (SSH_FX_FAILURE)'
		files POST "$c" /tmp/log/x --data-binary two
		assert "$http $(field .error)" = '500 sftp: "open /tmp/log/x: not a directory" (SSH_FX_FAILURE)'
		files POST "$c" /tmp/dir -H 'X-LXD-type: directory'
		files POST "$c" /tmp/dir -H 'X-LXD-type: directory' -H 'X-LXD-mode: 0700'
		assert "$http" = 200
		files GET "$c" /tmp/dir
		assert "$(header mode) $(jq -c .metadata <<<"$body")" = "0750 []"
		files POST "$c" /tmp/ln -H 'X-LXD-type: symlink' --data-binary log
		files POST "$c" /tmp/ln -H 'X-LXD-type: symlink' --data-binary log
		assert "$http" = 200
		files POST "$c" /tmp/ln -H 'X-LXD-type: symlink' --data-binary other
		assert "$http" = 500
		files GET "$c" /tmp/ln
		assert "$(header type) $body" = "symlink log"
		files POST "$c" /tmp/ln --data-binary through
		files GET "$c" /tmp/log
		assert "$body" = through
		files HEAD "$c" /tmp/log -I
		assert "$http $(header type)" = "200 file"
		files DELETE "$c" /
		assert "$http" = 500
	done
	# of /proc, whose sizes are all 0
	files GET "$RUN" /proc/1/comm
	assert "$body" = init
}

@test "a hostile tree: links stay inside, what is no file is not opened" {
	in_container "$RUN" sh -c 'mkfifo /tmp/fifo; ln -s /../../../../../../../../etc/passwd /tmp/out; ln -s ../../.. /tmp/up
		ln -s loop /tmp/loop; ln -s /proc/1/root/etc /tmp/magic'
	files GET "$RUN" /tmp/fifo
	assert "$http" = 400
	files POST "$RUN" /tmp/fifo --data-binary x
	assert "$http" = 400
	echo inside >"$D/passwd"
	files POST "$RUN" /tmp/out --data-binary inside
	assert "$http" = 200
	assert "$(in_container "$RUN" cat /etc/passwd)" = inside
	grep -q ^root: /etc/passwd
	files POST "$RUN" /tmp/up --data-binary x
	assert "$http" = 500
	files GET "$RUN" "/tmp/up/../../../../../../../$BERTH_TEST_ROOT/berth.conf"
	assert "$http" = 404
	files POST "$RUN" /tmp/loop --data-binary x
	assert "$http $(field .error)" = '500 sftp: "open /tmp/loop: too many levels of symbolic links" (SSH_FX_FAILURE)'
	files GET "$RUN" /tmp/magic/hostname
	assert "$http" = 500
	files GET "$RUN" /dev/null
	assert "$http" = 400
}

# mount_listen INSTANCE: `lxc file mount` as an SSH server on a port of its own; $port, $password, $mounter.
mount_listen() {
	: >"$D/mount.log"
	LXD_SOCKET="$BERTH_SOCKET" LXD_CONF="$BERTH_TEST_ROOT/lxc-conf" \
		setsid lxc file mount "$1" --listen 127.0.0.1:0 >"$D/mount.log" 2>&1 </dev/null 3>&- 4>&- &
	mounter=$!
	wait_for 10 grep -q 'password' "$D/mount.log" || die "FAIL: lxc file mount does not listen: $(cat "$D/mount.log")"
	cat "$D/mount.log" >&2
	port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\).*/\1/p' "$D/mount.log" | head -n 1)
	user=$(sed -n 's/.*username "\([^"]*\)".*/\1/p' "$D/mount.log")
	password=$(sed -n 's/.*password "\([^"]*\)".*/\1/p' "$D/mount.log")
}

# sftp_batch: commands from stdin
sftp_batch() {
	cat >"$D/batch"
	printf '#!/bin/sh\necho "%s"\n' "$password" >"$D/askpass"
	chmod 700 "$D/askpass"
	SSH_ASKPASS="$D/askpass" SSH_ASKPASS_REQUIRE=force timeout -k 5 60 sftp -q -P "$port" -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null -o BatchMode=no -o NumberOfPasswordPrompts=1 -b "$D/batch" "$user@127.0.0.1" 2>&1
}

@test "large files; SFTP: lxc file mount, running and stopped" {
	local c
	head -c 5000000 /dev/urandom >"$D/big"
	for c in "$RUN" "$REST"; do
		stock file push "$D/big" "$c/root/large" # more than sockets hold: the client is stopped and goes on
		stock file pull "$c/root/large" "$D/large"
		cmp "$D/big" "$D/large"
		files POST "$c" /root/large --data-binary "@$D/big" -H 'X-LXD-write: append'
		files GET "$c" /root/large
		cat "$D/big" "$D/big" | cmp - "$D/body"
	done
	for c in "$RUN" "$REST"; do
		mount_listen "$c"
		run sftp_batch <<-END
			cd /root
			mkdir s
			put $D/big s/big
			put $D/big s/second
			chmod 600 s/second
			rename s/second s/third
			ln -s big s/link
			get s/link $D/back
			ls -l s
			rm s/third
			pwd
		END
		echo "$output" >&2
		assert "$status" = 0
		cmp "$D/big" "$D/back"
		contains "$output" third
		contains "$output" "Remote working directory: /root"
		# what leads out of it ends at its root
		run sftp_batch <<<"get ../../../../../..$D/big $D/x"
		assert "$status" != 0
		kill "$mounter"
		wait "$mounter" || true
		wait_for 10 nothing helpers_left
	done
	files GET "$RUN" /root/s/link
	assert "$(header type) $body" = "symlink big"
	api GET "/1.0/instances/$RUN/sftp"
	assert "$http $(field .error)" = "400 Missing or invalid upgrade header"
}

# Programs that work on files of our instances: of stopped ones by their folder, of others by whose children they are.
helpers_left() {
	pgrep -a -f "berth-file .*$BERTH_TEST_ROOT"
	pgrep -a -P "$(daemon_pid)" -f berth-file
	true
}

# An SFTP session that does nothing until it is ended; what it was told in $D/hold.
hold_session() { # INSTANCE
	rm -f "$D/hold" # the one before had its 101, too
	/usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(100)
s.connect(sys.argv[1])
s.send(b"GET /1.0/instances/%s/sftp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: sftp\r\n\r\n" % sys.argv[2].encode())
while True:
    b = s.recv(4096)
    print(b[:12], flush=True)
    if not b:
        break' "$BERTH_SOCKET" "$1" >"$D/hold" 3>&- 4>&- &
	holder=$!
	wait_for 10 grep -q 'HTTP/1.1 101' "$D/hold"
}

@test "an SFTP session of a stopped instance makes way" {
	hold_session "$REST"
	files GET "$REST" /root
	assert "$http" = 409
	contains "$(field .error)" "mounted over SFTP"
	stock start "$REST"
	wait "$holder"
	wait_for 10 nothing helpers_left
	hold_session "$REST"
	stock stop -f "$REST"
	wait "$holder"
	files GET "$REST" /etc/hostname
	assert "$http" = 200
}

is_putting() {
	helpers_left | grep -q ' put '
}

# put_half INSTANCE: a client that has sent a part of /root/half and goes on when fd 7 is written to; $client.
put_half() {
	rm -f "$D/pipe"
	mkfifo "$D/pipe"
	curl -sS --unix-socket "$BERTH_SOCKET" -X POST -T "$D/pipe" -o "$D/body" -w '%{http_code}' \
		"http://unix.socket/1.0/instances/$1/files?path=/root/half" >"$D/status" 2>/dev/null 3>&- 4>&- &
	client=$!
	exec 7>"$D/pipe"
	head -c 200000 /dev/zero >&7
	wait_for 10 is_putting
}

half_is_old() { # INSTANCE
	wait_for 10 nothing helpers_left || die "FAIL: left: $(helpers_left)"
	files GET "$1" /root/half
	assert "$body" = old
	files GET "$1" /root
	assert "$(jq -c '.metadata | map(select(startswith(".berth")))' <<<"$body")" = "[]"
}

@test "cut short: the client leaves, berthd is killed, the container stops, the disk is full" {
	local c
	for c in "$RUN" "$REST"; do
		files POST "$c" /root/half --data-binary old
		put_half "$c"
		kill "$client"
		exec 7>&-
		half_is_old "$c"
		put_half "$c"
		daemon_kill
		exec 7>&-
		wait "$client" || true
		wait_for 10 nothing helpers_left
		daemon_start
		half_is_old "$c"
	done
	in_container "$RUN" sh -c 'mkdir -p /mnt; mount -t tmpfs -o size=64k none /mnt; echo old >/mnt/f'
	head -c 1000000 /dev/zero >"$D/million"
	files POST "$RUN" /mnt/f --data-binary "@$D/million"
	assert "$http $(field .error)" = '500 sftp: "write /mnt/f: no space left on device" (SSH_FX_FAILURE)'
	assert "$(in_container "$RUN" sh -c 'cat /mnt/f; ls -A /mnt')" = $'old\nf'
	put_half "$RUN"
	stock stop -f "$RUN"
	exec 7>&-
	wait "$client" || true
	assert "$(cat "$D/status")" != 200
	half_is_old "$RUN"
	stock start "$RUN"
}

@test "nothing is left behind" {
	leak_check
}
