# SPDX-License-Identifier: MIT
# What strangers on the network and containers try that must not work.

bats_require_minimum_version 1.5.0
load helpers
load lxd

address() {
	echo "$BERTH_TEST_SUBNET.1:8443"
}

stranger() { # CURL'S ARGUMENTS… PATH: the status in $http, the answer in $body
	http=$(curl -sk --max-time 60 -o "$BATS_TEST_TMPDIR/body" -w '%{http_code}' "${@:1:$#-1}" "https://$(address)${!#}") ||
		die "FAIL: curl $*"
	body=$(cat "$BATS_TEST_TMPDIR/body")
	printf '%s -> %s\n%s\n' "$*" "$http" "${body:0:300}" >&2
}

# One line per row of the route tables of src/api: METHOD PATH
routes() {
	sed -nE 's/^\s*\{ "([A-Z]+)", "(\/[^"]*)".*/\1 \2/p' "$REPO"/src/api/*.c | sed -E 's/\{[^}]*\}/bb/g' | sort -u
}

@test "every route is closed to strangers, with a body, an upgrade, or as HEAD" {
	local method path config=$BATS_TEST_TMPDIR/curl
	stock config set core.https_address="$BERTH_TEST_SUBNET.1"
	(($(routes | wc -l) > 150)) || die "FAIL: only $(routes | wc -l) routes were found"
	while read -r method path; do
		case "$method $path" in
		"GET /" | "GET /1.0" | "GET /1.0/images" | "GET /1.0/images/aliases" | "GET /1.0/images/"*) continue ;;
		"POST /1.0/certificates") continue ;;
		*" /1.0/operations/bb/websocket") continue ;; # who has its secret may: other servers have no certificate
		esac
		printf 'next\ninsecure\nsilent\noutput=/dev/null\nurl="https://%s%s"\nwrite-out="%%{http_code} %s %s\\n"\n' \
			"$(address)" "$path" "$method" "$path"
		[[ $method == HEAD ]] && echo head || echo "request=$method"
		[[ $method == P* ]] && echo 'data={}'
		printf 'header="Connection: Upgrade"\nheader="Upgrade: %s"\n' "$([[ $path == *sftp ]] && echo sftp || echo websocket)"
		printf 'header="Sec-WebSocket-Version: 13"\nheader="Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="\n'
	done < <(routes; routes | sed -n 's/^GET/HEAD/p' | grep -v '/1.0/images\|^HEAD /$\|^HEAD /1.0$') | sed 1d >"$config"
	run curl --max-time 100 -K "$config"
	assert "$status" -eq 0
	(($(grep -c '^403 ' <<<"$output") > 200)) || die "FAIL: too few answers" "$output"
	run grep -v '^403 ' <<<"$output"
	assert "$output" = "" "what is open"
	stranger /1.0/operations/bb/websocket
	assert "$http" -eq 400
	contains "$body" "missing secret"
	stranger '/1.0/operations/bb/websocket?secret=bb'
	assert "$http" -eq 404
	for path in /1.0/images/%2e%2e/instances //1.0/instances /1.0/images/../instances /1.0/images/aliases/%2e%2e%2finstances; do
		stranger --path-as-is "$path"
		assert "$http" -eq 404
	done
}

@test "a stranger's body is small, whatever http_max_body is" {
	head -c 100000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/large"
	stranger --data-binary "@$BATS_TEST_TMPDIR/large" /1.0/certificates
	assert "$http" -eq 413
	stranger -H 'Transfer-Encoding: chunked' --data-binary "@$BATS_TEST_TMPDIR/large" /1.0/certificates
	assert "$http" -eq 413
	api POST /1.0/certificates "$(cat "$BATS_TEST_TMPDIR/large")"
	assert "$http" -eq 400
}

@test "a stranger gets what is public, a split image in one body" {
	local dir=$BATS_TEST_TMPDIR fp
	mkdir "$dir/tree"
	tar -xzf "$BUSYBOX_IMAGE" -C "$dir/tree"
	tar -czf "$dir/metadata.tar.gz" -C "$dir/tree" metadata.yaml
	tar -czf "$dir/rootfs.tar.gz" -C "$dir/tree/rootfs" .
	stock image import "$dir/metadata.tar.gz" "$dir/rootfs.tar.gz" --alias split --public
	fp=$(cat "$dir/metadata.tar.gz" "$dir/rootfs.tar.gz" | sha256sum | cut -d ' ' -f 1)
	run curl -skI "https://$(address)/1.0/images/$fp/export"
	contains "$output" "Content-Length: "
	stranger "/1.0/images/$fp/export"
	assert "$http" -eq 200
	contains "$output" "Content-Length: $(stat -c %s "$dir/body")"
	stranger "/1.0/images/${fp:0:4}"
	assert "$http" -eq 200
	stock image delete split
}

@test "a certificate is trusted no longer than it is valid" {
	local dir=$BATS_TEST_TMPDIR fp c
	for c in old new; do
		openssl ecparam -genkey -name secp384r1 -noout -out "$dir/$c.key"
		openssl req -new -key "$dir/$c.key" -subj "/CN=$c" -out "$dir/$c.csr"
	done
	openssl x509 -req -in "$dir/new.csr" -signkey "$dir/new.key" -days 2 -out "$dir/new.crt" 2>/dev/null
	openssl x509 -req -in "$dir/old.csr" -signkey "$dir/old.key" -days -1 -out "$dir/old.crt" 2>/dev/null
	stock_refused "expired" config trust add "$dir/old.crt"
	stock config trust add "$dir/new.crt"
	# one that was valid when it was added
	fp=$(openssl x509 -noout -fingerprint -sha256 -in "$dir/old.crt" | sed 's/.*=//; s/://g' | tr A-F a-f)
	jq -n --rawfile c "$dir/old.crt" --arg f "$fp" '{name: "old", type: "client", certificate: $c, fingerprint: $f}' \
		>"$BERTH_TEST_ROOT/state/trust/$fp.json"
	daemon_restart
	stock config trust list -f csv
	contains "$output" ",old,"
	stranger --cert "$dir/new.crt" --key "$dir/new.key" /1.0/instances
	assert "$http" -eq 200
	stranger --cert "$dir/old.crt" --key "$dir/old.key" /1.0/instances
	assert "$http" -eq 403
}

# The root of a volume is the container's, which may swap a folder for a link just when a copy goes down.
@test "a copy of a volume follows no link that a container puts there meanwhile" {
	local v=$BERTH_TEST_ROOT/volume secret=$BERTH_TEST_ROOT/secret swapper i
	stock storage volume create default hv
	v=$(find "$BERTH_TEST_ROOT" -type d -path '*custom/hv' | head -n 1)
	[[ -n $v ]] || die "FAIL: the volume has no folder"
	mkdir -p "$v/a/b" "$secret/b"
	for i in {1..100}; do
		echo inside >"$v/a/b/f$i"
		echo secret >"$secret/b/f$i"
	done
	ln -s "$secret" "$v/link"
	python3 -c 'import ctypes, sys
swap = ctypes.CDLL(None).renameat2
while True: swap(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2)' "$v/a" "$v/link" 3>&- 4>&- &
	swapper=$!
	for i in 1 2 3; do
		stock '?' storage volume snapshot default hv "s$i"
	done
	kill "$swapper"
	wait "$swapper" || true
	stock storage volume snapshot default hv rest
	run find "$BERTH_TEST_ROOT" -path '*hv/*rest*' -type f -name f100
	assert "${#lines[@]}" -eq 1
	run grep -rl secret "$(dirname "$v")"
	assert "$output" = "" "what was copied from outside"
	stock storage volume delete default hv
}

@test "an image that names one template many times does not fill berthd's memory, and no path leads out" {
	local c
	c=$(name tpl)
	stock init bb "$c"
	head -c 1000000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/large"
	api POST "/1.0/instances/$c/metadata/templates?path=t.tpl" "$(cat "$BATS_TEST_TMPDIR/large")"
	assert "$http" -eq 200
	api PUT "/1.0/instances/$c/metadata" "$(jq -nc '{templates: ([{key: "/../../../../out", value: {template: "t.tpl", when: ["start"]}}] +
		[range(100) | {key: "/in/\(.)", value: {template: "t.tpl", when: ["start"]}}] | from_entries)}')"
	assert "$http" -eq 200
	stock start "$c"
	assert "$(in_container "$c" sh -c 'ls /in | wc -l')" -le 8
	assert "$(in_container "$c" sh -c 'wc -c </out')" -eq 1000000
	stock warning list --format csv
	contains "$output" "Template not applied"
	stock delete -f "$c"
}

@test "an instance goes, however long the paths in it are" {
	local c
	c=$(name deep)
	run_berth init bb "$c" -s dir
	python3 -c 'import os, sys
os.chdir(sys.argv[1])
for i in range(20):
    os.mkdir("d" * 250); os.chdir("d" * 250)' "$BERTH_TEST_ROOT/lxc/$c/rootfs/tmp"
	stock delete "$c" # lxc-destroy gives up, or crashes
	[[ ! -e $BERTH_TEST_ROOT/lxc/$c ]] || die "FAIL: something is left"
}

@test "nothing is left behind" {
	leak_check
}
