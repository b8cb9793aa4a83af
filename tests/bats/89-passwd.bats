#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# berth passwd on real containers: busybox, Debian and a tree as Alpine has it; running and stopped, overlay and dir;
# hostile files; and that the password is nowhere but in the hash.

load helpers

setup_file_more() {
	local tree=$BERTH_TEST_ROOT/alpine
	mkdir -p "$BERTH_TEST_ROOT/alpine-image"
	# a busybox with the shadow of musl's distributions: no x for daemon, empty dates, no users but these
	mkdir "$tree"
	tar -xzf "$BUSYBOX_IMAGE" -C "$tree"
	printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'daemon:x:2:2:daemon:/sbin:/sbin/nologin' \
		'old::3:3:in passwd only:/:/bin/sh' 'open::4:4:empty here, a line there:/:/bin/sh' >"$tree/rootfs/etc/passwd"
	printf '%s\n' 'root:*::0:::::' 'daemon:!::0:::::' 'open:!:1:2:3:4:5:6:' >"$tree/rootfs/etc/shadow"
	chown 0:42 "$tree/rootfs/etc/shadow"
	chmod 640 "$tree/rootfs/etc/shadow"
	tar -czf "$BERTH_TEST_ROOT/alpine.tar.gz" -C "$tree" --numeric-owner .
	rm -r "$tree" "$BERTH_TEST_ROOT/alpine-image"
	"$BERTH" image import "$BERTH_TEST_ROOT/alpine.tar.gz" --alias alp >/dev/null
	rm "$BERTH_TEST_ROOT/alpine.tar.gz"
}

# The upper layer, or the tree.
file_of() { # NAME FILE
	local dir=$BERTH_TEST_ROOT/lxc/$1
	if [[ -d $dir/upper ]]; then
		echo "$dir/upper/etc/$2"
	else
		echo "$dir/rootfs/etc/$2"
	fi
}

field_of() { # NAME FILE USER FIELD
	awk -F: -v user="$3" -v n="$4" '$1 == user { print $n; exit }' "$(file_of "$1" "$2")"
}

# is_password NAME FILE USER PASSWORD
is_password() {
	local hash
	hash=$(field_of "$1" "$2" "$3" 2)
	assert "$hash" =~ '^\$6\$[./0-9A-Za-z]{16}\$[./0-9A-Za-z]{86}$'
	assert "$(perl -e 'chomp($p = <STDIN>); print crypt($p, $ARGV[0])' "$hash" <<<"$4")" = "$hash" "the hash of $3"
}

passwd() { # RC NAME USER PASSWORD
	local rc=$1
	run_berth "$rc" passwd "$2" "$3" < <(printf '%s\n' "$4")
}

@test "musl's shadow, stopped and running, on overlay and dir: owner, mode, dates and the others stay" {
	local c s today
	for s in overlay dir; do
		c=$(name "a$s")
		run_berth init alp "$c" -s "$s"
		passwd 0 "$c" root 'p:w 1é'
		is_password "$c" shadow root 'p:w 1é'
		today=$(($(date +%s) / 86400))
		assert "$(field_of "$c" shadow root 3)" -ge $((today - 1))
		assert "$(field_of "$c" shadow root 3)" -le "$today"
		assert "$(grep ^daemon: "$(file_of "$c" shadow)")" = 'daemon:!::0:::::'
		run_berth start "$c"
		assert "$(in_container "$c" stat -c '%u %g %a' /etc/shadow)" = "0 42 640"
		passwd 0 "$c" daemon two
		assert "$(in_container "$c" stat -c '%u %g %a' /etc/shadow)" = "0 42 640"
		is_password "$c" shadow daemon two
		is_password "$c" shadow root 'p:w 1é'
		assert "$(in_container "$c" sh -c 'ls -A /etc | grep -e + -e lock')" = .pwd.lock
		run_berth stop -f "$c"
		assert "$(leaked_mounts)" = ""
		# no x: where it is now; an open door beside a line in shadow is closed
		passwd 0 "$c" old three
		is_password "$c" passwd old three
		passwd 0 "$c" open four
		is_password "$c" shadow open four
		assert "$(field_of "$c" passwd open 2)" = x
		assert "$(field_of "$c" shadow open 4)" = 2 "what it says of expiry stays"
		run_berth delete "$c"
	done
}

@test "busybox, which has no shadow: etc/passwd, as its own passwd does; and its own login takes it" {
	local c had
	c=$(name b)
	launch "$c"
	had=$(in_container "$c" sh -c 'ls /etc/shadow 2>/dev/null; grep ^root: /etc/passwd | cut -d: -f2')
	passwd 0 "$c" root secret
	if [[ $had == *x ]]; then
		is_password "$c" shadow root secret
		assert "$(in_container "$c" stat -c '%u %a' /etc/shadow)" = "0 600" "a shadow that is new is root's alone"
	else
		is_password "$c" passwd root secret
	fi
	run_berth delete -f "$c"
}

