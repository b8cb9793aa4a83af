#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# berth's own command line: files, storage, export and import, metadata, templates, trust, warnings, projects.

bats_require_minimum_version 1.5.0
load helpers

setup_file_more() {
	"$BERTH" init bb "$(name a)" >/dev/null
}

setup() {
	A=$(name a)
	D=$BATS_TEST_TMPDIR
}

@test "file push, pull, edit, create, delete" {
	printf 'one\n' >"$D/f"
	chmod 640 "$D/f"
	run_berth file push "$D/f" "$A/root/"
	run_berth file pull "$A/root/f" -
	assert "$output" = one
	run_berth file pull "$A//root/./f" "$D/back"
	assert "$(cat "$D/back") $(stat -c %a "$D/back")" = "one 640"
	refused 1 "Not Found" file push "$D/f" "$A/root/x/y/f"
	run_berth file push -p --uid 7 --gid 8 --mode 600 "$D/f" "$D/back" "$A/root/x/y/"
	api GET "/1.0/instances/$A/files?path=/root/x/y/back"
	# shellcheck disable=SC2154 # of api
	contains "$headers" "X-LXD-mode: 0600"
	contains "$headers" "X-LXD-uid: 7"
	contains "$headers" "X-LXD-gid: 8"
	run_berth file push - "$A/root/f" <<<two
	run_berth file pull "$A/root/f" "$A/root/x/y/back" "$D"
	assert "$(cat "$D/f" "$D/back")" = $'two\none'
	# a terminal gets an editor, anything else is the new contents
	run_berth file edit "$A/root/f" <<<three
	EDITOR="sed -i s/three/four/" run timeout 60 "$REPO/tests/on-terminal" "$BERTH" file edit "$A/root/f" --
	assert "$status" -eq 0 "$output"
	run_berth file pull "$A/root/f" -
	assert "$output" = four
	# what is made
	run_berth file create "$A/root/made/" --mode 0711
	run_berth file create --type symlink "$A/root/made/link" ../f
	run_berth file create -p "$A/root/made/p/q/empty"
	refused 1 "there already, a directory" file create "$A/root/made"
	run_berth file pull "$A/root/made/link" -
	assert "$output" = four
	refused 1 "directory not empty" file delete "$A/root/made"
	run_berth file delete "$A/root/made/link" "$A/root/f"
	refused 1 "Not Found" file pull "$A/root/f" -
	refused 1 "several files go into a folder" file pull "$A/root/a" "$A/root/b" "$D/back"
	refused 1 "Missing target directory" file push "$D/f" "$D/back" "$A/etc/hosts"
	refused 1 "without --recursive" file pull "$A/root" "$D/r"
	refused 1 "--recursive pushes it" file push "$D" "$A/root/"
	refused 2 "must be INSTANCE/PATH" file pull "$A" -
	refused 2 "octal" file push "$D/f" "$A/root/" --mode 0999
	refused 2 "4294967294" file push "$D/f" "$A/root/" --uid -5
}

@test "file push and pull of whole trees" {
	mkdir -p "$D/t/b/c" "$D/out"
	printf 'q\n' >"$D/t/b/q"
	chmod 600 "$D/t/b/q"
	ln -s q "$D/t/b/l"
	ln -s /nowhere "$D/t/dangling"
	run_berth file push -r "$D/t" "$A/srv/"
	run_berth file push -r -p "$D/t/" "$A/srv/new/er"
	run_berth file pull -r "$A/srv/t" "$D/out"
	diff -r --no-dereference "$D/t" "$D/out/t"
	assert "$(stat -c %a "$D/out/t/b/q")" = 600
	run_berth file pull -r -p "$A/srv/new/er" "$D/out/deep/er"
	diff -r --no-dereference "$D/t" "$D/out/deep/er"
	# again, onto what is there; a link there is not followed
	mkdir "$D/elsewhere"
	rm -r "$D/out/t/b/c" "$D/out/t/b/q"
	ln -s "$D/elsewhere" "$D/out/t/b/c"
	refused 1 "cannot open the folder 'c'" file pull -r "$A/srv/t" "$D/out"
	rm -f "$D/out/t/b/c" "$D/out/t/b/q"
	ln -s "$D/elsewhere/q" "$D/out/t/b/q"
	refused 1 "cannot write 'q'" file pull -r "$A/srv/t" "$D/out"
	assert "$(find "$D/elsewhere" -mindepth 1)" = ""
	refused 2 "single files" file push -r --uid 1 "$D/t" "$A/srv/"
	mkfifo "$D/t/fifo"
	refused 1 "cannot be pushed" file push -r "$D/t" "$A/srv/"
}

