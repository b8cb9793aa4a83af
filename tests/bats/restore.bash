# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the files about restoring share: archives in the format of src/backup/format.h made by tar and 7zz, restores
# through the API, and what a tree is as text.

seven() {
	if command -v 7zz >/dev/null; then 7zz "$@"; else 7z "$@"; fi
}

backups() {
	printf '%s/backups' "$BERTH_TEST_ROOT"
}

# A tree that holds all that a tree can hold.
nasty() { # DIR
	local long deep i
	cd "$1" || return
	mkdir -p etc/n usr deep
	echo one >etc/n/plain
	chown 12345:54321 etc/n/plain
	cp "$(command -v busybox)" usr/setuid
	chmod 4755 usr/setuid
	cp usr/setuid usr/capable
	setcap cap_net_raw+ep usr/capable
	ln etc/n/plain etc/n/hardlink
	ln -s /etc/n/plain absolute
	ln -s nowhere/at/all dangling
	ln -s ../../../etc up
	ln absolute absolute2
	setfattr -n user.comment -v hello etc/n/plain
	setfattr -n user.binary -v 0x0001ff0a usr
	mkdir acl
	setfacl -m u:1000:rwx,g:2000:r-x acl
	setfacl -d -m u:1001:rw- acl
	touch acl/f
	setfacl -m u:33:r acl/f
	truncate -s 5M sparse
	printf data | dd of=sparse bs=1 seek=3000000 conv=notrunc status=none
	truncate -s 65M hole # more than image_max_bytes: it holds nothing
	setfattr -n "user.$(printf '=%.0s' {1..250})" -v x hole
	mkfifo -m 640 fifo
	touch -- $'new\nline' $'tab\there' 'ünïcödé' $'bad\377byte' -dash ' space '
	long=$(printf 'x%.0s' {1..230})
	touch "$long"
	deep=deep
	# shellcheck disable=SC2034
	for i in {1..12}; do deep+=/$long; done
	mkdir -p "$deep"
	echo deep >"$deep/f"
	mkdir -m 1777 sticky
	mkdir -m 0 closed
	mkdir -m 2755 setgid
	chgrp 77 setgid
	touch -d '1999-12-31 23:59:59.123456789' old
	touch -h -d '2001-02-03 04:05:06.5' dangling
	mkdir empty
	touch -d '2010-01-01 00:00:00.25' empty
}

# Everything about a tree, as text; or about some paths in it.
describe() { # DIR [PATH…]
	cd "$1" || return
	shift
	find "${@:-.}" -xdev -not -path './dev/*' -not -path './proc/*' -not -path './sys/*' \
		\( -type d -printf '%p %y %m %U %G %T@\0' -o -printf '%p %y %m %U %G %s %T@ %n %l\0' \) | sort -z | tr '\0\n' '\n?' | grep -v '^\./\(dev\|proc\|sys\) '
	local tool
	for tool in 'getfattr -h -d -m -' getcap 'getfacl -n -P'; do
		# shellcheck disable=SC2086
		find "${@:-.}" -xdev -not -path './dev/*' -print0 | sort -z | xargs -0 $tool 2>/dev/null
	done
	find "${@:-.}" -xdev \( -type c -o -type b \) -not -path './dev/*' -print0 | sort -z | xargs -0 -r stat -c '%n %t:%T'
	find "${@:-.}" -xdev -type f -not -path './dev/*' -print0 | sort -z | xargs -0 -r sha256sum
}

# inside NAME FUNCTION ARGUMENTS…: a function of ours with the host's tools, but as root of a running container, whose
# root folder is "." (and whose ids are seen).
inside() {
	local pid ids=()
	pid=$(init_of "$1")
	[[ $(readlink "/proc/$pid/ns/user") == "$(readlink /proc/self/ns/user)" ]] || ids=(nsenter -t "$pid" -U -S 0 -G 0 --)
	(cd "/proc/$pid/root" && "${ids[@]}" bash -c "$(declare -f "$2" || true)"$'\n''"$@"' - "${@:2}")
}

folder() {
	printf '%s/lxc/%s' "$BERTH_TEST_ROOT" "$1"
}

# The small members, made of the instance's own.
members() { # NAME DIR [MANIFEST]
	cp "$(folder "$1")/berth.json" "$(folder "$1")/config" "$2/"
	printf '{"version":1,"instance":"%s","created_at":"2026-11-22T00:00:00Z","mode":"stop","hint":"","manifest":%s}' \
		"$1" "${3:-false}" >"$2/backup.json"
}

# FILE (without its ending) of DIR/{backup.json,berth.json,config,rootfs.tar}; extra members as arguments.
pack() { # DIR FILE [MEMBER…]
	local dir=$1 file
	file=$(backups)/$2
	shift 2
	rm -f "$file".*
	(cd "$dir" && seven a -mx1 -bd "$file.7z" backup.json berth.json config rootfs.tar "$@" >/dev/null)
	chmod 600 "$file.7z"
	sidecar "$file"
}

sidecar() { # PATH without its ending
	seven x -so "$1.7z" backup.json 2>/dev/null | jq --arg file "$(basename "$1").7z" \
		--arg sha "$(sha256sum <"$1.7z" | cut -d' ' -f1)" --argjson size "$(stat -c %s "$1.7z")" \
		'.file = $file | .sha256 = $sha | .size = $size' >"$1.json" || rm "$1.json"
}

# tar of a tree as a backup has it: DIR OUT
tree_tar() {
	tar c -C "$1" --numeric-owner --xattrs --xattrs-include='*' --acls --sparse --format=posix -f "$2" .
}

# backup NAME FILE: of a stopped instance on the driver dir, whose ids lie unshifted on the disk.
backup() {
	local dir=$BATS_TEST_TMPDIR/pack
	mkdir -p "$dir"
	members "$1" "$dir"
	tree_tar "$(folder "$1")/rootfs" "$dir/rootfs.tar"
	pack "$dir" "$2"
}

# restore FILE [JSON] [RC]: through the API; the operation's error in $failed, "" when it went well.
restore() {
	local operation
	api POST "/1.0/backups/$1.7z/restore" "${2:-{\}}"
	failed=$(field '.error')
	# shellcheck disable=SC2154
	[[ $http == 202 ]] || return 0
	operation=$(field .metadata.id)
	api GET "/1.0/operations/$operation/wait"
	failed=$(field '.metadata.err')
}

restored() { # FILE [JSON]
	restore "$@"
	assert "$failed" = "" "restore $*"
}

# refused_restore PART FILE [JSON]
refused_restore() {
	local part=$1
	shift
	restore "$@"
	contains "$failed" "$part" "error of restore $*"
	nothing_left
}

nothing_left() {
	journal_ends
	assert "$(find "$BERTH_TEST_ROOT/lxc" -mindepth 2 -maxdepth 2 \( -name '.new' -o -name '.old' -o -name '.berth-op' \))" = ""
	assert "$(ls "$BERTH_TEST_ROOT/lxc")" = "$("$BERTH" list -c n -f csv)" "folders and list"
}

init_dir() { # NAME [OPTIONS…]
	run_berth init bb "$@" -s dir
}

setup_file_more() {
	install -d -m 700 "$(backups)"
}

teardown_file_more() {
	rm -rf "${BERTH_TEST_ROOT:?}/backups"
}
