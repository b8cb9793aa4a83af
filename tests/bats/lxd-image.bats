# SPDX-License-Identifier: MIT
# LXD's own client: images, also those of other servers.

bats_require_minimum_version 1.5.0
BERTH_TEST_SETTINGS=$'image_max_bytes = 16MiB'
load helpers
load lxd

setup_file_more() {
	# a second berthd, whose images are copied
	mkdir -p "$BERTH_TEST_ROOT/o"
	OTHER=$BERTH_TEST_ROOT/o/run/berth.sock
	setsid "$BERTHD" --root "$BERTH_TEST_ROOT/o" --foreground </dev/null >>"$BERTH_TEST_ROOT/other.log" 2>&1 3>&- 4>&- 5>&- &
	echo $! >"$BERTH_TEST_ROOT/other.pid"
	disown
	wait_for 20 "$BERTH" --socket "$OTHER" query /1.0 >/dev/null 2>&1
	"$BERTH" --socket "$OTHER" query -X PUT -d "{\"config\":{\"core.https_address\":\"$BERTH_TEST_SUBNET.1:8444\",
		\"core.trust_password\":\"sekret\"}}" /1.0 >/dev/null
	stock remote add other "https://$BERTH_TEST_SUBNET.1:8444" --accept-certificate --password=sekret
	export OTHER
}

teardown_file_more() {
	local file pid
	for file in other server; do
		pid=$(cat "$BERTH_TEST_ROOT/$file.pid" 2>/dev/null) || continue
		kill "$pid" 2>/dev/null || true
		wait_for 30 process_gone "$pid"
	done
}

no_staging() { # [ROOT]
	[[ -z $(ls -A "${1:-$BERTH_TEST_ROOT}/images/.staging") ]]
}

staged() {
	[[ -n $(staging) ]]
}

# variant NOTE FILE: an image of its own
variant() {
	rm -rf "$BATS_TEST_TMPDIR/t"
	mkdir -p "$BATS_TEST_TMPDIR/t"
	tar xzf "$BUSYBOX_IMAGE" -C "$BATS_TEST_TMPDIR/t"
	echo "$1" >"$BATS_TEST_TMPDIR/t/rootfs/etc/note"
	tar czf "$2" -C "$BATS_TEST_TMPDIR/t" metadata.yaml rootfs
}

