#!/usr/bin/python3 -SE
# Waits until port 80 of each address answers.
import socket, sys, time
for host in sys.argv[1:]:
    for _ in range(200):
        try: socket.create_connection((host, 80), timeout=1).close(); break
        except OSError: time.sleep(0.02)
