#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends random bytes and fails unless they come back.

usage: echo-client.py tcp:HOST:PORT|udp:HOST:PORT|unix:PATH|unix:@NAME [BYTES]    ("line": prints what comes back)
"""
import os
import socket
import sys
import threading

kind, where = sys.argv[1].split(":", 1)
line = sys.argv[2:] == ["line"]
data = b"hello\n" if line else os.urandom(int(sys.argv[2]) if len(sys.argv) > 2 else 10)
if kind == "unix":
    s = socket.socket(socket.AF_UNIX)
    s.connect("\0" + where[1:] if where[0] == "@" else where)
else:
    host, port = where.rsplit(":", 1)
    s = socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    s.settimeout(60)
    s.connect((host, int(port)))
if kind == "udp":
    s.send(data)
    sys.exit(s.recv(65536) != data)


def send():
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)


threading.Thread(target=send, daemon=True).start()
back = bytearray()
while chunk := s.recv(65536):
    back += chunk
if line:
    print(back.decode().rstrip())
else:
    sys.exit(bytes(back) != data)