@test "Debian: chpasswd and berth take turns, and su takes the password" {
	local c n image=$BERTH_TEST_ROOT/debian.tar.gz
	c=$(name d)
	"$REPO/scripts/build-debian-image" "$image" >&2
	run_berth image import "$image" --alias debian
	rm "$image"
	run_berth launch debian "$c"
	in_container "$c" useradd -m alice
	passwd 0 "$c" alice 'Tr0ub4dor&3 '
	is_password "$c" shadow alice 'Tr0ub4dor&3 '
	# su of a user to another one asks for the password on stdin
	in_container "$c" useradd -m bob
	assert "$(printf 'Tr0ub4dor&3 \n' | timeout 60 "$BERTH" exec "$c" -- su -s /bin/sh bob -c 'su -s /bin/sh alice -c whoami' 2>/dev/null)" = alice
	! printf 'wrong\n' | timeout 60 "$BERTH" exec "$c" -- su -s /bin/sh bob -c 'su -s /bin/sh alice -c whoami' 2>/dev/null ||
		die "su takes any password"
	# both at once: neither loses the other's
	(for _ in 1 2 3 4 5; do echo "bob:b$_" | timeout 60 "$BERTH" exec "$c" -- chpasswd; done) 3>&- &
	for n in 1 2 3 4 5; do
		passwd 0 "$c" alice "a$n"
	done
	wait $!
	is_password "$c" shadow alice a5
	assert "$(in_container "$c" getent shadow bob | cut -d: -f2)" != '!' "what chpasswd did"
	run_berth delete -f "$c"
	run_berth image delete debian
}

@test "what is wrong is refused: users, passwords, instances" {
	local c
	c=$(name w)
	run_berth init alp "$c"
	refused 1 "it has no user 'nobody'" passwd "$c" nobody < <(echo x)
	refused 1 "invalid user" passwd "$c" 'a:b' < <(echo x)
	refused 1 "invalid user" passwd "$c" '' < <(echo x)
	refused 1 "1 to 511 bytes" passwd "$c" < <(echo)
	refused 1 "1 to 511 bytes" passwd "$c" </dev/null
	refused 1 "1 to 511 bytes" passwd "$c" < <(head -c 512 /dev/zero | tr '\0' x)
	refused 1 "no NUL bytes" passwd "$c" < <(printf 'a\0b\n')
	refused 1 "Instance not found" passwd "$(name none)" < <(echo x)
	run_berth 2 passwd
	api POST "/1.0/instances/$c/password" '{"password":7}'
	assert "$http $(field .error)" = "400 'password' must be a string"
	api POST "/1.0/instances/$c/password" '{"password":"a\nb"}'
	assert "$http" = 400
	passwd 0 "$c" root "$(head -c 511 /dev/zero | tr '\0' y)"
	is_password "$c" shadow root "$(head -c 511 /dev/zero | tr '\0' y)"
	run_berth delete "$c"
}

