# What runs functions on Python: inside the sandbox, as /var/runtime/python.py, before any of the function's code.
# Talks with the proxy over descriptor 3, in frames of a header of four numbers (little endian: bytes of the body, kind, serial, and the
# most memory used so far in KB) and a body; Bootstraps/Frame.swift has the kinds.
# Handlers, errors and log lines are Lambda's (aws-lambda-python-runtime-interface-client; spec/lambda-at-edge.md, 6 and 10).
import decimal
import importlib
import json
import logging
import os
import resource
import struct
import sys
import time
import traceback

CONTROL = 3
HEADER = struct.Struct("<4I")
RESULT_LIMIT = 6 << 20  # Invocation.payloadLimitBytes
PREFIX = struct.Struct("<d36sI")
LOAD, INVOKE, READY, LOADED, RESULT, FAILURE, LAST_FAILURE = 1, 2, 16, 17, 18, 19, 20

request_id = None
root = "/var/task"


# Frames

def read_frame():
    """Waits for a frame: its kind, serial and body. The proxy's end closed: the environment is to end."""
    data = os.read(CONTROL, 262144)
    while len(data) < HEADER.size:
        more = os.read(CONTROL, 262144) if data else b""
        if not more:
            os._exit(0)
        data += more
    length, kind, serial, _ = HEADER.unpack_from(data)
    missing = HEADER.size + length - len(data)
    if missing == 0:
        return kind, serial, data
    parts = [data]
    while missing > 0:
        more = os.read(CONTROL, missing)
        if not more:
            os._exit(0)
        missing -= len(more)
        parts.append(more)
    return kind, serial, b"".join(parts)


answers = 0
memory_used = 0


def send(kind, serial, body):
    global answers, memory_used
    if answers & 15 == 0:
        memory_used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers += 1
    data = HEADER.pack(len(body), kind, serial, memory_used) + body
    written = os.write(CONTROL, data)
    while written < len(data):
        written += os.write(CONTROL, data[written:])


# Output. A function may close sys.stdout and sys.stderr, or put something else in their place.

OUTPUT, ERRORS = sys.stdout, sys.stderr


def say(line):
    text = line.replace("\n", "\r") + "\n"
    try:
        sys.stdout.write(text)
        return
    except Exception:
        flush()
    for descriptor in (1, 2):
        try:
            os.write(descriptor, text.encode("utf-8", "replace"))
            return
        except OSError:
            pass


def flush():
    """What was written until now belongs to this invocation, whether or not its line has an end."""
    for stream, own in ((sys.stdout, OUTPUT), (sys.stderr, ERRORS)):
        for each in (stream,) if stream is own else (stream, own):
            try:
                each.flush()
            except Exception:
                pass


# Log lines

class LambdaHandler(logging.Handler):
    """Writes what goes to `logging` in Lambda's form; one record is one line."""

    def emit(self, record):
        record.aws_request_id = request_id
        say(self.format(record))


