# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# One of everything, made by the stock client: what shapes.txt was recorded from, and what it is compared with.

# scene_make IMAGE-ALIAS PREFIX SUBNET: prints the names for shape.py. lxc finds its server by LXD_SOCKET.
scene_make() {
	local image=$1 p=$2 subnet=$3 fingerprint
	{
		fingerprint=$(lxc query "/1.0/images/aliases/$image" | jq -r .target) &&
			lxc network create "${p}br" "ipv4.address=$subnet.1/24" ipv4.nat=false ipv6.address=none &&
			lxc storage volume create default "${p}vol" &&
			lxc storage volume snapshot default "${p}vol" s1 &&
			lxc launch "$image" "${p}c1" -c user.scene=yes -n "${p}br" &&
			lxc snapshot "${p}c1" s1 &&
			lxc init "$image" "${p}c2" &&
			lxc network forward create "${p}br" "$subnet.200" &&
			lxc network forward port add "${p}br" "$subnet.200" tcp 80 "$subnet.100" 8080 &&
			lxc query -X POST -d '{"name":"b1","compression_algorithm":"none"}' --wait "/1.0/instances/${p}c1/backups"
	} </dev/null >&2 || return
	echo "instance=${p}c1 snapshot=s1 backup=b1 image=$fingerprint alias=$image network=${p}br volume=${p}vol forward=$subnet.200"
}

scene_unmake() { # PREFIX
	lxc delete -f "$1c1" "$1c2"
	lxc network delete "$1br"
	lxc storage volume delete default "$1vol"
}