@test "storage pools" {
	local p
	p=$(name p)
	run_berth storage create "$p" dir user.x=1 --description lab
	assert "$output" = "Storage pool $p created"
	refused 1 "already exists" storage create "$p" dir
	refused 2 "dir, overlay or btrfs" storage create only
	run_berth storage list -f csv
	contains "$output" "$p,dir,$BERTH_TEST_ROOT/"
	run_berth storage list -f json
	assert "$(jq -r --arg p "$p" '.[] | select(.name == $p).description' <<<"$output")" = lab
	run_berth storage set "$p" user.y=2 volume.snapshots.expiry=2d
	run_berth storage get "$p" user.y
	assert "$output" = 2
	run_berth storage unset "$p" user.y
	refused 1 "user.y" storage unset "$p" user.y
	refused 1 "nosuch" storage set "$p" nosuch=1
	"$BERTH" storage show "$p" | sed 's/^description: lab/description: shop/' >"$D/pool.yaml"
	run_berth storage edit "$p" <"$D/pool.yaml"
	run_berth storage info "$p"
	contains "$output" "description: shop"
	contains "$output" "space used: "
	run_berth storage show "$p" --resources
	contains "$output" "inodes:"
	# volumes
	run_berth storage volume create "$p" v user.a=b
	refused 1 "already exists" storage volume create "$p" v
	run_berth storage volume set "$p" v user.c=d
	run_berth storage volume get "$p" v user.c
	assert "$output" = d
	run_berth storage volume unset "$p" v user.c
	run_berth storage volume snapshot "$p" v
	run_berth storage volume snapshot "$p" v s1 --no-expiry
	run_berth storage volume snapshot "$p" v s1 --no-expiry --reuse
	run_berth storage volume rename "$p" v/s1 v/s2
	refused 2 "a snapshot stays with its volume" storage volume rename "$p" v/s2 w/s2
	run_berth storage volume info "$p" v
	contains "$output" "Usage: "
	contains "$output" "| s2 "
	run_berth storage volume show "$p" v/s2
	contains "$output" "expires_at: 0001"
	run_berth storage volume edit "$p" v/s2 <<<"description: kept"
	run_berth storage volume show "$p" v/s2
	contains "$output" "description: kept"
	refused 1 "is what it was" storage volume set "$p" v/s2 user.a=c
	run_berth storage volume restore "$p" v s2
	run_berth storage volume list "$p" -c tn -f csv
	assert "$output" = "$(printf '%s\n' 'custom,v' 'custom (snapshot),v/s2' 'custom (snapshot),v/snap0')"
	run_berth storage volume copy "$p/v" "default/$p-w" --volume-only
	run_berth storage volume list default "$p-w" -c n -f csv
	assert "$output" = "$p-w"
	run_berth storage volume copy "$p/v" "default/$p-w" --refresh
	run_berth storage volume show default "$p-w/s2"
	run_berth storage volume export "$p" v "$D/v.tar"
	[[ $(tar tf "$D/v.tar") == *backup/volume-snapshots/s2* ]]
	(cd "$D" && "$BERTH" storage volume export default "$p-w" --volume-only --compression zstd)
	[[ $(zstd -dc "$D/$p-w.tar.zst" | tar t) != *volume-snapshots* ]]
	run_berth storage volume import "$p" "$D/v.tar" 'x y'
	run_berth storage volume show "$p" 'x y/s2'
	refused 1 "already exists" storage volume import "$p" "$D/v.tar" 'x y'
	refused 2 "only backups" storage volume import "$p" "$D/v.tar" --type iso
	refused 2 "is no name" storage volume import "$p" "$D/v.tar" $'a\nb'
	refused 2 "snapshots come with theirs" storage volume export "$p" v/s2
	"$BERTH" storage volume export "$p" 'x y' - | "$BERTH" storage volume import "$p" - -- -z
	run_berth storage volume delete "$p" -- 'x y' -z
	run_berth storage volume move "default/$p-w" "$p/w2"
	run_berth storage volume move "$p/w2" "$p/w3"
	run_berth storage volume rename "$p" w3 w
	run_berth storage volume show "$p" w
	contains "$output" "user.a: b"
	refused 1 "ot found" storage volume show "default" "$p-w"
	# devices
	run_berth storage volume attach "$p" v "$A"
	run_berth config device get "$A" v path
	assert "$output" = /mnt/v
	run_berth storage volume attach "$p" v "$A" more /srv/more
	refused 1 "name it" storage volume detach "$p" v "$A"
	run_berth storage volume detach "$p" v "$A" more
	run_berth storage volume detach "$p" custom/v "$A"
	refused 1 "has no device of the volume 'v'" storage volume detach "$p" v "$A"
	run_berth profile create "$p"
	run_berth storage volume attach-profile "$p" v "$p" /srv
	refused 1 "" storage volume delete "$p" v
	run_berth storage volume detach-profile "$p" v "$p"
	run_berth profile delete "$p"
	# berth volume shows the same, of instances
	run_berth volume create "$A/data"
	run_berth storage volume show default "${A}_data"
	run_berth volume delete "$A/data"
	run_berth storage volume show default "container/$A"
	refused 2 "names no volume" storage volume show default container/
	refused 2 "POOL/VOLUME" storage volume copy v w
	run_berth storage volume delete "$p" v/snap0 v w
	run_berth storage delete "$p"
	refused 1 "ot found" storage delete "$p"
}