def adopt_logging():
    logging.Formatter.converter = time.gmtime
    handler = LambdaHandler()
    handler.setFormatter(
        logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"))
    logging.getLogger().addHandler(handler)


# Errors

class Fault(Exception):
    """A failure with a name of the runtime's."""

    def __init__(self, name, message, trace=()):
        super().__init__(message)
        self.name = name
        self.trace = list(trace)


# How many characters of an error are told: of its type, its message, a line of its trace, and the trace.
TOLD_TYPE, TOLD_MESSAGE, TOLD_LINE, TOLD_TRACE = 1024, 65536, 4096, 131072


def describe(error):
    """What Lambda's Invoke API answers for an exception, no longer than a frame can be."""
    description = describe_whole(error)
    trace, left = [], TOLD_TRACE
    for line in description["stackTrace"]:
        trace.append(line[:min(TOLD_LINE, left)])
        left -= len(trace[-1])
        if left <= 0:
            break
    return {"errorMessage": description["errorMessage"][:TOLD_MESSAGE], "errorType": description["errorType"][:TOLD_TYPE], "stackTrace": trace}


def describe_whole(error):
    if isinstance(error, Fault):
        return {"errorMessage": str(error), "errorType": error.name, "stackTrace": error.trace}
    try:
        message = str(error)
    except Exception:
        message = "the exception cannot be described"
    return {"errorMessage": message, "errorType": type(error).__name__, "stackTrace": own_trace(error) or traceback.format_tb(error.__traceback__)}


def own_trace(error):
    """Where it was raised: what led to the function's own code is of no interest to its author. Nothing when that has no part in it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [index for index, frame in enumerate(frames) if frame.filename.startswith(root + "/")]
    return traceback.format_list(frames[own[0]:]) if own else []


def causes(error):
    """What an exception came from, as its author is told: a line each, and no more than a few."""
    found = []
    while len(found) < 4:
        came_from = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if came_from is None:
            break
        try:
            found.append("Caused by: %s: %s" % (type(came_from).__name__[:TOLD_TYPE], str(came_from)[:TOLD_MESSAGE]))
        except Exception:
            break
        error = came_from
    return found


def say_error(description, error=None):
    lines = ["[ERROR] %s: %s" % (description["errorType"], description["errorMessage"])]
    if description["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        lines += [line.rstrip("\n") for line in description["stackTrace"]]
    if error is not None:
        lines += causes(error)
    say("\n".join(lines))


class Encoder(json.JSONEncoder):
    def default(self, value):
        if isinstance(value, decimal.Decimal):
            return float(value)
        raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


encode = Encoder(ensure_ascii=False, separators=(",", ":")).encode


def dump(value):
    return encode(value).encode("utf-8", "replace")


# Loading

def load_handler(handler):
    try:
        module_name, name = handler.rsplit(".", 1)
    except ValueError:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': it has the form file.function" % handler) from None
    module_name = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error), own_trace(error)) from None
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s\n' % (error.filename, error.lineno, (error.text or "").strip())]
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), trace) from None
    found = getattr(module, name, None)
    if found is None:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (name, module_name))
    if not callable(found):
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' on module '%s' is not callable" % (name, module_name))
    return found


class ClientContext:
    """The client context of Lambda's Invoke API."""

    class Client:
        def __init__(self, values):
            self.installation_id = values.get("installation_id")
            self.app_title = values.get("app_title")
            self.app_version_name = values.get("app_version_name")
            self.app_version_code = values.get("app_version_code")
            self.app_package_name = values.get("app_package_name")

    def __init__(self, values):
        self.client = ClientContext.Client(values.get("client") or {})
        self.custom = values.get("custom")
        self.env = values.get("env")


class Identity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    """What a handler is told about its invocation."""

    identity = Identity()

    def __init__(self, deadline, client_context):
        self._deadline = deadline
        self.aws_request_id = request_id
        self.client_context = ClientContext(json.loads(client_context)) if client_context else None

    def get_remaining_time_in_millis(self):
        return max(int(self._deadline - time.time() * 1000), 0)

    def log(self, message):
        # As it is, without a line's end of ours; of closed output nothing is said.
        try:
            sys.stdout.write(str(message))
        except Exception:
            pass


def adopt(settings):
    global root
    root = settings["root"]
    Context.function_name = settings["functionName"]
    Context.function_version = settings["functionVersion"]
    Context.invoked_function_arn = settings["invokedFunctionArn"]
    Context.memory_limit_in_mb = settings["memoryLimitInMB"]
    Context.log_group_name = settings["logGroupName"]
    Context.log_stream_name = settings["logStreamName"]
    os.environ.clear()
    os.environ.update(settings["environment"])
    os.chdir(settings["root"])
    sys.path.insert(0, settings["root"])
    importlib.invalidate_caches()


# Invocations

def invoke(handler, serial, body):
    global request_id
    deadline, name, length = PREFIX.unpack_from(body, HEADER.size)
    request_id = name.decode("latin-1")
    start = HEADER.size + PREFIX.size
    try:
        context = Context(deadline, body[start:start + length])
        result = handler(json.loads(body[start + length:]), context)
    except Exception as error:
        description = describe(error)
        say_error(description, error)
        flush()
        return send(FAILURE, serial, dump(description))
    try:
        text = dump(result)
    except Exception as error:
        description = describe(Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error))
        say_error(description)
        flush()
        return send(FAILURE, serial, dump(description))
    flush()
    if len(text) > RESULT_LIMIT:  # Not sent: the proxy takes no frame that long.
        message = "Response payload size exceeded maximum allowed payload size (%d bytes)." % RESULT_LIMIT
        return send(FAILURE, serial, dump({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}))
    send(RESULT, serial, text)


def fail_for_good(serial, error):
    description = describe(error)
    say_error(description, error)
    flush()
    send(LAST_FAILURE, serial, dump(description))
    os._exit(1)


def main():
    sys.stdout.reconfigure(line_buffering=True)
    adopt_logging()
    sys.path = [entry for entry in sys.path if entry not in ("", os.path.dirname(os.path.abspath(__file__)))]
    # A first turn of everything that an invocation needs, while nobody waits.
    dump(json.loads('{"Records":[{"cf":{"request":{"headers":{}}}}]}'))
    send(READY, 0, ("%d.%d.%d" % sys.version_info[:3]).encode())
    handler = None
    while True:
        kind, serial, body = read_frame()
        if kind == INVOKE and handler is not None:
            invoke(handler, serial, body)
        elif kind == LOAD and handler is None:
            try:
                settings = json.loads(body[HEADER.size:])
                adopt(settings)
                handler = load_handler(settings["handler"])
            except Exception as error:
                fail_for_good(serial, error)
            flush()
            send(LOADED, serial, b"")
        else:
            os._exit(1)


main()
