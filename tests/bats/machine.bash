# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A machine of its own for host-init without --root: run by 92-host.bats in private mount, network and process
# namespaces, where /etc is a copy, /var/lib, /run and the settings of the kernel that are not a network namespace's own
# are made up. Ends with 0 when all went as it should.
set -eu

bats_require_minimum_version() { :; }
BATS_TEST_DIRNAME=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=helpers.bash
. "$BATS_TEST_DIRNAME/helpers.bash"

W=$1 # a folder of the caller's
SHARED=(user.max_user_namespaces:63000 fs.inotify.max_user_instances:128 kernel.keys.maxkeys:200)

make_machine() {
	local setting file
	mount --make-rprivate /
	mount -t tmpfs tmpfs "$W"
	chmod 755 "$W"
	cp -a /etc "$W/etc"
	mkdir "$W/bin" "$W/sysctl" "$W/cgroup"
	mount --rbind /sys/fs/cgroup "$W/cgroup"
	mount -t sysfs sysfs /sys # /sys/class/net is that of who mounted it
	mount --rbind "$W/cgroup" /sys/fs/cgroup
	mount --bind "$W/etc" /etc
	mount -t tmpfs -o mode=755 tmpfs /var/lib
	mount -t tmpfs -o mode=755 tmpfs /run
	for setting in "${SHARED[@]}"; do
		file=/proc/sys/$(tr . / <<<"${setting%:*}")
		echo "${setting#*:}" >"$W/sysctl/${setting%:*}"
		mount --bind "$W/sysctl/${setting%:*}" "$file"
	done
	ip link set lo up
	echo 0 >/proc/sys/net/ipv4/ip_forward # a new namespace has the first one's
	echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
	# as a machine on which nothing of it was done
	sed -i /^root:/d /etc/subuid /etc/subgid
	rm -rf /etc/lxc /etc/berth
	# the kernel's modules are everybody's; packages are not installed here
	ln -s /bin/true "$W/bin/modprobe"
	printf '#!/bin/sh\nprintf "%%s " "$@" >>%s/apt\n' "$W" >"$W/bin/apt-get"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nshift 3\nfor p; do case $p in dnsmasq-base) ;; *) echo "installed $p" ;; esac; done\n' >"$W/bin/dpkg-query"
	chmod 755 "$W/bin/apt-get" "$W/bin/dpkg-query"
	PATH=$W/bin:$BERTH_BUILD:$PATH
	export BERTH_SOCKET=/run/berth/berth.sock BERTH_LIBEXEC_DIR=$BERTH_BUILD
}

