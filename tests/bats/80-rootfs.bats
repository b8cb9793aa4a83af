#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# berth-rootfs, the program that LXC's hooks run, without berthd: mounts and their repair, live mounts into a hostile
# container, copies with shifted owners, and real containers started by lxc-start alone.

load helpers

BASE=1000000
MAP=$BASE:65536

setup_file() {
	ROOT=$(mktemp -d /tmp/berth-rootfs.XXXX)
	chmod 755 "$ROOT"
	IMAGE_FILE=$(busybox_image)
	mkdir -p "$ROOT/image" "$ROOT/lxc"
	tar xzf "$IMAGE_FILE" --numeric-owner -C "$ROOT/image"
	export ROOT IMAGE=$ROOT/image/rootfs RFS=$BERTH_BUILD/berth-rootfs
	export ASAN_OPTIONS=detect_leaks=0 # a hook ends by exit
}

teardown_file() {
	local dir
	[[ ${ROOT:-} == /tmp/berth-rootfs.* ]] || return 0
	for dir in "$ROOT"/*/churn; do
		[[ -e $dir ]] && kill -KILL "$(cat "$dir")" 2>/dev/null
	done
	for dir in "$ROOT"/lxc/*/; do
		[[ -e $dir/config ]] && lxc-stop -k -P "$ROOT/lxc" -n "$(basename "$dir")" 2>/dev/null
	done
	mounts | awk '{ print $5 }' | sort -r | xargs -r -n1 umount -l
	rm -rf --one-file-system "$ROOT" "/run/lxc/lock$ROOT"
}

