#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends back what it gets.

usage: echo-server.py tcp:HOST:PORT|udp:HOST:PORT|unix:PATH [first]    (first: of TCP, only the first line)
"""
import socket
import sys
import threading

kind, where = sys.argv[1].split(":", 1)


def serve(client):
    if sys.argv[2:] == ["first"]:
        client.sendall(client.makefile("rb").readline())
    else:
        while data := client.recv(65536):
            client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    client.close()


if kind == "unix":
    s = socket.socket(socket.AF_UNIX)
    s.bind(where)
else:
    host, port = where.rsplit(":", 1)
    s = socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, int(port)))
if kind == "udp":
    while True:
        packet, peer = s.recvfrom(65536)
        s.sendto(packet, peer)
s.listen(64)
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