@test "import, list, info, properties, edit, export, delete" {
	local fp
	variant one "$BATS_TEST_TMPDIR/one.tar.gz"
	fp=$(sha256sum "$BATS_TEST_TMPDIR/one.tar.gz" | cut -d' ' -f1)
	stock image import "$BATS_TEST_TMPDIR/one.tar.gz" --alias one --public user.prop=1 description='two words'
	assert "${lines[-1]}" =~ "Image imported with fingerprint: $fp"
	stock_refused "Image with same fingerprint already exists" image import "$BATS_TEST_TMPDIR/one.tar.gz" --alias x
	stock_refused "Unsupported compression" image import "$BATS_TEST_DIRNAME/lxd.bash"
	stock image list one -c lFpdt -f csv
	assert "$output" = "one,$fp,yes,two words,CONTAINER"
	stock image list public=true user.prop=1 -c l -f csv
	assert "$output" = one
	stock image list os=nosuch -c l -f csv
	assert "$output" = ""
	stock image list "${fp:0:10}" -c l -f csv
	assert "$output" = one
	stock image info one
	contains "$output" "Last used: never"
	contains "$output" "Auto update: disabled"
	stock image set-property one release 9
	stock image get-property one release
	assert "$output" = 9
	stock image unset-property one release
	stock_refused "Property not found" image get-property one release
	stock image show one
	printf '%s\n' "$output" | sed 's/public: true/public: false/; s/two words/changed/' >"$BATS_TEST_TMPDIR/edit"
	stock image edit one <"$BATS_TEST_TMPDIR/edit"
	stock image list one -c pd -f csv
	assert "$output" = "no,changed"
	stock query -X POST "/1.0/images/$fp/secret" # sends ""
	contains "$output" '"class": "token"'
	stock image info "${fp:0:8}" # a beginning, in either case
	contains "$output" "Fingerprint: $fp"
	stock image info "$(tr a-f A-F <<<"${fp:0:8}")"
	contains "$output" "Fingerprint: $fp"
	stock image set-property one 'two words' 'and more'
	stock image get-property one 'two words'
	assert "$output" = "and more"
	stock init one "$(name p)"
	stock config get "$(name p)" 'image.two words'
	assert "$output" = "and more"
	stock delete "$(name p)"
	stock_refused "Profile 'nosuch' doesn't exist" image edit one <<<'profiles: [nosuch]'
	stock image edit one <<<'properties: {os: other}' # all else falls back
	stock image show one
	contains "$output" $'profiles:\n- default'
	contains "$output" "os: other"
	stock image edit one <"$BATS_TEST_TMPDIR/edit"
	stock image alias create other-name "$fp"
	stock_refused 'Alias "other-name" already exists' image alias create other-name "$fp"
	stock image alias rename other-name third
	stock_refused "Image alias not found" image alias rename other-name x
	stock image alias list third -f csv
	assert "$output" = "third,${fp:0:12},CONTAINER,"
	stock image alias delete third
	stock_refused "Image alias not found" image alias delete third
	stock_refused "Image source not found" image refresh one
	stock_refused "The source and target servers must be different" image copy one local:
	stock image export one "$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/out.tar.gz" "$BATS_TEST_TMPDIR/one.tar.gz"
	stock_refused "Image not found" image export nosuch
	stock_refused "Image not found" image delete nosuch
	stock_refused "Image not found" image info bb/x
	stock_refused "Image not found" image show local:bb/x
	tar cJf "$BATS_TEST_TMPDIR/meta.tar.xz" -C "$BATS_TEST_TMPDIR/t" metadata.yaml
	tar cf - -C "$BATS_TEST_TMPDIR/t/rootfs" . | tar2sqfs -q "$BATS_TEST_TMPDIR/root.squashfs"
	stock image import "$BATS_TEST_TMPDIR/meta.tar.xz" "$BATS_TEST_TMPDIR/root.squashfs" --alias split
	stock image export split "$BATS_TEST_TMPDIR/s"
	cmp "$BATS_TEST_TMPDIR/s.root" "$BATS_TEST_TMPDIR/root.squashfs" || cmp "$BATS_TEST_TMPDIR/s.squashfs" "$BATS_TEST_TMPDIR/root.squashfs"
	stock image delete one split
	wait_for 10 no_staging
}

@test "copies from another server, refreshed when it has something newer" {
	local first second
	variant first "$BATS_TEST_TMPDIR/1.tar.gz"
	variant second "$BATS_TEST_TMPDIR/2.tar.gz"
	first=$(sha256sum "$BATS_TEST_TMPDIR/1.tar.gz" | cut -d' ' -f1)
	second=$(sha256sum "$BATS_TEST_TMPDIR/2.tar.gz" | cut -d' ' -f1)
	stock image import "$BATS_TEST_TMPDIR/1.tar.gz" other: --alias priv
	stock image copy other:priv local: --alias mine --auto-update
	stock image list mine -c FpL -f csv
	assert "$output" = "$first,no,mine"
	stock image copy other:priv local: --alias again
	stock image delete mine
	# public and by an alias: known where it came from
	"$BERTH" --socket "$OTHER" query -X PATCH -d '{"public":true}' "/1.0/images/$first" >/dev/null
	stock image copy other:priv local: --copy-aliases --public --auto-update
	api GET "/1.0/images/$first"
	assert "$(field '.metadata | [.auto_update, .public, .update_source.alias, .update_source.protocol] | join(" ")')" = "true true priv lxd"
	stock image refresh priv
	contains "$output" "already up to date"
	stock image import "$BATS_TEST_TMPDIR/2.tar.gz" other: --public
	"$BERTH" --socket "$OTHER" query -X PUT -d "{\"target\":\"$second\"}" /1.0/images/aliases/priv >/dev/null
	stock image refresh priv
	contains "$output" "refreshed successfully"
	stock image list priv -c Fp -f csv
	assert "$output" = "$second,yes"
	api GET "/1.0/images/$first"
	assert "$http" = 404
	stock image delete priv
	# launched from there: cached
	stock launch other:priv "$(name far)"
	assert "$(in_container "$(name far)" cat /etc/note)" = second
	api GET "/1.0/images/$second"
	assert "$(field '.metadata | [.cached, .auto_update] | join(" ")')" = "true true"
	# it is kept up to date, so the next one is made of it, whatever the alias is there now
	"$BERTH" --socket "$OTHER" query -X PUT -d "{\"target\":\"$first\"}" /1.0/images/aliases/priv >/dev/null
	"$BERTH" --socket "$OTHER" query -X PATCH -d '{"public":true}' "/1.0/images/$first" >/dev/null
	stock init other:priv "$(name near)"
	assert "$(key_of "$(name near)" volatile.base_image)" = "$second"
	stock config set images.auto_update_interval=0
	stock init other:priv "$(name new)"
	assert "$(key_of "$(name new)" volatile.base_image)" = "$first"
	stock config unset images.auto_update_interval
	stock delete -f "$(name far)" "$(name near)" "$(name new)"
	stock image delete "$second" "$first"
	wait_for 10 no_staging
}

