import os
try:
    with open("/tmp/full", "wb", buffering=0) as file:
        for _ in range(10_000): file.write(b"x" * 65536)
    print("wrote", os.path.getsize("/tmp/full"))
except OSError as error:
    if error.errno != 28: print(error)
size = os.path.getsize("/tmp/full")
if not 7 << 20 < size <= 8 << 20: print("wrote", size)   # it was given 8 MB
os.unlink("/tmp/full")
open("/tmp/again", "w").write("fine")
print("contained")
