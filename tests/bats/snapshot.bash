# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the files about snapshots share.

# shellcheck disable=SC2016,SC2154 # what the container expands; what the helpers set

dir_of() { # NAME
	echo "$BERTH_TEST_ROOT/lxc/$1"
}

snapshots_of() { # NAME: one per line
	"$BERTH" query "/1.0/instances/$1/snapshots?recursion=1" | jq -r '.[].name'
}

has_snapshots() { # NAME COUNT
	[[ $(snapshots_of "$1" | wc -l) == "$2" ]]
}

half_made() { # NAME
	find "$(dir_of "$1")" -mindepth 1 -maxdepth 2 -name '.*' -not -path '*/rootfs/*' -not -path '*/upper/*'
}

# Nothing half-made or half-removed beside what is listed, and nothing staged. What an operation left goes after its end.
nothing_half_made() { # NAME
	journal_ends 20
	assert "$(half_made "$1")" = "" "half-made files of $1"
}

# Everything that a tree can be told apart by, but the times of folders: a line per file.
tree() { # FOLDER
	# an overlay's whiteouts are links of one in its work folder: their count says nothing
	(cd "$1" && find . -mindepth 1 -printf '%P %y %m %U:%G ' \
		\( \( -type c -o -type b \) -exec stat -c '%t:%T' {} \; -o -type f -printf '%n %s %T@\n' -o -printf '%l\n' \) | sort)
	(cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2)
	(cd "$1" && getfattr -hRd -m - . 2>/dev/null)
}

# Files of every kind, below /data.
populate() { # NAME
	in_container "$1" sh -c '
		mkdir -p /data/d && cd /data
		echo one >f && ln f hard && ln -s f link && mkfifo pipe
		dd if=/dev/zero of=sparse bs=1 count=1 seek=1000000 2>/dev/null
		echo s >setuid && chown 7:8 setuid && chmod 4711 setuid
		rm /etc/hostname
		rm -rf /var/spool && mkdir /var/spool && echo n >/var/spool/new'
}

# What only the host can set on them: the folder /data.
file_facts() { # FOLDER
	setfattr -n user.note -v hello "$1/f"
	cp "$(type -P true)" "$1/cap"
	chown 1000000:1000000 "$1/cap"
	setcap -n 1000000 cap_net_raw+ep "$1/cap"
	setfacl -m u:1001000:rx -d -m g:1000050:rx "$1/d"
}

change() { # NAME
	in_container "$1" sh -c '
		cd /data && rm hard && echo two >f && echo new >g && rm -r d && chmod 600 sparse
		echo back >/etc/hostname'
}