@test "without trust: public images, and those whose secret one has" {
	local url="https://$BERTH_TEST_SUBNET.1:8444/1.0/images" fp secret
	variant secret "$BATS_TEST_TMPDIR/s.tar.gz"
	fp=$(sha256sum "$BATS_TEST_TMPDIR/s.tar.gz" | cut -d' ' -f1)
	stock image import "$BATS_TEST_TMPDIR/s.tar.gz" other: --alias hidden
	assert "$(curl -sk "$url/$fp" | jq -r .error)" = "Image not found"
	assert "$(curl -sk "$url/aliases/hidden" | jq -r .error)" = "Image alias not found"
	assert "$(curl -sk "$url?recursion=1" | jq -r '[.metadata[] | select(.public | not)] | length')" = 0
	assert "$(curl -sk "$url/$fp?secret=" | jq -r .error)" = "Image not found"
	assert "$(curl -sk -X DELETE -o /dev/null -w '%{http_code}' "$url/$fp")" = 403
	assert "$(curl -sk -X POST -o /dev/null -w '%{http_code}' "$url/$fp/secret")" = 403
	secret=$("$BERTH" --socket "$OTHER" query --raw -X POST "/1.0/images/$fp/secret" 2>/dev/null | jq -r .metadata.metadata.secret)
	assert "$secret" =~ '^[0-9a-f]{64}$'
	assert "$(curl -sk "$url/$fp/export?secret=$secret" | sha256sum | cut -d' ' -f1)" = "$fp"
	assert "$(curl -sk "$url/$fp?secret=${secret%?}" | jq -r .error)" = "Image not found"
	stock image delete other:hidden
}

# fetch SOURCE-JSON: POST /1.0/images and wait; its error in $body, "" when it went well
fetch() {
	api POST /1.0/images "$(jq -c --rawfile c "$BERTH_TEST_ROOT/server.crt" \
		'{source: (. + {certificate: (.certificate // $c), mode: (.mode // "pull")})}' <<<"$1")"
	if [[ $http == 202 ]]; then
		api GET "$(field .operation)/wait"
		body=$(field .metadata.err)
	else
		body=$(field .error)
	fi
	wait_for 10 no_staging
}

not_fetched() { # PART SOURCE-JSON
	fetch "$2"
	contains "$body" "$1" "answer to $2"
}

target() { # URL: what an export is told
	jq -n --arg t "$1" --rawfile c "$BERTH_TEST_ROOT/server.crt" '{target: $t, certificate: $c, secret: "s"}'
}

not_pushed() { # PART URL
	api POST "/1.0/images/$("$BERTH" query /1.0/images/aliases/bb | jq -r .target)/export" "$(target "$2")"
	if [[ $http == 202 ]]; then
		api GET "$(field .operation)/wait"
		body=$(field .metadata.err)
	else
		body=$(field .error)
	fi
	contains "$body" "$1" "push to $2"
}

# send FINGERPRINT SECRET FILE [CURL'S…]: an upload by a stranger, as another server does it
send() {
	http=$(curl -sk --max-time 60 -o "$BATS_TEST_TMPDIR/body" -w '%{http_code}' -H 'Content-Type: application/octet-stream' \
		-H "X-LXD-fingerprint: $1" -H "X-LXD-secret: $2" -T "$3" -X POST "${@:4}" "https://$BERTH_TEST_SUBNET.1:8443/1.0/images")
	body=$(cat "$BATS_TEST_TMPDIR/body")
}

secret() { # FINGERPRINT: of a token for it
	api POST /1.0/images "{\"source\":{\"mode\":\"push\",\"fingerprint\":\"$1\"},\"properties\":{\"told\":\"yes\"}}"
	assert "$http $(field .metadata.class)" = "202 token"
	field .metadata.metadata.secret
}