@test "export, import, move" {
	local one two p
	one=$(name i) two=$(name j) p=$(name q)
	"$BERTH" file push - "$A/root/f" <<<kept
	run_berth config set "$A" user.k=v volatile.eth0.hwaddr=00:16:3e:01:02:03
	run_berth snapshot "$A" s0
	cd "$D"
	run_berth export "$A"
	assert "$output" = "Backup exported successfully!"
	tar tzf "$A.tar.gz" backup/snapshots/s0/ >/dev/null
	run_berth export "$A" "$D/x" --instance-only --compression none
	assert "$(tar tf x | grep -c ^backup/snapshots)" = 0
	"$BERTH" export -q "$A" - --compression zstd >y
	assert "$(head -c 4 y | od -An -tx1 | tr -d ' ')" = 28b52ffd
	assert "$(find . -name '.berth-export*')" = ""
	refused 1 "isn't currently supported" export "$A" z --compression nosuch
	refused 1 "Instance not found" export "$(name nosuch)"
	run_berth import "$A.tar.gz" "$one"
	assert "$output" = "Instance $one imported"
	refused 1 "exists" import "$A.tar.gz" "$one"
	refused 1 "" import "$REPO/README.md" "$two"
	run_berth file pull "$one/root/f" -
	assert "$output" = kept
	# a copy that is brought up to date
	run_berth copy "$A" "$two"
	"$BERTH" file push - "$A/root/f" <<<newer
	run_berth config set "$A" user.k=w
	run_berth copy "$A" "$two" --refresh
	run_berth file pull "$two/root/f" -
	assert "$output" = newer
	run_berth config get "$two" user.k
	assert "$output" = w
	run_berth config get "$two" volatile.eth0.hwaddr
	assert "$output" != 00:16:3e:01:02:03
	run_berth delete "$two"
	# another name, another pool, both
	run_berth move "$one/s0" "$one/s1"
	run_berth move "$one" "$two"
	run_berth storage create "$p" dir
	run_berth config set "$two" volatile.eth0.hwaddr=00:16:3e:01:02:04
	run_berth move "$two" -s "$p"
	run_berth config get "$two" volatile.eth0.hwaddr
	assert "$output" = 00:16:3e:01:02:04
	run_berth list "^$two\$" -c nbS -f csv
	assert "$output" = "$two,$p,1"
	run_berth move "$two" "$one" -s default --instance-only
	run_berth list "^$one\$" -c nbS -f csv
	assert "$output" = "$one,default,0"
	run_berth volume create "$one/data"
	refused 1 "would stay behind" move "$one" -s "$p"
	run_berth volume delete "$one/data"
	refused 2 "goes with --storage" move "$one" "$two" --instance-only
	run_berth delete "$one"
	run_berth storage delete "$p"
}

