#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An image server for lxd-image.bats: good and bad answers over HTTPS.

usage: image-server.py ADDRESS CERT KEY FILE    (prints its port; FILE is the archive it offers)
"""
import hashlib
import http.server
import json
import ssl
import sys

address, cert, key, name = sys.argv[1:]
with open(name, "rb") as f:
    image = f.read()
meta, root = image[:700], image[700:]
sums = {k: hashlib.sha256(v).hexdigest() for k, v in {"image": image, "meta": meta, "root": root}.items()}
base = ""


def lxd(fingerprint, **more):
    return json.dumps({"type": "sync", "status_code": 200, "metadata": {
        "fingerprint": fingerprint, "type": "container", "properties": {}, **more}}).encode()


def streams(combined):
    return json.dumps({"products": {"test:1:amd64:default": {
        "aliases": "test/1,test", "arch": "amd64", "os": "Test", "release": "one", "release_title": "1",
        "versions": {
            "20200101": {"items": {}},
            "20260101": {"items": {
                "lxd.tar.xz": {"ftype": "lxd.tar.xz", "path": "meta", "sha256": sums["meta"], "combined_squashfs_sha256": combined},
                "root.squashfs": {"ftype": "squashfs", "path": "root", "sha256": sums["root"]}}}}}}}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, body, status=200, **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        p = self.path
        if p == "/direct":
            agents = self.headers.get("LXD-Server-Architectures", "")
            assert "x86_64" in agents or agents
            self.say(b"", LXD_Image_Hash=sums["image"], LXD_Image_URL=base + "/file")
        elif p == "/elsewhere":
            self.say(b"", LXD_Image_Hash=sums["image"], LXD_Image_URL="file:///etc/passwd")
        elif p == "/nohash":
            self.say(b"", LXD_Image_URL=base + "/file")
        elif p == "/badhash":
            self.say(b"", LXD_Image_Hash="../../x", LXD_Image_URL=base + "/file")
        elif p == "/liar":
            self.say(b"", LXD_Image_Hash="0" * 64, LXD_Image_URL=base + "/file")
        elif p == "/tofile":
            self.say(b"", LXD_Image_Hash=sums["image"], LXD_Image_URL=base + "/redirect/file")
        elif p == "/tohttp":
            self.say(b"", LXD_Image_Hash=sums["image"], LXD_Image_URL=base + "/redirect/http")
        elif p == "/loop":
            self.say(b"", LXD_Image_Hash=sums["image"], LXD_Image_URL=base + "/redirect/loop")
        elif p == "/endless":
            self.say(b"", LXD_Image_Hash=sums["image"], LXD_Image_URL=base + "/zeros")
        elif p == "/cut":
            self.say(b"", LXD_Image_Hash=sums["image"], LXD_Image_URL=base + "/half")
        else:
            self.say(b"", 404)

    def do_GET(self):
        p = self.path.split("?")[0]
        if p == "/file":
            self.say(image)
        elif p in ("/meta", "/root"):
            self.say({"/meta": meta, "/root": root}[p])
        elif p == "/redirect/file":
            self.say(b"", 302, Location="file:///etc/passwd")
        elif p == "/redirect/http":
            self.say(b"", 302, Location=base.replace("https", "http") + "/file")
        elif p == "/redirect/loop":
            self.say(b"", 302, Location=base + p)
        elif p == "/zeros":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                while True:
                    self.wfile.write(bytes(1 << 20))
            except OSError:
                pass
        elif p == "/half":
            self.send_response(200)
            self.send_header("Content-Length", str(len(image)))
            self.end_headers()
            self.wfile.write(image[: len(image) // 2])
            self.close_connection = True
        elif p == "/1.0/images/other":
            self.say(lxd("1" * 64))
        elif p == "/1.0/images/" + "2" * 64:
            self.say(lxd("2" * 64, properties={"a\nb": "x"}))
        elif p == "/1.0/images/" + "2" * 64 + "/export":
            self.say(image)
        elif p == "/1.0/images/" + sums["image"]:
            self.say(lxd(sums["image"], filename="../../x/y.tar.gz", properties={"os": "fromserver"}))
        elif p == "/1.0/images/" + sums["image"] + "/export":
            self.say(image)
        elif p == "/1.0/images/list":
            self.say(b"[1,2]")
        elif p.startswith("/never/1.0/operations/"):
            self.say(self.operation(103, ""))
        elif p.startswith("/failing/1.0/operations/"):
            self.say(self.operation(400, "no\nsuch\x1b[2J luck"))
        elif p == "/streams/v1/index.json":
            self.say(json.dumps({"index": {"images": {"datatype": "image-downloads", "path": "streams/v1/images.json"}}}).encode())
        elif p == "/streams/v1/images.json":
            self.say(streams(sums["image"]))
        else:
            self.say(json.dumps({"type": "error", "error_code": 404, "error": "Not Found"}).encode(), 404)

    @staticmethod
    def operation(status, err, name="11111111-2222-4333-8444-555555555555"):
        return json.dumps({"type": "async", "metadata": {"id": name, "status": "Failure", "status_code": status,
                                                         "err": err, "metadata": {"secret": "a b&c"}}}).encode()

    # what an image is pushed to: /HOW/1.0/images
    def do_POST(self):
        how = self.path.split("/")[1]
        sent = hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest()
        if how == "refusing" or sent != self.headers["X-LXD-fingerprint"]:
            self.say(json.dumps({"type": "error", "error_code": 403, "error": "not authorized"}).encode(), 403)
        elif how == "moved":
            self.say(b"", 302, Location=base + "/never/1.0/images")
        elif how == "list":
            self.say(b"[]", 202)
        elif how == "badid":
            self.say(self.operation(103, "", "../../../etc/passwd"), 202)
        elif how == "large":
            self.say(b" " * (2 << 20), 202)
        else:
            self.say(self.operation(103, ""), 202)


server = http.server.ThreadingHTTPServer((address, 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
base = f"https://{address}:{server.server_address[1]}"
print(server.server_address[1], flush=True)
server.serve_forever()