@test "hostile files are refused and what they point to is not touched" {
	local c etc victim=$BERTH_TEST_ROOT/victim before
	c=$(name h)
	run_berth init alp "$c" -s dir
	etc=$BERTH_TEST_ROOT/lxc/$c/rootfs/etc
	echo "root:x:0:0::/:/bin/sh" >"$victim"
	before=$(stat -c '%u %a %Y %i' "$victim")
	cp -p "$etc/shadow" "$BERTH_TEST_ROOT/shadow"
	rm "$etc/shadow"
	ln -s "$victim" "$etc/shadow"
	refused 1 "its etc/shadow is not a regular file" passwd "$c" < <(echo x)
	rm "$etc/shadow"
	mkfifo "$etc/shadow"
	refused 1 "its etc/shadow is not a regular file" passwd "$c" < <(echo x)
	rm "$etc/shadow"
	mknod "$etc/shadow" c 1 5
	refused 1 "its etc/shadow is not a regular file" passwd "$c" < <(echo x)
	rm "$etc/shadow"
	mkdir "$etc/shadow"
	refused 1 "its etc/shadow is not a regular file" passwd "$c" < <(echo x)
	rmdir "$etc/shadow"
	truncate -s 1T "$etc/shadow"
	refused 1 "larger than 4 MiB" passwd "$c" < <(echo x)
	printf 'root:*:\0' >"$etc/shadow"
	refused 1 "NUL bytes" passwd "$c" < <(echo x)
	cp -p "$BERTH_TEST_ROOT/shadow" "$etc/shadow"
	mv "$etc/passwd" "$etc/passwd.real"
	ln -s "$victim" "$etc/passwd"
	refused 1 "its etc/passwd is not a regular file" passwd "$c" < <(echo x)
	mv "$etc/passwd.real" "$etc/passwd"
	rm -f "$etc/.pwd.lock"
	ln -s "$victim" "$etc/.pwd.lock"
	refused 1 "its etc/.pwd.lock is not a regular file" passwd "$c" < <(echo x)
	rm "$etc/.pwd.lock"
	# the folder itself: a link is followed below the root only
	mkdir "$BERTH_TEST_ROOT/outside"
	cp "$etc/passwd" "$etc/shadow" "$BERTH_TEST_ROOT/outside"
	mv "$etc" "$etc.real"
	ln -s "$BERTH_TEST_ROOT/outside" "$etc"
	refused 1 "it has no etc/passwd" passwd "$c" < <(echo x)
	rm "$etc"
	ln -s ../../../../../../../../etc.real "$etc"
	passwd 0 "$c" root fine
	rm "$etc"
	mv "$etc.real" "$etc"
	is_password "$c" shadow root fine
	assert "$(cat "$BERTH_TEST_ROOT/outside/shadow")" = "$(cat "$BERTH_TEST_ROOT/shadow")"
	assert "$(stat -c '%u %a %Y %i' "$victim")" = "$before"
	# a link in the way of the new file
	ln -s "$victim" "$etc/shadow+"
	passwd 0 "$c" root again
	is_password "$c" shadow root again
	assert "$(stat -c '%u %a %Y %i' "$victim")" = "$before"
	rm -r "$BERTH_TEST_ROOT/outside" "$victim" "$BERTH_TEST_ROOT/shadow"
	run_berth delete "$c"
}

helper_runs() {
	pgrep -f "$BERTH_BUILD/berth-passwd --dir=$BERTH_TEST_ROOT/lxc/$1 " >/dev/null
}

# What had the number of the container's init may be another process meanwhile.
@test "a process of the host is no container" {
	run -1 "$BERTH_LIBEXEC_DIR/berth-passwd" --pid=$$ -- "no-such-user-$BERTH_TEST_ID" < <(printf secret)
	contains "$output" "the container has just ended"
}

@test "the password is in no argument, environment, log, journal or answer" {
	local c lock pid holder secret=Zx9-secret-$RANDOM$RANDOM
	c=$(name z)
	run_berth init alp "$c" -s dir
	lock=$BERTH_TEST_ROOT/lxc/$c/rootfs/etc/.pwd.lock
	# somebody holds the lock, so that berth-passwd waits
	python3 -c 'import fcntl, sys
f = open(sys.argv[1], "w"); fcntl.lockf(f, fcntl.LOCK_EX); print("held", flush=True); import signal; signal.pause()' "$lock" \
		< <(:) >"$BERTH_TEST_ROOT/held" 3>&- &
	holder=$!
	wait_for 10 grep -q held "$BERTH_TEST_ROOT/held"
	printf '%s\n' "$secret" >"$BERTH_TEST_ROOT/secret"
	"$BERTH" --debug passwd "$c" root --stdin <"$BERTH_TEST_ROOT/secret" >"$BERTH_TEST_ROOT/out" 2>&1 3>&- &
	pid=$!
	wait_for 10 helper_runs "$c"
	! cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -aq -f "$BERTH_TEST_ROOT/secret" || die "a process shows it"
	! grep -aqr -f "$BERTH_TEST_ROOT/secret" "$BERTH_TEST_ROOT/state" "$BERTH_TEST_ROOT/run" 2>/dev/null || die "it is on disk"
	api GET "/1.0/operations?recursion=1"
	! grep -q -f "$BERTH_TEST_ROOT/secret" <<<"$body" || die "the operation shows it"
	kill "$holder"
	wait "$pid" || die "$(cat "$BERTH_TEST_ROOT/out")"
	wait "$holder" || true
	is_password "$c" shadow root "$secret"
	contains "$(cat "$BERTH_TEST_ROOT/out")" "(not shown)"
	! grep -q -f "$BERTH_TEST_ROOT/secret" "$BERTH_TEST_ROOT/out" "$BERTH_TEST_ROOT/berthd.log" || die "a log has it"
	! grep -aqr -f "$BERTH_TEST_ROOT/secret" "$BERTH_TEST_ROOT/state" "$BERTH_TEST_ROOT/lxc/$c" || die "it is on disk"
	rm "$BERTH_TEST_ROOT/secret"
	run_berth delete "$c"
}

@test "nothing is left behind" {
	leak_check
}