@test "config metadata, config template" {
	run_berth config metadata show "$A"
	contains "$output" "architecture:"
	run_berth config template create "$A" motd.tpl
	refused 1 "already" config template create "$A" motd.tpl
	run_berth config template edit "$A" motd.tpl <<<'I am {{ container.name }}'
	run_berth config template show "$A" motd.tpl
	assert "$output" = 'I am {{ container.name }}'
	run_berth config template list "$A" -f csv
	contains "$output" motd.tpl
	"$BERTH" config metadata show "$A" | python3 -c '
import sys, yaml
v = yaml.safe_load(sys.stdin)
v["templates"] = dict(v.get("templates") or {}, **{"/etc/motd": {"when": ["start"], "template": "motd.tpl"}})
yaml.safe_dump(v, sys.stdout)' >"$D/m.yaml"
	run_berth config metadata edit "$A" <"$D/m.yaml"
	run_berth config metadata show "$A"
	contains "$output" "template: motd.tpl"
	run_berth config metadata edit "$A" <<<"templates: {}"
	run_berth config template delete "$A" motd.tpl
	refused 1 "ot found" config template show "$A" motd.tpl
}

@test "config of the server, trust, warnings, projects" {
	local fp token
	run_berth config set user.x=1
	run_berth config get user.x
	assert "$output" = 1
	run_berth config show
	contains "$output" "user.x: \"1\""
	run_berth config edit <<<'config: {user.y: "2"}'
	run_berth config get user.x
	assert "$output" = ""
	run_berth config unset user.y
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:secp384r1 -nodes -keyout "$D/key" -out "$D/laptop.crt" \
		-subj /CN=laptop 2>/dev/null
	run_berth config trust add "$D/laptop.crt"
	run_berth config trust list -f csv
	contains "$output" "client,laptop.crt,"
	fp=${output##*,}
	"$BERTH" config trust show "$fp" | sed 's/^name: .*/name: mine/' >"$D/t.yaml"
	run_berth config trust edit "$fp" <"$D/t.yaml"
	run_berth config trust list -f json
	assert "$(jq -r '.[0].name' <<<"$output")" = mine
	run_berth config trust remove "$fp"
	refused 1 "no certificate in PEM form" config trust add "$D/key"
	refused 2 "--name NAME" config trust add
	refused 1 "isn't listening" config trust add --name friend
	run_berth config set core.https_address="$BERTH_TEST_SUBNET.1"
	run_berth config trust add --name friend -q
	token=$output
	assert "$(base64 -d <<<"$token" | jq -r .client_name)" = friend
	run_berth config trust list-tokens -f csv
	contains "$output" "friend,$token,"
	run_berth config trust revoke-token friend
	refused 1 "No token" config trust revoke-token friend
	run_berth config unset core.https_address
	run_berth project list -f csv
	contains "$output" "default (current),YES,YES,YES,YES"
	run_berth project info default -f csv
	contains "$output" "INSTANCES,UNLIMITED,"
	contains "$output" "VIRTUAL-MACHINES,UNLIMITED,0"
	refused 2 "the name of a project is needed" project info
	run_berth project show default
	contains "$output" "features.images"
	refused 1 "not clustered" cluster list
	refused 2 "lxc has a command 'network acl', berth has not" network acl
	refused 2 "lxc has a command 'project create', berth has not" project create x
}

@test "warnings" {
	local u
	daemon_stop
	mkdir -p "$BERTH_TEST_ROOT/state"
	echo '[{"uuid":"9bd5a8a2-9f0c-4f45-8f9e-0f4a3d3c2b11","location":"none","project":"","type":"Test","count":2,
		"first_seen_at":"2026-11-22T01:02:03Z","last_seen_at":"2026-11-22T01:02:04Z","last_message":"it is one",
		"severity":"low","entity_url":"","status":"new"}]' >"$BERTH_TEST_ROOT/state/warnings.json"
	daemon_start
	u=9bd5a8a2-9f0c-4f45-8f9e-0f4a3d3c2b11
	run_berth warning list -c utSscm -f csv
	contains "$output" "$u,Test,NEW,LOW,2,it is one"
	run_berth warning show "$u"
	contains "$output" "last_message: it is one"
	run_berth warning acknowledge "$u"
	run_berth warning list -f csv
	[[ $output != *"$u"* ]]
	run_berth warning list --all -c uS -f csv
	contains "$output" "$u,ACKNOWLEDGED"
	run_berth warning delete "$u"
	refused 1 "Warning not found" warning show "$u"
	run_berth warning delete --all
	run_berth warning list --all -f json
	assert "$output" = "[]"
	refused 2 "unknown column 'X'" warning list -c X
}

@test "nothing is left behind" {
	leak_check
}
