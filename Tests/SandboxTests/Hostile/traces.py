# The process above it, and the calls that debuggers use.
import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
attach, seize, me = 16, 0x4206, 0
for request, process in ((attach, 1), (seize, 1), (me, 0)):
    if c.ptrace(request, process, 0, 0) == 0: print("traced", request)
buffer = ctypes.create_string_buffer(64)
class Part(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
here, there = Part(ctypes.addressof(buffer), 64), Part(0x400000, 64)
if c.process_vm_readv(1, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0: print("read memory")
for name in ("mem", "environ", "stack", "fd/0"):
    try: open(f"/proc/1/{name}", "rb").read(1) and print("read", name)
    except OSError: pass
print("contained")
