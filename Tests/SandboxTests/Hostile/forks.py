# Each child forks on. All of it is over when process 1 inside is; before, the machine must not notice.
import os, sys, time
count = 0
try:
    while count < 100_000:
        child = os.fork()
        if child == 0: time.sleep(1000)
        count += 1
    print("made", count)
except OSError as error:
    if error.errno != 11: print(error)
if count > 64: print("made", count)   # it was given 64
try:
    while True:
        if os.fork() == 0:
            while True:
                try: os.fork()
                except OSError: pass
except OSError: pass
print("contained", flush=True)
os._exit(0)
