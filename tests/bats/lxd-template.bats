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
	stock_refused "Template not found" config template show "$c" nosuch
	for path in ..%2F..%2Fberth.json .x "" a%2Fb; do
		api POST "/1.0/instances/$c/metadata/templates?path=$path" '{}'
		assert "$http" = 400 "$path"
		api GET "/1.0/instances/$c/metadata/templates?path=$path"
		[[ -z $path || $http == 400 ]]
	done
	stock config template delete "$c" hosts.tpl
	stock_refused "Template not found" config template delete "$c" hosts.tpl
	stock config template list "$c" -f csv
	assert "$output" = ""
	stock delete "$c"
}

@test "nothing is left behind" {
	leak_check
}