machine() { # all that host-init may change
	find /etc /var/lib /run -printf '%p %M %u %g %l\n' | grep -v -e ' /run/berth-host-init' | sort
	find /etc /var/lib -type f -exec md5sum {} + | sort
	for f in "$W"/sysctl/* /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding; do
		echo "$f $(cat "$f")"
	done
	ip -br link | cut -d' ' -f1
	nft list ruleset
	pgrep -a dnsmasq || true
}

same() { # WHAT BEFORE
	diff <(echo "$2") <(machine) >&2 || die "FAIL: $1 changed that"
}

init() {
	"$BERTH" host init --ipv6 auto "$@"
}

masqueraded() {
	nft list table inet berth_lxcbr1 2>/dev/null | grep -q masquerade
}

forwarded() {
	nft list tables | grep -q berth_fwd_
}

bridge_there() { # with its address
	ip -4 addr show dev lxcbr1 2>/dev/null | grep -qF 10.87.0.1/24
}

forward_policy() {
	"$BERTH" host check --root /var/lib/berth --format json | jq -r '.[] | select(.name == "forward-policy") | .status + " " + .message + "|" + .fix'
}

make_machine
before=$(machine)

echo "--- dry run"
init --dry-run >"$W/out"
same "a dry run" "$before"
for part in "install-deps: missing: dnsmasq-base" "/etc/subuid: adding root:" "net.ipv4.ip_forward: 0 -> 1" \
	"kernel.keys.maxkeys: 200 -> 2000" "/etc/lxc/default.conf: writing it" "would run: ip link add name lxcbr0" \
	"/var/lib/lxc/backups: making the folder, mode 700"; do
	contains "$(cat "$W/out")" "$part"
done

echo "--- for real"
init >"$W/out" 2>&1 || die "$(cat "$W/out")"
contains "$(cat "$W/apt")" "install -y -q --no-install-recommends"
contains "$(cat "$W/apt")" " dnsmasq-base "
bridge_there && masqueraded
assert "$(stat -c '%a %U' /var/lib/lxc)" = "711 root"
assert "$(stat -c '%a %U' /var/lib/lxc/volumes)" = "700 root"
assert "$(cat "$W/sysctl/fs.inotify.max_user_instances" /proc/sys/net/ipv4/ip_forward | tr '\n' ' ')" = "1024 1 "
assert "$(grep -c '^root:' /etc/subuid)" = 1
contains "$(cat /etc/lxc/default.conf)" "lxc.net.0.link = lxcbr1"
contains "$(cat /etc/lxc/default.conf)" "lxc.idmap = g 0 "
contains "$(cat "$W/out")" "dnsmasq-nat" "the check at the end"

echo "--- twice"
after=$(machine)
init >"$W/out" 2>&1 || die "$(cat "$W/out")"
same "a second time" "$after"

echo "--- berthd: a flushed ruleset, a bridge that went, a policy that drops"
"$BERTHD" --foreground >"$W/log" 2>&1 &
berthd=$!
answers() { "$BERTH" query /1.0 >/dev/null 2>&1; }
wait_for 20 answers || die "$(cat "$W/log")"
"$BERTH" network forward create lxcbr1 198.51.100.1 target_address=10.87.0.9
forwarded
nft flush ruleset
wait_for 10 masqueraded || die "FAIL: NAT did not come back"
wait_for 10 forwarded || die "FAIL: port forwards did not come back"
ip link del lxcbr1
wait_for 10 bridge_there || die "FAIL: the bridge did not come back"
contains "$(forward_policy)" "ok nobody drops"
nft -f - <<-'END'
	table inet fw {
		chain f { type filter hook forward priority 0; policy drop; ct status dnat accept; }
		chain g { type filter hook forward priority 5; policy drop; }
		chain h { type filter hook forward priority 6; policy drop; iifname "lxcbr1" accept; }
		chain i { type filter hook input priority 6; policy drop; }
	}
END
assert "$(forward_policy | grep -c .)" = 2
contains "$(forward_policy)" "error the policy of the chain inet fw f is drop: nothing gets out of 'lxcbr1'|"
contains "$(forward_policy)" "chain inet fw g is drop: nothing gets out of 'lxcbr1', and port forwards into it are dropped|nft insert"
sh -c "$(forward_policy | cut -d'|' -f2)"
contains "$(forward_policy)" "ok " "the commands of the check mend it"
nft delete table inet fw
kill "$berthd"
wait "$berthd"
assert "$(grep -c -e 'ERROR: ' -e 'runtime error' "$W/log")" = 0 "$(cat "$W/log")"
forwarded

echo "--- undo"
cp /var/lib/berth/host-init.state "$W/state"
init --undo --dry-run >"$W/out"
contains "$(cat "$W/out")" "would run: nft delete table inet berth_fwd_"
contains "$(cat "$W/out")" "/etc/subuid: removing root:"
cmp "$W/state" /var/lib/berth/host-init.state
bridge_there && masqueraded
find /var/lib/lxc -mindepth 1 -name '.*' -prune -exec rm -rf {} + # what berthd made for itself
rm -rf /run/berth/* /run/lxc
init --undo >"$W/out"
for part in /var/lib/berth /run/berth; do # host-init made it, berthd goes on needing it
	rm -rf "$part"
done
same "init and undo" "$before"
contains "$(init --undo)" "nothing to undo"

echo "--- a file of somebody else"
mkdir /etc/lxc
echo 'lxc.net.0.type = empty' >/etc/lxc/default.conf
before=$(machine)
init >"$W/out" 2>&1 || die "$(cat "$W/out")"
contains "$(cat "$W/out")" "/etc/lxc/default.conf: exists and stays as it is"
init --undo >"$W/out"
same "init and undo" "$before"
echo "--- berthd runs before there are ids"
"$BERTHD" --foreground >"$W/log" 2>&1 &
berthd=$!
wait_for 20 answers || die "$(cat "$W/log")"
out=$("$BERTH" init --empty early --no-profiles -s default 2>&1 </dev/null) && die "FAIL: an instance without ids"
contains "$out" "root has no range of 65536 subordinate ids in /etc/subuid and /etc/subgid: run berth host init"
init >"$W/out" 2>&1 || die "$(cat "$W/out")"
"$BERTH" init --empty early --no-profiles -s default </dev/null
kill "$berthd"
wait "$berthd"
assert "$(grep -c -e 'ERROR: ' -e 'runtime error' "$W/log")" = 0 "$(cat "$W/log")"
echo "--- all well"