setup() {
	D=$ROOT/i$BATS_TEST_NUMBER
	mkdir -p "$D"
	C=r${ROOT##*.}-$BATS_TEST_NUMBER
}

leaked_cgroups() {
	find /sys/fs/cgroup -depth -type d \( -path "*/lxc.monitor.r${ROOT##*.}-*" -o -path "*/lxc.payload.r${ROOT##*.}-*" \) 2>/dev/null
}

# What LXC's monitor process would have removed.
cgroups_swept() {
	leaked_cgroups | xargs -r rmdir 2>/dev/null || true
	nothing leaked_cgroups
}

mounts() {
	awk -v root="$ROOT/" 'index($5, root) == 1' /proc/self/mountinfo
}

mount_count() {
	mounts | wc -l
}

rfs() { # [RC] ARGUMENTS…
	local rc=0
	[[ $1 =~ ^[0-9]$ ]] && rc=$1 && shift
	run --separate-stderr timeout 300 "$RFS" "$@"
	printf '$ berth-rootfs %s\n%s\n%s\n' "$*" "$output" "$stderr" >&2
	[[ $status == "$rc" ]] || die "FAIL: exit status $status, expected $rc"
}

# container NAME [CONFIG LINES]: a config for lxc-start alone
container() {
	local dir=$ROOT/lxc/$1
	mkdir -p "$dir/rootfs"
	chown $BASE:$BASE "$dir"
	chmod 700 "$dir"
	cat >"$dir/config" <<-END
		lxc.include = /usr/share/lxc/config/common.conf
		lxc.include = /usr/share/lxc/config/userns.conf
		lxc.hook.post-stop =
		lxc.uts.name = $1
		lxc.apparmor.profile = unconfined
		lxc.idmap = u 0 $BASE 65536
		lxc.idmap = g 0 $BASE 65536
		lxc.rootfs.path = dir:$dir/rootfs
		lxc.hook.pre-start = $RFS mount --lower=$IMAGE --idmap=$MAP $dir
		lxc.hook.post-stop = $RFS umount $dir
		lxc.net.0.type = empty
		${2:-}
	END
}

lxc() { # TOOL NAME ARGUMENTS…
	local tool=$1 name=$2
	shift 2
	timeout -k 5 300 "lxc-$tool" -P "$ROOT/lxc" -n "$name" "$@" 3>&-
}

start() {
	lxc start "$1" -l DEBUG -o "$ROOT/lxc/$1/log"
}

# The mount goes a little after the container: the next test counts them.
end() {
	lxc stop "$C" -k
	wait_for 10 nothing mounts || die "FAIL: still mounted: $(mounts)"
}

init_of() {
	lxc info "$1" -pH
}

is_running() {
	[[ $(lxc info "$1" -sH) == RUNNING ]]
}

is_stopped() {
	[[ $(lxc info "$1" -sH) == STOPPED ]]
}

@test "a mount shows the image with shifted owners, and takes writes" {
	rfs mount --lower="$IMAGE" --idmap=$MAP "$D"
	assert "$(stat -c %u:%g "$D/rootfs/bin/busybox")" = $BASE:$BASE
	assert "$(stat -c %u:%a "$D/rootfs/")" = $BASE:755
	echo text >"$D/rootfs/etc/issue"
	assert "$(stat -c %u "$D/upper/etc/issue")" = $BASE
	contains "$(cat "$IMAGE/etc/issue")" "berth busybox"
	assert "$(mount_count)" -eq 1 "only the overlay stays mounted"
	rfs umount "$D"
	assert "$(mount_count)" -eq 0
}

@test "no device node of an image works in an instance with a map" {
	local lower=$ROOT/devices
	mkdir -p "$lower"
	mknod "$lower/null" c 1 3
	rfs mount --lower="$lower" --idmap=$MAP "$D"
	run bash -c ": <'$D/rootfs/null'"
	assert "$status" -ne 0
	rfs umount "$D"
	rm -rf "$D/upper"
	rfs mount --lower="$lower" --idmap=none "$D"
	: <"$D/rootfs/null"
	rfs umount "$D"
}

@test "mounting twice is once; another map or image replaces what is mounted" {
	rfs mount --lower="$IMAGE" --idmap=$MAP "$D"
	local id
	id=$(mounts | cut -d' ' -f1)
	rfs mount --lower="$IMAGE" --idmap=$MAP "$D"
	assert "$(mounts | cut -d' ' -f1)" = "$id"
	rfs mount --lower="$IMAGE" --idmap=2000000:65536 "$D"
	assert "$(stat -c %u "$D/rootfs/bin/busybox")" = 2000000
	mkdir "$ROOT/other"
	rfs mount --lower="$ROOT/other" --idmap=2000000:65536 "$D"
	[[ ! -e $D/rootfs/bin ]]
	assert "$(mount_count)" -eq 1
	rfs umount "$D"
	rfs umount "$D"
	assert "$(mount_count)" -eq 0
}

@test "what a killed predecessor left is repaired" {
	rfs mount --lower="$IMAGE" --idmap=$MAP "$D"
	mount --bind "$IMAGE" "$D/lower"
	mount --bind "$IMAGE" "$D/lower"
	rfs mount --lower="$IMAGE" --idmap=$MAP "$D"
	assert "$(mount_count)" -eq 1
	mount --bind "$IMAGE" "$D/lower"
	mount --bind "$IMAGE" "$D/rootfs"
	rfs umount "$D"
	assert "$(mount_count)" -eq 0
}

@test "killed at any instant: the next call repairs it" {
	local i pid
	for ((i = 0; i < 150; i++)); do
		"$RFS" mount --lower="$IMAGE" --idmap=$MAP "$D" 3>&- &
		pid=$!
		for ((n = 0; n < RANDOM % 400; n++)); do :; done
		kill -KILL $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		if ((i % 2)); then
			"$RFS" mount --lower="$IMAGE" --idmap=$MAP "$D"
			[[ $(mount_count) == 1 ]]
		fi
		"$RFS" umount "$D"
		[[ $(mount_count) == 0 ]]
	done
}

@test "two at once do not disturb each other" {
	local i
	for ((i = 0; i < 20; i++)); do
		printf '%s\n' 1 2 3 4 5 6 | xargs -P 6 -I{} "$RFS" mount --lower="$IMAGE" --idmap=$MAP "$D"
		assert "$(mount_count)" -eq 1
		printf '%s\n' 1 2 3 | xargs -P 3 -I{} "$RFS" umount "$D"
		assert "$(mount_count)" -eq 0
	done
}

@test "200 rounds leave nothing behind" {
	local i
	for ((i = 0; i < 200; i++)); do
		"$RFS" mount --lower="$IMAGE" --idmap=$MAP "$D"
		"$RFS" umount "$D"
	done
	assert "$(mount_count)" -eq 0
	wait_for 5 bash -c '! pgrep -x berth-rootfs --parent 1' || die "FAIL: processes stay behind"
}

@test "a busy mount is detached, and that is said" {
	rfs mount --lower="$IMAGE" --idmap=$MAP "$D"
	(cd "$D/rootfs" && exec sleep 100) 3>&- &
	local pid=$!
	wait_for 5 bash -c "[[ \$(readlink /proc/$pid/cwd) == $D/rootfs ]]"
	rfs umount "$D"
	kill $pid
	contains "$stderr" "in use"
	assert "$(mount_count)" -eq 0
}

@test "odd and long names are no problem" {
	local odd long
	odd="$D/a b,c:d\\e'é"
	mkdir -p "$odd/i" "$odd/l,o:w/sub"
	rfs mount --lower="$odd/l,o:w" --idmap=5000:100 "$odd/i"
	assert "$(stat -c %u "$odd/i/rootfs/sub")" = 5000
	rfs umount "$odd/i"
	long=$D
	while ((${#long} < 3500)); do long+=/$(printf '%0200d' 7); done
	mkdir -p "$long/i" "$long/low/sub"
	rfs mount --lower="$long/low" --idmap=5000:100 "$long/i"
	assert "$(stat -c %u "$long/i/rootfs/sub")" = 5000
	rfs umount "$long/i"
	assert "$(mount_count)" -eq 0
}

@test "errors say what is wrong and leave nothing mounted" {
	rfs 1 mount --lower=/nosuch --idmap=$MAP "$D"
	contains "$stderr" "'/nosuch'"
	rfs 1 mount --lower=/proc --idmap=$MAP "$D"
	contains "$stderr" "no idmapped mounts"
	rfs 2 mount --lower="$IMAGE" --idmap=1:x "$D"
	contains "$stderr" "BASE:SIZE"
	rfs 2 mount --lower="$IMAGE" "$D"
	contains "$stderr" "--idmap is missing"
	rfs 1 mount --lower="$IMAGE" --idmap=$MAP "$D/nosuch"
	rm -rf "$D/upper"
	echo >"$D/upper"
	rfs 1 mount --lower="$IMAGE" --idmap=$MAP "$D"
	contains "$stderr" "not a directory"
	rfs umount /nosuch
	mkdir "$D/bin"
	mknod "$D/disk" b 240 0
	printf '#!/usr/bin/env python3\n%s\n' 'import os, signal' 'signal.alarm(0) and os.kill(os.getpid(), signal.SIGALRM)' >"$D/bin/blkid"
	chmod +x "$D/bin/blkid"
	PATH=$D/bin:$PATH rfs 1 attach --pid=1 --source="$D/disk" --target=/x
	contains "$stderr" "'blkid' did not say within" "its alarm clock was set, and rang"
	rfs 2 nosuch
	rfs 2
	rfs --help
	contains "$output" "idmap-copy"
	assert "$(mount_count)" -eq 0
}

@test "as a post-stop hook, umount never fails" {
	echo >"$D/file"
	rfs 1 umount "$D/file"
	LXC_HOOK_TYPE=post-stop rfs umount "$D/file"
	contains "$stderr" "berth-rootfs:"
}

@test "probe tells what works here and cleans up" {
	rfs probe "$D"
	assert "$output" = "idmapped=1 overlay=1"
	assert "$(ls -A "$D")" = ""
	# one that was killed left this; or is still at it
	mkdir -p "$D/.berth-probe-aBcDeF/instance/work/work" "$D/.berth-probe-of-yours"
	chmod 0 "$D/.berth-probe-aBcDeF/instance/work/work"
	flock -s "$D" "$RFS" probe "$D"
	[[ -d $D/.berth-probe-aBcDeF ]]
	rfs probe "$D"
	assert "$(ls -A "$D")" = .berth-probe-of-yours
	rmdir "$D/.berth-probe-of-yours"
	rfs probe /proc || true
	assert "$(mount_count)" -eq 0
}

@test "a container starts, reboots from inside, stops and is killed; its mount goes with it" {
	container "$C"
	start "$C"
	assert "$(lxc attach "$C" -- stat -c %u /bin/busybox)" = 0
	lxc attach "$C" -- sh -c 'echo kept >/root/file'
	local pid
	pid=$(init_of "$C")
	lxc attach "$C" -- reboot -f || true
	rebooted() { local now; now=$(init_of "$C") && [[ -n $now && $now != "$pid" ]]; }
	wait_for 20 rebooted
	wait_for 10 is_running "$C"
	assert "$(lxc attach "$C" -- cat /root/file)" = kept
	assert "$(mount_count)" -eq 1
	wait_init "$C" "$ROOT/lxc"
	lxc stop "$C" --nokill -t 120
	wait_for 5 nothing mounts || die "FAIL: mounted after a clean stop: $(mounts)"
	start "$C"
	end
}

@test "a killed monitor leaks the mount, and the next start uses or repairs it" {
	container "$C"
	start "$C"
	local init monitor
	init=$(init_of "$C")
	monitor=$(awk '$1 == "PPid:" { print $2 }' "/proc/$init/status")
	kill -KILL "$monitor"
	wait_for 10 process_gone "$init"
	wait_for 10 is_stopped "$C"
	assert "$(mount_count)" -eq 1
	start "$C"
	assert "$(lxc attach "$C" -- stat -c %u /bin/busybox)" = 0
	end
	wait_for 10 cgroups_swept || die "FAIL: in use: $(leaked_cgroups)"
}

@test "the fresh image: SIGPWR halts it, SIGINT reboots it" {
	container "$C"
	start "$C"
	local pid
	pid=$(init_of "$C")
	wait_init "$C" "$ROOT/lxc"
	lxc stop "$C" -r -t 120
	rebooted() { local now; now=$(init_of "$C") && [[ -n $now && $now != "$pid" ]]; }
	wait_for 20 rebooted
	wait_init "$C" "$ROOT/lxc"
	lxc attach "$C" -- sh -c 'grep -q "^root:\*:" /etc/shadow && [ "$(cat /proc/1/comm)" = init ]'
	lxc stop "$C" --nokill -t 120
	wait_for 5 is_stopped "$C"
}

@test "live mounts: owners shifted, read-only stays read-only, files and folders are made by the container's root" {
	container "$C"
	start "$C"
	local init
	init=$(init_of "$C")
	mkdir -p "$D/src/sub"
	chmod 700 "$D/src"
	echo hello >"$D/src/file"
	rfs attach --pid="$init" --source="$D/src" --target=/mnt/a/b --idmap=$MAP --create=dir
	rfs attach --pid="$init" --source="$D/src" --target=/mnt/a/b --idmap=$MAP --create=dir
	assert "$(lxc attach "$C" -- stat -c %u /mnt/a /mnt/a/b/file | tr '\n' ' ')" = "0 0 "
	assert "$(lxc attach "$C" -- grep -c ' /mnt/a/b ' /proc/mounts)" = 1
	lxc attach "$C" -- sh -c 'echo from inside >/mnt/a/b/new'
	assert "$(stat -c %u "$D/src/new")" = 0
	rfs attach --pid="$init" --source="$D/src" --target=/mnt/ro --idmap=$MAP --create=dir --readonly
	run lxc attach "$C" -- sh -c 'mount -o remount,bind,rw /mnt/ro; echo x >/mnt/ro/x'
	assert "$status" -ne 0
	[[ ! -e $D/src/x ]]
	rfs attach --pid="$init" --source="$D/src/file" --target=/etc/some/file --create=file
	assert "$(lxc attach "$C" -- cat /etc/some/file)" = hello
	rfs attach --pid="$init" --source="$D/nosuch" --target=/mnt/c --create=dir --optional
	rfs 1 attach --pid="$init" --source="$D/nosuch" --target=/mnt/c --create=dir
	rfs detach --pid="$init" --target=/mnt/a/b
	rfs detach --pid="$init" --target=/mnt/a/b
	rfs detach --pid="$init" --target=/never/was
	assert "$(lxc attach "$C" -- ls /mnt/a/b)" = ""
	rfs detach --pid="$init" --target=/etc/some/file
	end
}

@test "live mounts: a hostile container cannot lead them astray" {
	container "$C"
	start "$C"
	local init target
	init=$(init_of "$C")
	mkdir -p "$D/src"
	lxc attach "$C" -- sh -c "ln -s / /slash; ln -s /proc/1/root /magic; mkdir /q; ln -s $ROOT /q/x; echo >/plain; mkdir /full"
	for target in /slash/etc /magic/etc /q/x /q/x/y /plain /plain/x /../../etc /q/../etc / '' . etc/../.. /proc/1/root/mnt /proc/self/fd/0; do
		run --separate-stderr "$RFS" attach --pid="$init" --source="$D/src" --target="$target"
		assert "$status" -ne 0 "attach at '$target'"
		run --separate-stderr "$RFS" attach --pid="$init" --source="$D/src" --target="$target" --create=dir
		assert "$status" -ne 0 "attach at '$target', made"
	done
	rfs 2 attach --pid="$init" --source="$IMAGE/etc/issue" --target=/full
	contains "$stderr" "is a folder"
	run --separate-stderr "$RFS" attach --pid=$$ --source="$D/src" --target=/mnt
	contains "$stderr" "not in a container"
	rfs 1 attach --pid=4194304 --source="$D/src" --target=/mnt
	[[ ! -e $ROOT/y && ! -e /etc/some ]]
	assert "$(mount_count)" -eq 1
	assert "$(lxc attach "$C" -- grep -c -e slash -e magic -e /q -e plain /proc/mounts || true)" = 0
	end
}

@test "disks of a config are mounted by the hook start-host" {
	mkdir -p "$D/src"
	echo data >"$D/src/file"
	container "$C" "lxc.hook.version = 1
lxc.hook.start-host = $RFS attach --source=$D/src --target=/data/x --create=dir --readonly --idmap=$MAP --pid=\$LXC_PID"
	start "$C"
	assert "$(lxc attach "$C" -- cat /data/x/file)" = data
	run lxc attach "$C" -- sh -c 'mount -o remount,bind,rw /data/x; echo x >/data/x/y'
	assert "$status" -ne 0
	end
}

@test "a privileged container: no map, device nodes work" {
	container "$C"
	sed -i "/lxc.idmap/d; /userns.conf/d; s/--idmap=$MAP/--idmap=none/" "$ROOT/lxc/$C/config"
	start "$C"
	assert "$(stat -c %u "$ROOT/lxc/$C/rootfs/bin/busybox")" = 0
	mkdir -p "$D/src"
	rfs attach --pid="$(init_of "$C")" --source="$D/src" --target=/mnt/a --create=dir
	lxc attach "$C" -- touch /mnt/a/x
	[[ -e $D/src/x ]]
	end
}

@test "a copy keeps everything and shifts every id" {
	local s=$D/src d=$D/dst
	mkdir -p "$s/d/e"
	chmod 1777 "$s/d"
	(
		cd "$s"
		echo data >f
		ln f d/hard
		ln -s /nowhere link
		mkfifo fifo
		mknod null c 1 3
		ln null null2
		truncate -s 50M sparse
		echo end >>sparse
		cp /bin/busybox suid
		chown 33:44 suid
		chmod 6755 suid
		cp /bin/busybox cap
		setcap cap_net_raw+ep cap
		chown -h 5:6 link
		touch -h -d '2001-02-03 04:05:06.123456' link f
		setfattr -n user.x -v y f
		setfattr -n trusted.z -v y f
		setfacl -m u:1000:rwx -d -m g:50:rx d
		mkdir "$(printf '%0255d' 0)"
		touch "$(printf 'n\ne\x80')"
	)
	rfs idmap-copy --lower="$s" --idmap=$MAP "$d"
	contains "$stderr" "left out 2 device nodes"
	local format='%U:%G %p %y %m %s %l %n %T@\n' odd=$'n\n*'
	diff <(cd "$s" && find . -not -name 'null*' -not -name "$odd" -printf "$format" | sort) \
		<(cd "$d" && find . -not -name "$odd" -printf "$format" | awk -v b=$BASE \
			'{ split($1, id, ":"); sub(/^[^ ]*/, id[1] - b ":" id[2] - b); print }' | sort) >&2
	diff -r --no-dereference --exclude='null*' --exclude=fifo "$s" "$d" >&2
	assert "$(stat -c %h "$d/f")" = 2
	assert "$(stat -c %b "$d/sparse")" -lt 1000
	assert "$(getcap -n "$d/cap")" =~ "cap_net_raw=ep .rootid=$BASE"
	assert "$(getfattr --only-values -n user.x "$d/f")" = y
	run getfattr -n trusted.z "$d/f"
	assert "$status" -ne 0
	contains "$(getfacl -np "$d/d")" "user:1001000:rwx"
	contains "$(getfacl -np "$d/d")" "default:group:1000050:r-x"
	rfs 1 idmap-copy --lower="$s" --idmap=$MAP "$d"
	contains "$stderr" "not empty"
	rfs 1 idmap-copy --lower="$s" --idmap=$BASE:20 "$D/small"
	contains "$stderr" "beyond the 20 ids"
	rfs idmap-copy --lower="$s" --idmap=none "$D/plain"
	[[ -c $D/plain/null ]]
}

@test "shift: owners, setuid bits, capabilities and ACLs, also of a run that was cut short" {
	local t=$D/t before
	mkdir -p "$t/deep/dir"
	(
		cd "$t" || exit
		touch f cap suid strange 'done'
		ln f h
		ln -s nowhere link
		mkfifo fifo
		mknod whiteout c 0 0
		setcap cap_net_raw+ep cap
		setfacl -m u:1000:rwx -d -m g:50:rx deep
		chmod 2775 deep/dir
		chown -hR 1005:1006 .
		chown 0:0 strange
		chown 900000:900000 whiteout
		chmod 4755 suid
		chmod 2775 deep/dir
		setcap cap_net_raw+ep cap
	)
	chown -hR --from=1005 "$((BASE + 5)):$((BASE + 6))" "$t"
	chown "$((BASE + 0)):$((BASE + 0))" "$t/strange"
	chmod 4755 "$t/suid"
	chmod 2775 "$t/deep/dir"
	setcap cap_net_raw+ep "$t/cap"
	# cut short: the owner is changed, the mode not yet given back
	setfattr -n trusted.berth.shift -v 0xed090000 "$t/done" # 04755
	chown 5:6 "$t/done"
	rfs shift --idmap=$MAP --to=none "$t"
	assert "$(stat -c '%u:%g %a' "$t/suid" "$t/deep/dir" "$t/strange" "$t/whiteout" "$t/done" "$t/link" | tr '\n' ' ')" \
		= "5:6 4755 5:6 2775 0:0 644 900000:900000 644 5:6 4755 5:6 777 "
	assert "$(stat -c '%h %u' "$t/f")" = "2 5"
	assert "$(getcap "$t/cap")" =~ cap_net_raw=ep$
	run getfattr -m trusted.berth -d "$t/done" "$t/suid"
	assert "$output" = ""
	rfs shift --idmap=none --to=$MAP "$t"
	assert "$(stat -c '%u:%g %a' "$t/suid" "$t/strange" "$t/done" | tr '\n' ' ')" \
		= "$((BASE + 5)):$((BASE + 6)) 4755 $BASE:$BASE 644 $((BASE + 5)):$((BASE + 6)) 4755 "
	assert "$(getcap -n "$t/cap")" =~ "cap_net_raw=ep .rootid=$BASE"
	contains "$(getfacl -np "$t/deep")" "user:$((BASE + 1000)):rwx"
	before=$(exact "$t")
	rfs shift --idmap=$MAP --to=none "$t"
	contains "$(getfacl -np "$t/deep")" "user:1000:rwx"
	rfs shift --idmap=none --to=$MAP "$t"
	assert "$(exact "$t")" = "$before"
	# a second time nothing changes
	rfs shift --idmap=none --to=$MAP "$t"
	assert "$(exact "$t")" = "$before"
	rfs 2 shift --idmap=$MAP --to=$((BASE + 5)):65536 "$t"
	contains "$stderr" "overlap"
	rfs 2 shift --idmap=$MAP "$t"
	rm -r "$t"
}

# All that tells two trees apart.
exact() { # DIR
	(cd "$1" && find . -printf '%P %y %m %U:%G %n %T@ ' \( -type d -printf '\n' -o \( -type c -o -type b \) -exec stat -c %t:%T {} \; \
		-o -type f -printf '%s\n' -o -printf '%l\n' \) | sort)
	(cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2)
	(cd "$1" && getfattr -hRd -m - . 2>/dev/null)
}

@test "a copy in two passes: whatever changed in between, the copy is what is there at the end" {
	local s=$D/src d=$D/dst note=$D/note ino
	mkdir -p "$s"/{same,gone/deep,moved,a,b,acl,file-to-dir,dir-to-file,opaque}
	(
		cd "$s"
		for i in same/f gone/deep/f moved/f a/f b/f file-to-link dir-to-file/f grows shrinks content mode owner xattr linked1 \
			single breaks1 same/hard1 acl/f; do echo "$i" >$i; done
		rmdir file-to-dir && echo x >file-to-dir
		ln linked1 linked2 && ln breaks1 breaks2 && ln same/hard1 same/hard2
		ln -s old link && mkfifo pipe && mknod whiteout c 0 0 && cp /bin/busybox cap && setcap cap_net_raw+ep cap
		setfattr -n user.a -v 1 xattr && setfattr -n user.d -v 1 same && setfattr -n trusted.overlay.opaque -v y opaque
		touch -d '2001-02-03 04:05:06.123456' same/f content
		truncate -s 5M holes
	)
	rfs live-copy --source="$s" --note="$note" "$d"
	diff <(exact "$s") <(exact "$d") >&2
	mkdir "$D/loose"
	rfs loose-copy --source="$s" "$D/loose" # a copy in one, likewise
	diff <(exact "$s") <(exact "$D/loose") >&2
	ino=$(stat -c %i "$d/same/f" "$d/same/hard1")
	(
		cd "$s"
		rm -r gone && mv moved moved2 && mv a t && mv b a && mv t b
		rm file-to-link && ln -s same file-to-link
		rm file-to-dir && mkdir file-to-dir && echo y >file-to-dir/y
		rm -r dir-to-file && echo z >dir-to-file
		echo more >>grows && truncate -s 1 shrinks
		echo CONTENT >content && touch -d '2001-02-03 04:05:06.123456' content # the same size and mtime
		chmod 4755 mode && chown 3:4 owner && setfattr -x user.a xattr && setfattr -n user.b -v 2 xattr
		rm linked1 && echo alone >linked1 && ln single single2 && rm breaks2
		ln -sfn new link && rm whiteout && setcap -r cap && setfattr -x user.d same && setfattr -x trusted.overlay.opaque opaque
		mknod a/whiteout c 0 0 && mkdir new && echo n >new/n
		setfacl -m u:1000:rwx -d -m g:50:rx acl && echo g >acl/g && chmod 600 acl/g && setfacl -b acl/g
		echo end >>holes
	)
	rfs rest-copy --source="$s" --note="$note" "$d"
	diff <(exact "$s") <(exact "$d") >&2
	assert "$(stat -c %i "$d/same/f" "$d/same/hard1")" = "$ino" "what did not change was not copied again"
	assert "$(stat -c %b "$d/holes")" -lt 1000
	rfs rest-copy --source="$s" --note="$note" "$d"
	diff <(exact "$s") <(exact "$d") >&2
	rfs 1 live-copy --source="$s" --note="$note" "$D/other"
	contains "$stderr" "File exists"
	echo nonsense >"$note"
	rfs 2 rest-copy --source="$s" --note="$note" "$d"
	rfs 2 rest-copy --source="$s" "$d"
	rfs 1 rest-copy --source="$s" --note="$D/nosuch" "$d"
}

# Makes, links, renames and removes files below the folder until it is killed.
CHURN='
import os, shutil, sys
n, top = 0, sys.argv[1]
def quietly(f, *a):
    try: f(*a)
    except OSError: pass
while True:
    d, n = f"{top}/d{n % 7}", n + 1
    quietly(os.makedirs, d + "/e")
    with open(d + "/e/f", "a") as f: f.write(f"{n}\n")
    quietly(os.unlink, f"{top}/l{n % 5}")
    quietly(os.link, d + "/e/f", f"{top}/l{n % 5}")
    quietly(os.symlink, "/", d + "/e/link")
    quietly(os.rename, d, f"{top}/m{n % 2}")
    shutil.rmtree(f"{top}/d{(n + 3) % 7}", True)
    shutil.rmtree(f"{top}/m{(n + 1) % 2}", True)
'

is_process_state() { # PID STATE
	grep -q "^State:[[:space:]]*$2" "/proc/$1/status"
}

@test "the first of two passes runs over a tree that changes under its hands" {
	local s=$D/src d=$D/dst i
	mkdir -p "$s"
	python3 -c "$CHURN" "$s" 3>&- &
	echo $! >"$D/churn"
	disown
	for i in 1 2 3 4 5 6 7 8; do
		rm -rf "$d" "$D/note"
		rfs live-copy --source="$s" --note="$D/note" "$d"
		kill -STOP "$(cat "$D/churn")"
		wait_for 5 is_process_state "$(cat "$D/churn")" T
		rfs rest-copy --source="$s" --note="$D/note" "$d"
		diff <(exact "$s") <(exact "$d") >&2
		kill -CONT "$(cat "$D/churn")"
	done
	kill -KILL "$(cat "$D/churn")"
}

# Names, owners, modes, links and times below a folder, its owners less $2.
tree_facts() { # DIR BASE
	(cd "$1" && find . -printf '%U:%G %p %y %m %l %n %T@ %s\n' | awk -v b="$2" \
		'{ split($1, id, ":"); sub(/^[^ ]*/, id[1] - b ":" id[2] - b); if ($3 == "d") $5 = $NF = ""; print }' | sort)
}

same_tree() { # OVERLAY COPY BASE: the copy's ids lie BASE below the overlay's
	diff <(tree_facts "$1" "$3") <(tree_facts "$2" 0) >&2
	diff -r --no-dereference --exclude=fifo "$1" "$2" >&2
}

@test "a merged copy is what the overlay shows, with the ids of the target" {
	local image=$D/image inst=$D/c
	local root=$inst/rootfs
	mkdir -p "$image"/{moved/deep,emptied,opaque} "$inst"
	(
		cd "$image"
		echo gone >gone
		echo kept >emptied/kept
		echo old >opaque/old
		echo deep >moved/deep/file
		echo pair >one && ln one two
		cp /bin/busybox cap && setcap cap_net_raw+ep cap
		setfacl -m u:1000:rwx emptied
		truncate -s 50M sparse && echo end >>sparse
		chown 33:44 one
		touch -d '2001-02-03 04:05:06.123456' one
	)
	rfs mount --lower="$image" --idmap=$MAP "$inst"
	(
		cd "$root"
		rm -r gone opaque
		mkdir opaque && echo new >opaque/new
		mv moved renamed
		echo more >>cap2 && chown $((BASE + 7)):$((BASE + 8)) cap2 && chmod 6755 cap2
		cp /bin/busybox capped && chown $BASE:$BASE capped && setcap -n $BASE cap_net_admin+ep capped
		echo first >three && ln three four && chown $((BASE + 9)) three
		setfattr -n user.x -v y three
		ln -s /nowhere link && chown -h $((BASE + 5)):$((BASE + 6)) link
		mkfifo fifo
		truncate -s 40M sparse2 && echo end >>sparse2
		chown $BASE:$BASE opaque opaque/new fifo sparse2 && chgrp $BASE three
		setfacl -m u:$((BASE + 2000)):r three
	)
	rfs merged-copy --source="$inst" --lower="$image" --idmap=$MAP --to=none "$D/mounted"
	same_tree "$root" "$D/mounted" $BASE
	rfs merged-copy --source="$inst" --lower="$image" --idmap=$MAP --to=3000000:65536 "$D/shifted"
	rfs umount "$inst"
	rfs merged-copy --source="$inst" --lower="$image" --idmap=$MAP --to=none "$D/plain"
	assert "$(mount_count)" -eq 0
	same_tree "$D/mounted" "$D/plain" 0
	same_tree "$D/shifted" "$D/plain" 3000000
	[[ ! -e $D/plain/gone && ! -e $D/plain/opaque/old && ! -e $D/plain/moved ]]
	assert "$(cat "$D/plain/renamed/deep/file")" = deep
	assert "$(stat -c '%u:%g %a' "$D/plain/cap2")" = "7:8 6755"
	assert "$(stat -c %i "$D/plain/three")" = "$(stat -c %i "$D/plain/four")"
	assert "$(stat -c %i "$D/plain/one")" = "$(stat -c %i "$D/plain/two")"
	assert "$(stat -c %b "$D/plain/sparse")" -lt 1000
	assert "$(stat -c %b "$D/plain/sparse2")" -lt 1000
	assert "$(getcap -n "$D/plain/cap" "$D/plain/capped")" = \
		"$D/plain/cap cap_net_raw=ep"$'\n'"$D/plain/capped cap_net_admin=ep"
	assert "$(getcap -n "$D/shifted/capped")" =~ "rootid=3000000"
	assert "$(getfattr --only-values -n user.x "$D/plain/four")" = y
	contains "$(getfacl -np "$D/plain/three")" "user:2000:r--"
	contains "$(getfacl -np "$D/plain/emptied")" "user:1000:rwx"
	contains "$(getfacl -np "$D/shifted/three")" "user:3002000:r--"
}

@test "a merged copy of a privileged instance, and what is refused" {
	local image=$D/image inst=$D/c
	mkdir -p "$image" "$inst"
	mknod "$image/null" c 1 3
	rfs mount --lower="$image" --idmap=none "$inst"
	setfattr -n trusted.own -v y "$inst/rootfs/null"
	touch "$inst/rootfs/far" && chown 70000 "$inst/rootfs/far"
	setfattr -n trusted.own -v z "$inst/rootfs/far"
	rfs umount "$inst"
	rfs merged-copy --source="$inst" --lower="$image" --idmap=none --to=none "$D/same"
	[[ -c $D/same/null ]]
	assert "$(stat -c %u "$D/same/far")" = 70000
	assert "$(getfattr --only-values -n trusted.own "$D/same/far")" = z
	rfs 1 merged-copy --source="$inst" --lower="$image" --idmap=none --to=$MAP "$D/shifted"
	contains "$stderr" "far' names an owner beyond the 65536 ids"
	rfs 1 merged-copy --source="$inst" --lower="$D/nosuch" --idmap=none --to=none "$D/none"
	rfs 1 merged-copy --source="$D/nosuch" --lower="$image" --idmap=none --to=none "$D/none"
	rfs 2 merged-copy --source="$inst" --lower="$image" --idmap=none "$D/none"
	contains "$stderr" "--to is missing"
	(cd "$D" && rfs 2 merged-copy --source="$inst" --lower="$image" --idmap=none --to=none none)
	assert "$(mount_count)" -eq 0
	[[ ! -e $D/none ]]
}

@test "the busybox image: the same input gives the same bytes" {
	"$REPO/scripts/build-busybox-image" "$D/1.tar.gz"
	(cd / && TMPDIR=$D "$REPO/scripts/build-busybox-image" "$D/2.tar.gz")
	cmp "$D/1.tar.gz" "$D/2.tar.gz"
	contains "$(tar tzf "$D/1.tar.gz" | head -1)" metadata.yaml
	assert "$(tar tvzf "$D/1.tar.gz" | grep -c '^[cb]')" -eq 0
}

hi() {
	"$REPO/scripts/host-init" "$@" 3>&- 8>&-
}

shared_settings() { # but ip_forward, which networks of berthds that run meanwhile set
	cat /etc/subuid /etc/subgid
}

@test "host-init: twice is once, two side by side, undo takes everything back" {
	local n=$((RANDOM % 200 + 20)) before subnet1 subnet2 alone=
	subnet1=10.221.$n.0/24 subnet2=10.222.$n.0/24
	host_lock
	[[ -d /run/berth-host-init ]] || alone=yes
	before=$(shared_settings)
	hi --root "$D/a" --bridge "ha$n" --subnet $subnet1 --dry-run
	[[ ! -e $D/a && ! -e /sys/class/net/ha$n ]]
	hi --root "$D/a" --bridge "ha$n" --subnet $subnet1
	hi --root "$D/a" --bridge "ha$n" --subnet $subnet1
	hi --root "$D/b" --bridge "hb$n" --subnet $subnet2
	assert "$(cat /proc/sys/net/ipv4/ip_forward)" = 1
	grep -q '^root:' /etc/subuid
	contains "$(nft list table inet "berth_ha$n")" masquerade
	one_dnsmasq() { [[ $(pgrep -fc -- "--pid-file=$D/a/dnsmasq.pid") == 1 ]]; } # it forks to get into the background
	wait_for 5 one_dnsmasq
	run hi --root "$D/c" --bridge "hc$n" --subnet $subnet1
	assert "$status" -ne 0
	contains "$output" "is in use"
	run hi --root "$D/c" --bridge "ha$n" --subnet 10.223.$n.0/24
	assert "$status" -ne 0
	contains "$output" "was not made for"
	for bad in 10.1.2.3 10.1.2.3/24 10.1.0.0/8 300.1.1.0/24 10.1.1.0/30 x/24 10..1.0/24; do
		run hi --root "$D/c" --bridge "hc$n" --subnet $bad
		assert "$status" -ne 0 "subnet $bad"
	done
	hi --root "$D/c" --undo
	hi --root "$D/a" --undo
	hi --root "$D/a" --undo
	[[ ! -e /sys/class/net/ha$n && -e /sys/class/net/hb$n ]]
	assert "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 "the other one still needs it"
	hi --root "$D/b" --undo
	[[ ! -e /sys/class/net/hb$n ]]
	dnsmasqs() { pgrep -af -- "--pid-file=$D/"; }
	wait_for 5 nothing dnsmasqs || die "FAIL: a dnsmasq stays behind: $(dnsmasqs)"
	run grep -rls "^$D/" /run/berth-host-init
	assert "$output" = "" "what host-init remembers of who is set up"
	assert "$(nft list tables | grep -c "berth_h[abc]$n\$")" = 0 "tables"
	if [[ $alone && ! -d /run/berth-host-init ]]; then # nobody else was, or is, set up
		assert "$(shared_settings)" = "$before"
	fi
}

@test "host-init: a root deleted without undo is in nobody's way" {
	local n=$((RANDOM % 200 + 20))
	host_lock
	hi --root "$D/gone" --bridge "hg$n" --subnet 10.223.$n.0/24 --no-dhcp
	ip link delete "hg$n"
	nft delete table inet "berth_hg$n"
	mv "$D/gone/host-init.state" "$D/notes"
	hi --root "$D/a" --bridge "ha$n" --subnet 10.224.$n.0/24 --no-dhcp
	grep -h -e ^sysctl -e ^line "$D/notes" >>"$D/a/host-init.state" || true
	hi --root "$D/a" --undo
	run grep -rls "^$D/" /run/berth-host-init
	assert "$output" = ""
	[[ ! -e $D/a/host-init.state ]]
}

@test "nothing is left behind" {
	wait_for 10 nothing mounts || die "FAIL: mounted: $(mounts)"
	wait_for 10 nothing leaked_cgroups || die "FAIL: cgroups: $(leaked_cgroups)"
}
