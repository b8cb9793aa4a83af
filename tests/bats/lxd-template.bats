# SPDX-License-Identifier: MIT
# LXD's own client: metadata and templates of instances.

# shellcheck disable=SC2154 # what the helpers set
bats_require_minimum_version 1.5.0
load helpers
load lxd

@test "metadata is shown and edited; a copy has its own" {
	local c d
	c=$(name m1)
	d=$(name m2)
	stock init bb "$c"
	stock config metadata show "$c"
	contains "$output" "architecture: x86_64"
	contains "$output" "  os: busybox"
	stock config metadata edit "$c" <<-'END'
		architecture: x86_64
		creation_date: 1700000001
		properties:
		  os: changed
		templates:
		  /etc/x:
		    when: [create]
		    template: x.tpl
	END
	stock config metadata show "$c"
	contains "$output" "  os: changed"
	contains "$output" "template: x.tpl"
	contains "$output" "creation_date: 1700000001"
	stock copy "$c" "$d"
	stock config metadata show "$d"
	contains "$output" "  os: changed"
	stock config metadata edit "$d" <<<'properties: {os: third}'
	stock config metadata show "$c"
	contains "$output" "  os: changed"
	api PUT "/1.0/instances/$c/metadata" '{"templates":{"etc/x":{"template":"x"}}}'
	assert "$http" = 400
	api PUT "/1.0/instances/$c/metadata" '{"templates":{"/etc/x":{"template":"../x"}}}'
	assert "$http" = 400
	api PUT "/1.0/instances/$c/metadata" '{"properties":{"a":1}}'
	assert "$http" = 400
	api GET "/1.0/instances/$c/metadata"
	assert "$(field .metadata.properties.os)" = changed
	stock_refused "Instance not found" config metadata show "$(name nosuch)"
	stock delete "$c" "$d"
}

@test "templates are made, listed, shown, edited and deleted" {
	local c
	c=$(name t1)
	stock init bb "$c"
	stock config template list "$c" -f csv
	assert "$output" = ""
	stock config template create "$c" hosts.tpl
	stock config template edit "$c" hosts.tpl <<<'{{ container.name }}'
	stock config template list "$c" -f csv
	assert "$output" = hosts.tpl
	stock config template show "$c" hosts.tpl
	assert "$output" = "{{ container.name }}"
	stock_refused 'Template "nosuch" not found' config template show "$c" nosuch
	for path in ..%2F..%2Fberth.json .x "" a%2Fb; do
		api POST "/1.0/instances/$c/metadata/templates?path=$path" '{}'
		assert "$http" = 400 "$path"
		api GET "/1.0/instances/$c/metadata/templates?path=$path"
		[[ -z $path || $http == 400 ]]
	done
	stock config template delete "$c" hosts.tpl
	stock_refused 'Template "hosts.tpl" not found' config template delete "$c" hosts.tpl
	stock config template list "$c" -f csv
	assert "$output" = ""
	stock delete "$c"
}

# The busybox image with templates, as "tp".
template_image() {
	local dir=$BATS_TEST_TMPDIR/image
	mkdir -p "$dir/templates"
	tar -C "$dir" -xzf "$BUSYBOX_IMAGE"
	cat >"$dir/metadata.yaml" <<-'END'
		architecture: x86_64
		creation_date: 1700000000
		properties: {os: busybox, description: templates}
		templates:
		  /etc/first: {when: [create, copy], template: first.tpl, properties: {foo: bar}}
		  /etc/each: {when: [start, rename], template: each.tpl}
		  /etc/passwd: {when: [create], create_only: true, template: first.tpl}
		  /etc/hostname: {when: [create], template: first.tpl}
		  /made/deep/file: {when: [create], template: cloud.tpl, properties: {default: "#cloud"}}
		  /../../out: {when: [create], template: cloud.tpl}
		  /etc/link: {when: [create], template: first.tpl}
		  /etc/bad: {when: [create], template: bad.tpl}
		  /etc/slow: {when: [create], template: slow.tpl}
		  /etc/none: {when: [create], template: none.tpl}
		  /etc/passwd/x: {when: [create], template: cloud.tpl}
	END
	echo '{{ container.name }} {{ instance.type }} {{ properties.foo }} {{ trigger }} {{ path }}' >"$dir/templates/first.tpl"
	echo '{{ trigger }} {{ config_get("user.x", "none")|upper }}' >"$dir/templates/each.tpl"
	printf '%s' '{% if config_get("user.user-data", "") == "" %}{{ properties.default }}{% else %}' \
		'{{ config_get("user.user-data", "") }}{% endif %}' >"$dir/templates/cloud.tpl"
	printf 'one\n{%% include "/etc/shadow" %%}\n' >"$dir/templates/bad.tpl"
	printf '{%% for a in "0123456789" %%}%.0s' 1 2 3 4 5 6 7 8 >"$dir/templates/slow.tpl"
	printf '{%% endfor %%}%.0s' 1 2 3 4 5 6 7 8 >>"$dir/templates/slow.tpl"
	ln -s ../../../../../../../../etc/berth-bats-link "$dir/rootfs/etc/link"
	chmod 600 "$dir/rootfs/etc/hostname"
	tar -C "$dir" --numeric-owner -czf "$BATS_TEST_TMPDIR/tp.tar.gz" metadata.yaml rootfs templates
	stock image import "$BATS_TEST_TMPDIR/tp.tar.gz" --alias tp
}

