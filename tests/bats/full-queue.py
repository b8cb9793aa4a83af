#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# full-queue.py PORT PATH: a server at the unix socket PATH whose queue is full while 20 clients come through 127.0.0.1:PORT,
# the listening port of a proxy to it. Then it serves: each client must get its own line back.
import os
import socket
import sys
import time

port, path = int(sys.argv[1]), sys.argv[2]
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(0)
os.chmod(path, 0o666)
fillers = []
try:
    while True:
        filler = socket.socket(socket.AF_UNIX)
        filler.setblocking(False)
        filler.connect(path)
        fillers.append(filler)
except BlockingIOError:
    pass
clients = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(20)]
for i, client in enumerate(clients):
    client.sendall(b"%d\n" % i)


def not_taken():  # connections that the proxy has not accepted: the kernel's rx_queue of its listening socket
    for line in open("/proc/net/tcp", encoding="ascii"):
        word = line.split()
        if word[3] == "0A" and word[1] == "0100007F:%04X" % port:
            return int(word[4].split(":")[1], 16)
    sys.exit("nobody listens")


while not_taken():
    time.sleep(0.01)
server.settimeout(20)
for filler in fillers:  # which stays in the queue
    filler.close()
for _ in range(len(fillers) + len(clients)):
    peer = server.accept()[0]
    line = peer.recv(100)
    if line:
        peer.sendall(line)
    peer.close()
for i, client in enumerate(clients):
    assert client.recv(100) == b"%d\n" % i, f"client {i} was dropped"