@test "pushed both ways, and what strangers push" {
	local fp split s op url="https://$BERTH_TEST_SUBNET.1:8443/1.0"
	stock config set core.https_address="$BERTH_TEST_SUBNET.1"
	stock config set core.trust_password=sekret
	stock remote add own "https://$BERTH_TEST_SUBNET.1:8443" --accept-certificate --password=sekret
	variant pushed "$BATS_TEST_TMPDIR/p.tar.gz"
	tar czf "$BATS_TEST_TMPDIR/meta.tar.gz" -C "$BATS_TEST_TMPDIR/t" metadata.yaml
	tar czf "$BATS_TEST_TMPDIR/root.tar.gz" -C "$BATS_TEST_TMPDIR/t/rootfs" .
	fp=$(sha256sum "$BATS_TEST_TMPDIR/p.tar.gz" | cut -d' ' -f1)
	split=$(cat "$BATS_TEST_TMPDIR"/{meta,root}.tar.gz | sha256sum | cut -d' ' -f1)
	stock image import "$BATS_TEST_TMPDIR/p.tar.gz" own: --alias pushed user.kept=1
	stock image import "$BATS_TEST_TMPDIR"/{meta,root}.tar.gz own: --alias split --public
	stock image unset-property own:pushed variant # which the archive says again
	stock query -X PATCH -d '{"expires_at":"2031-02-03T04:05:06Z"}' "/1.0/images/$fp"
	stock image copy own:pushed other: --mode=push --copy-aliases --alias second
	stock image copy own:split other: --mode=push --alias split --public # of a public one the client names the alias only
	stock_refused "Image with same fingerprint already exists" image copy own:pushed other: --mode=push
	stock image list other: -c Fpl -f csv
	contains "$output" "$fp,no,pushed (1 more)"
	contains "$output" "$split,yes,split"
	stock image show other:pushed
	contains "$output" 'user.kept: "1"'
	contains "$output" "expires_at: 2031-02-03T04:05:06Z"
	[[ $output != *variant* ]]
	stock image delete own:pushed own:split
	stock image copy other:pushed own: --mode=push
	stock query -X PATCH -d '{"public":false}' "other:/1.0/images/$split"
	stock image copy other:split own: --mode=push --alias split
	stock image export own:split "$BATS_TEST_TMPDIR/x"
	cmp "$BATS_TEST_TMPDIR/x.root" "$BATS_TEST_TMPDIR/root.tar.gz" || cmp "$BATS_TEST_TMPDIR/x.tar.gz" "$BATS_TEST_TMPDIR/root.tar.gz"
	stock launch own:split "$(name pushed)"
	assert "$(in_container "$(name pushed)" cat /etc/note)" = pushed
	stock delete -f "$(name pushed)"
	stock image delete own:split "own:$fp" other:split other:pushed

	# whoever has the secret, once, for that image, and sees what becomes of it
	s=$(secret "$fp")
	send "$fp" "${s%?}$([[ $s == *0 ]] && echo 1 || echo 0)" "$BATS_TEST_TMPDIR/p.tar.gz"
	assert "$http $(field .error)" = "403 not authorized"
	send "$split" "$s" "$BATS_TEST_TMPDIR/p.tar.gz"
	assert "$http" = 403
	send "$fp" "$s" "$BATS_TEST_TMPDIR/p.tar.gz" -H 'X-LXD-public: true' -H 'X-LXD-aliases: mine' -H 'X-LXD-properties: a=b'
	assert "$http" = 202
	op=$(field .operation)
	s=$(field .metadata.metadata.secret)
	assert "$(curl -sk "$url${op#/1.0}/wait" | jq -r .error)" = "not authorized"
	assert "$(curl -sk "$url${op#/1.0}/wait?secret=${s%?}x" | jq -r .error)" = "not authorized"
	assert "$(curl -sk "$url${op#/1.0}?secret=$s" | jq -r .error)" = "not authorized"
	assert "$(curl -sk "$url${op#/1.0}/wait?secret=$s" | jq -r .metadata.metadata.fingerprint)" = "$fp"
	stock query "/1.0/images/$fp"
	assert "$(jq -rc '[.public, .aliases, .properties]' <<<"$output")" = '[false,[],{"told":"yes"}]'
	stock image delete "$fp"
	send "$fp" "$(secret "$split")" "$BATS_TEST_TMPDIR/p.tar.gz"
	assert "$http" = 403
	# another image than the one that was asked for; half of one, and nothing more can come by that token
	s=$(secret "$split")
	send "$split" "$s" "$BATS_TEST_TMPDIR/p.tar.gz"
	assert "$(curl -sk "$url$(field '.operation | ltrimstr("/1.0")')/wait?secret=$(field .metadata.metadata.secret)" | jq -r .metadata.err)" =~ "doesn't match"
	s=$(secret "$fp")
	wait_for 10 no_staging
	curl -sk --max-time 300 -H "X-LXD-fingerprint: $fp" -H "X-LXD-secret: $s" -H 'Content-Length: 9999999' -o /dev/null \
		-H 'Content-Type: application/octet-stream' -T "$BATS_TEST_TMPDIR/p.tar.gz" -X POST "$url/images" 3>&- 4>&- &
	wait_for 10 staged
	kill $!
	wait $! || true
	send "$fp" "$s" "$BATS_TEST_TMPDIR/p.tar.gz"
	assert "$http" = 403
	wait_for 10 no_staging
	api POST /1.0/images '{"source":{"mode":"push"}}'
	assert "$http" = 400
	api POST /1.0/images '{"source":{"mode":"push","fingerprint":"x"},"expires_at":"soon"}'
	assert "$http" = 400
	assert "$(curl -sk -H 'Content-Type: application/json' -d '{"source":{"mode":"push","fingerprint":"x"}}' "$url/images" | jq -r .error)" = "not authorized"
	# killed while it sends: there nothing stays
	fault image-push/push/kill-after
	stock '?' image copy bb other: --mode=push --alias sent
	revive
	wait_for 10 no_staging "$BERTH_TEST_ROOT/o"
	stock '?' image delete other:sent
	stock config unset core.trust_password
	stock config unset core.https_address
}

@test "other protocols; servers that lie, redirect or never end" {
	local base fp port=$BERTH_TEST_ROOT/port
	variant served "$BATS_TEST_TMPDIR/f.tar.gz"
	fp=$(sha256sum "$BATS_TEST_TMPDIR/f.tar.gz" | cut -d' ' -f1)
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other.name \
		-keyout "$BERTH_TEST_ROOT/server.key" -out "$BERTH_TEST_ROOT/server.crt" 2>/dev/null
	"$BATS_TEST_DIRNAME/image-server.py" "$BERTH_TEST_SUBNET.1" "$BERTH_TEST_ROOT/server.crt" "$BERTH_TEST_ROOT/server.key" \
		"$BATS_TEST_TMPDIR/f.tar.gz" >"$port" 2>"$BERTH_TEST_ROOT/server.log" 3>&- 4>&- &
	echo $! >"$BERTH_TEST_ROOT/server.pid"
	wait_for 20 test -s "$port"
	base="https://$BERTH_TEST_SUBNET.1:$(cat "$port")"

	fetch "{\"type\":\"url\",\"url\":\"$base/direct\"}"
	assert "$body" = ""
	stock image delete "$fp"
	fetch "{\"type\":\"image\",\"protocol\":\"lxd\",\"server\":\"$base/\",\"fingerprint\":\"$fp\"}"
	assert "$body" = ""
	stock query "/1.0/images/$fp"
	assert "$(jq -r '[.filename, .properties.os] | join(" ")' <<<"$output")" = "y.tar.gz fromserver"
	stock image delete "$fp"

	# our own client
	run_berth image copy "$base/$fp" --certificate "$BERTH_TEST_ROOT/server.crt" --alias own --public
	contains "$output" "$fp"
	refused 1 "Image source not found" image refresh own
	refused 2 "is not https://SERVER/IMAGE" image copy "http://x/y"
	run_berth image delete own

	not_fetched "no https:// address" "{\"type\":\"url\",\"url\":\"http://127.0.0.1/x\"}"
	not_fetched "no https:// address" "{\"type\":\"url\",\"url\":\"file:///etc/passwd\"}"
	not_fetched "no https:// address" "{\"type\":\"image\",\"protocol\":\"lxd\",\"server\":\"gopher://x\",\"alias\":\"x\"}"
	not_fetched "Unsupported protocol: ftp" "{\"type\":\"image\",\"protocol\":\"ftp\",\"server\":\"$base\",\"alias\":\"x\"}"
	not_fetched "alias or fingerprint" "{\"type\":\"image\",\"protocol\":\"lxd\",\"server\":\"$base\"}"
	not_fetched "no https:// address" "{\"type\":\"url\",\"url\":\"$base/elsewhere\"}"
	not_fetched "Missing LXD-Image-Hash header" "{\"type\":\"url\",\"url\":\"$base/nohash\"}"
	not_fetched "no fingerprint" "{\"type\":\"url\",\"url\":\"$base/badhash\"}"
	not_fetched "fingerprint doesn't match" "{\"type\":\"url\",\"url\":\"$base/liar\"}"
	not_fetched "rotocol" "{\"type\":\"url\",\"url\":\"$base/tofile\"}"
	not_fetched "rotocol" "{\"type\":\"url\",\"url\":\"$base/tohttp\"}"
	not_fetched "redirects" "{\"type\":\"url\",\"url\":\"$base/loop\"}"
	not_fetched "larger than image_max_bytes" "{\"type\":\"url\",\"url\":\"$base/endless\"}"
	not_fetched "cannot get it" "{\"type\":\"url\",\"url\":\"$base/cut\"}"
	not_fetched "HTTP 404" "{\"type\":\"url\",\"url\":\"$base/nosuch\"}"
	not_fetched "is of another" "{\"type\":\"image\",\"protocol\":\"lxd\",\"server\":\"$base\",\"fingerprint\":\"other\"}"
	not_fetched "image property" "{\"type\":\"image\",\"protocol\":\"lxd\",\"server\":\"$base\",\"fingerprint\":\"$(printf '2%.0s' {1..64})\"}"
	not_fetched "no JSON object" "{\"type\":\"image\",\"protocol\":\"lxd\",\"server\":\"$base\",\"fingerprint\":\"list\"}"
	not_fetched "Not Found" "{\"type\":\"image\",\"protocol\":\"lxd\",\"server\":\"$base\",\"alias\":\"nosuch\"}"
	not_fetched "another certificate" "{\"type\":\"url\",\"url\":\"$base/direct\",\"certificate\":$(jq -Rs . "$BERTH_TEST_ROOT/o/state/server.crt")}"
	not_fetched "is not one" "{\"type\":\"url\",\"url\":\"$base/direct\",\"certificate\":\"junk\"}"
	not_fetched "certificate" "{\"type\":\"url\",\"url\":\"$base/direct\",\"certificate\":\"\"}"
	# and as servers that an image is pushed to
	not_pushed "not authorized" "$base/refusing"
	not_pushed "HTTP 302" "$base/moved"
	not_pushed "no JSON object" "$base/list"
	not_pushed "is not LXD's" "$base/badid"
	not_pushed "longer than" "$base/large"
	not_pushed 'Failed operation "Failure": "no such' "$base/failing"
	not_pushed "no https:// address" "http://127.0.0.1:1"
	not_pushed "cannot send it" "https://127.0.0.1:1"
	not_pushed "another certificate" "https://$BERTH_TEST_SUBNET.1:8444"
	fp=$("$BERTH" query /1.0/images/aliases/bb | jq -r .target)
	api POST "/1.0/images/$fp/export" "$(target "$base/never")"
	stock operation delete "$(field .metadata.id)" # the child that waits ends, too
	api GET "$(field .operation)/wait"
	assert "$(field .metadata.status)" = Cancelled
	# simplestreams finds the files; that these two are no archives is the unpacker's affair
	not_fetched "cut off" "{\"type\":\"image\",\"protocol\":\"simplestreams\",\"server\":\"$base\",\"alias\":\"test/1/amd64\"}"
	not_fetched "Image not found" "{\"type\":\"image\",\"protocol\":\"simplestreams\",\"server\":\"$base\",\"alias\":\"test/2\"}"
	stock image list -c l -f csv
	assert "$output" = bb
}

@test "killed on the way, nothing is left" {
	local step
	variant killed "$BATS_TEST_TMPDIR/k.tar.gz"
	stock image import "$BATS_TEST_TMPDIR/k.tar.gz" other: --alias kill
	for step in resolve download seal; do
		fault "image-download/$step/fail"
		stock 1 image copy other:kill local:
		wait_for 10 no_staging
	done
	for step in download import; do
		fault "image-download/$step/kill"
		stock '?' image copy other:kill local:
		revive
		wait_for 10 no_staging
	done
	stock image delete other:kill
	stock image list -c l -f csv
	[[ $output == bb* ]]
}

@test "nothing is left behind" {
	teardown_file_more
	leak_check
}