inside() {
	stock exec "$1" -- cat "$2"
	printf '%s' "$output"
}

each_is() { # TEXT NAME
	[[ $("$BERTH" exec "$2" -- cat /etc/each 2>/dev/null) == "$1" ]]
}

@test "an image's templates are rendered when the instance starts" {
	local c d out
	c=$(name r1)
	d=$(name r2)
	template_image
	stock init tp "$c" -c user.x=a
	stock config get "$c" volatile.apply_template
	assert "$output" = create
	stock copy "$c" "$d"
	stock config get "$d" volatile.apply_template
	assert "$output" = copy

	stock start "$c"
	stock config get "$c" volatile.apply_template
	assert "$output" = ""
	assert "$(inside "$c" /etc/first)" = "$c container bar create /etc/first"
	assert "$(inside "$c" /etc/each)" = "start A"
	contains "$(inside "$c" /etc/passwd)" "root:"
	assert "$(inside "$c" /etc/hostname)" = "$c container  create /etc/hostname"
	assert "$(inside "$c" /made/deep/file)" = "#cloud"
	assert "$(inside "$c" /etc/berth-bats-link)" = "$c container  create /etc/link"
	assert "$(inside "$c" /out)" = ""
	[[ ! -e /etc/berth-bats-link && ! -e /out ]]
	stock exec "$c" -- stat -c '%n %a %u %g' /etc/first /etc/hostname /made /made/deep/file
	assert "${lines[*]}" = "/etc/first 644 0 0 /etc/hostname 600 0 0 /made 755 0 0 /made/deep/file 644 0 0"
	stock 1 exec "$c" -- test -e /etc/bad -o -e /etc/slow

	# what could not be rendered is a warning that names file and line
	stock query /1.0/warnings?recursion=1
	out=$(jq -r '.[] | select(.type == "Template not applied" and .status == "new") | .last_message' <<<"$output")
	contains "$out" "bad.tpl:2: the tag 'include' is not supported"
	contains "$out" "slow.tpl:1: more than 4194304 bytes of output, or too many steps"
	contains "$out" 'Template "none.tpl" not found'
	contains "$out" "cloud.tpl: '/etc/passwd/x' is not written"
	grep -q "template bad.tpl:2: the tag 'include' is not supported" "${BERTH_TEST_LOGS:-$BERTH_TEST_ROOT}/berthd.log"

	# with "start" alone, from now on
	stock exec "$c" -- sh -c 'echo own >/etc/first'
	stock config set "$c" user.x b
	stock restart -f "$c"
	assert "$(inside "$c" /etc/first)" = own
	assert "$(inside "$c" /etc/each)" = "start B"
	stock query /1.0/warnings?recursion=1
	assert "$(jq -r '.[] | select(.type == "Template not applied") | .status' <<<"$output")" = resolved

	# also when it reboots itself
	stock config set "$c" user.x c
	wait_init "$c"
	stock '?' exec "$c" -- reboot
	wait_for 20 each_is "start C" "$c"

	# a rebuilt one has the templates of its new image
	run_berth rebuild bb "$c" --force
	stock config template list "$c" -f csv
	assert "$output" = ""
	stock 1 exec "$c" -- test -e /etc/each
	run_berth rebuild tp "$c" --force
	assert "$(inside "$c" /etc/first)" = "$c container bar create /etc/first"

	# a copy has "copy", and one that is renamed then keeps it
	stock rename "$d" "$d-x"
	stock config get "$d-x" volatile.apply_template
	assert "$output" = copy
	stock start "$d-x"
	assert "$(inside "$d-x" /etc/first)" = "$d-x container bar copy /etc/first"
	stock stop -f "$d-x"
	stock rename "$d-x" "$d"
	stock config get "$d" volatile.apply_template
	assert "$output" = rename
	stock delete -f "$c" "$d"
	stock image delete tp
}

@test "nothing is left behind" {
	leak_check
}
