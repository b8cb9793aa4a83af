# SPDX-License-Identifier: MIT
# LXD's own client: instances and snapshots become images.

bats_require_minimum_version 1.5.0
load helpers
load lxd

# What the tree of an image holds: names, types, modes, owners, link targets.
tree_of() { # ALIAS
	local fingerprint
	fingerprint=$("$BERTH" image list "$1" -c F -f csv)
	(cd "$BERTH_TEST_ROOT/images/$fingerprint/rootfs" && find . -printf '%p %y %m %U:%G %n %l\n' | sort)
}

no_staging() {
	[[ -z $(ls -A "$BERTH_TEST_ROOT/images/.staging") ]]
}

@test "from a stopped instance: ids and links as the container sees them, with every compression" {
	local c z
	c=$(name src)
	stock launch bb "$c"
	in_container "$c" sh -c 'echo own >/etc/own; chown 1000:1001 /etc/own; chmod 4750 /etc/own; ln /etc/own "/etc/a b"
		ln -s ./own /etc/link; ln -s /rootfs /etc/.x; mkdir -p /.hidden/d; rm /etc/issue 2>/dev/null; true'
	stock_refused "The instance is currently running. Use --force" publish "$c"
	api POST /1.0/images "{\"source\":{\"type\":\"instance\",\"name\":\"$c\"}}"
	assert "$http $(field .error)" = "400 Cannot export a running instance as an image"
	stock stop -f "$c"
	stock publish "$c" --alias none --compression none --public description=none
	contains "$output" "Instance published with fingerprint: "
	for z in gzip bzip2 xz lzma 'zstd -3' squashfs; do
		stock publish "$c" --alias "${z%% *}" --compression "$z" "description=$z"
		assert "$(tree_of "${z%% *}")" = "$(tree_of none)" "tree after $z"
	done
	tree_of none | grep -qx './etc/own f 4750 1000:1001 2 '
	tree_of none | grep -qx './etc/a b f 4750 1000:1001 2 '
	tree_of none | grep -qx './etc/link l 777 0:0 1 ./own'
	tree_of none | grep -qx './etc/.x l 777 0:0 1 /rootfs'
	stock image list public=true -c d -f csv
	assert "$output" = none
	stock image export squashfs "$BATS_TEST_TMPDIR/e"
	[[ -f $BATS_TEST_TMPDIR/e.squashfs ]]
	stock launch squashfs "$(name copy)"
	assert "$(in_container "$(name copy)" cat /etc/own)" = own
	stock delete -f "$(name copy)"
	stock delete "$c"
	stock image delete none gzip bzip2 xz lzma zstd squashfs
	wait_for 10 no_staging
}

@test "from a snapshot, with properties, expiry; what is refused" {
	local c
	c=$(name snap)
	stock init bb "$c" -c user.x=1
	stock config template create "$c" x.tpl
	stock config template edit "$c" x.tpl <<<'name: {{ container.name }}'
	stock snapshot "$c" s1
	stock publish "$c/s1" --alias pb1 description=x a=b --expire 2099-01-02T03:04:05Z
	stock image show pb1
	contains "$output" "description: x"
	contains "$output" "a: b"
	contains "$output" "expires_at: 2099-01-02T03:04:05Z"
	[[ $output != *"os: busybox"* ]]
	stock publish "$c" --alias pb2
	stock image get-property pb2 os
	assert "$output" = busybox
	stock query "/1.0/images/aliases/pb2"
	stock_refused "The image already exists: $(jq -r .target <<<"$output")" publish "$c" --alias again
	stock query /1.0/images/aliases/pb2
	stock query "/1.0/images/$(jq -r .target <<<"$output")"
	assert "$(jq -r .created_at <<<"$output")" = "2023-11-14T22:13:20Z" # the image's that it was made of
	# as Terraform asks for it: no property at all
	stock query -X POST --wait -d "{\"source\":{\"type\":\"container\",\"name\":\"$c\"},\"properties\":{},\"aliases\":[{\"name\":\"pb3\"}]}" /1.0/images
	stock image show pb3
	contains "$output" "properties: {}"
	stock_refused "not found" publish "$c/nosuch"
	stock_refused "Instance not found" publish nosuch
	stock_refused 'Compression algorithm "foo" isn'\''t currently supported' publish "$c" --compression foo
	stock_refused "isn't allowed" publish "$c" --compression "gzip --name=x"
	api POST /1.0/images "{\"source\":{\"type\":\"snapshot\",\"name\":\"$c\"}}"
	assert "$http $(field .error)" = "400 Not a snapshot"
	api POST /1.0/images "{\"source\":{\"type\":\"container\",\"name\":\"$c/s1\"}}"
	assert "$http $(field .error)" = "400 This is a snapshot"
	api POST /1.0/images '{"source":{"type":"container","name":""}}'
	assert "$http $(field .error)" = "400 No source provided"
	# its templates come along
	stock init pb2 "$c-2"
	stock config template show "$c-2" x.tpl
	assert "$output" = 'name: {{ container.name }}'
	stock delete "$c-2"
	# our own client
	run_berth publish "$c/s1" --alias own1 --alias own2 --compression none --public a=c
	run_berth image list own1 -c pL -f csv
	assert "$output" = $'yes,"own1\nown2"'
	run_berth image get-property own1 a
	assert "$output" = c
	run_berth start "$c"
	refused 1 "currently running. Use --force" publish "$c"
	run_berth publish "$c" --force --alias own3 own=3
	is_state "$c" RUNNING
	stock delete -f "$c"
	stock image delete pb1 pb2 own1 own3
	wait_for 10 no_staging
}

@test "profiles of an image are those of instances made without any" {
	local c
	c=$(name prof)
	stock profile create "$c"
	stock profile device add "$c" root disk path=/ pool=default
	stock init bb "$c-src"
	api POST /1.0/images "{\"source\":{\"type\":\"instance\",\"name\":\"$c-src\"},\"aliases\":[{\"name\":\"prof\"}],\"profiles\":[\"$c\"]}"
	assert "$http" = 202
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.status) $(field .metadata.metadata.size)" =~ "^Success [0-9]+$"
	stock init prof "$c"
	stock config show "$c"
	contains "$output" "- $c"
	stock delete "$c" "$c-src"
	stock image delete prof
	stock profile delete "$c"
}

@test "failed or killed at any step, nothing is left" {
	local c step
	c=$(name fault)
	stock init bb "$c"
	for step in stage open tree seal; do
		fault "publish/$step/fail"
		stock 1 publish "$c" --alias never
		wait_for 10 no_staging
	done
	for step in tree import; do
		fault "publish/$step/kill"
		stock '?' publish "$c" --alias never
		revive
		wait_for 10 no_staging
	done
	fault ''
	fault "image-import/commit/kill"
	stock '?' publish "$c" --alias never
	revive
	wait_for 10 no_staging
	stock image list never -f csv
	assert "$output" = ""
	stock image list -c l -f csv
	stock delete "$c"
}

@test "nothing is left behind" {
	leak_check
}
