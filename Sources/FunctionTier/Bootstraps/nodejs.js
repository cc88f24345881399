// What runs functions on Node.js: inside the sandbox, as /var/runtime/nodejs.js, before any of the function's code.
// Talks with the proxy over descriptor 3, in frames of a header of four numbers (little endian: bytes of the body, kind, serial, and the
// most memory used so far in KB) and a body; Bootstraps/Frame.swift has the kinds. It blocks while it waits for a frame, so nothing of the
// function runs between invocations: what Lambda reaches by freezing.
// Handlers, errors and log lines are Lambda's (aws-lambda-nodejs-runtime-interface-client; spec/lambda-at-edge.md, 6 and 10).
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const util = require('node:util');
const { pathToFileURL } = require('node:url');

const control = 3, headerBytes = 16, prefixBytes = 48, keptBytes = 1 << 20;
/** The longest result: Invocation.payloadLimitBytes. */
const resultLimitBytes = 6 << 20;
const kinds = { load: 1, invoke: 2, ready: 16, loaded: 17, result: 18, failure: 19, lastFailure: 20 };

// MARK: Frames

let input = Buffer.allocUnsafeSlow(65536), output = Buffer.allocUnsafeSlow(65536);
let filled = 0, memoryUsed = 0, answers = 0;

/** Reads until `count` bytes are there. The proxy's end closed: the environment is to end. */
function fill(count) {
  while (filled < count) {
    const read = fs.readSync(control, input, filled, input.length - filled, null);
    if (read <= 0) process.exit(0);
    filled += read;
  }
}

/** Waits for a frame; its body lies in `input` from headerBytes to the end that is returned, until the next one is read. */
function readFrame() {
  filled = 0;
  fill(headerBytes);
  const end = headerBytes + input.readUInt32LE(0);
  if (end > input.length) {
    const larger = Buffer.allocUnsafeSlow(end);
    input.copy(larger, 0, 0, filled);
    input = larger;
  }
  fill(end);
  return end;
}

function send(kind, serial, text) {
  // One character of a string has at most three bytes of UTF-8.
  let space = output;
  if (headerBytes + text.length * 3 > space.length) {
    space = Buffer.allocUnsafeSlow(headerBytes + Buffer.byteLength(text));
    if (space.length <= keptBytes) output = space;
  }
  const end = headerBytes + space.write(text, headerBytes);
  if ((answers++ & 15) === 0) memoryUsed = process.resourceUsage().maxRSS;
  space.writeUInt32LE(end - headerBytes, 0);
  space.writeUInt32LE(kind, 4);
  space.writeUInt32LE(serial, 8);
  space.writeUInt32LE(memoryUsed, 12);
  for (let written = 0; written < end;) written += fs.writeSync(control, space, written, end - written);
  if (input.length > keptBytes) input = Buffer.allocUnsafeSlow(65536);
}

// MARK: Log lines

let requestID = '';
const levels = { trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' };
const ranks = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

function writeAll(descriptor, bytes) {
  for (let written = 0; written < bytes.length;) {
    try {
      written += fs.writeSync(descriptor, bytes, written);
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
    }
  }
}

const writeLine = (text) => writeAll(1, Buffer.from(text + '\n'));

/** Node's own streams keep what a full pipe does not take until the loop turns: behind END, and in memory that the next invocation is charged for. */
function adoptStreams() {
  for (const [descriptor, name] of [[1, 'stdout'], [2, 'stderr']]) {
    let stream;
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => (stream ??= blockingStream(descriptor)) });
  }
}

function blockingStream(descriptor) {
  const { Writable } = require('node:stream');
  const stream = new Writable({
    emitClose: false,
    write(chunk, encoding, done) { writeAll(descriptor, chunk); done(); },
    // As Node's: what ends it does not close it.
    destroy(error, done) { done(error); this._undestroy(); },
  });
  return Object.assign(stream, { fd: descriptor, _type: 'pipe', _isStdio: true });
}

function say(level, ...values) {
  const text = util.format(...values);
  // One call is one line: a carriage return stands for a line break, as in Lambda's own lines.
  writeLine(`${new Date().toISOString()}\t${requestID || 'undefined'}\t${level}\t${text.replace(/\n/g, '\r')}`);
}

function sayJSON(level, ...values) {
  const entry = { timestamp: new Date().toISOString(), level, requestId: requestID || undefined };
  const [first] = values;
  if (first instanceof Error && values.length === 1) {
    Object.assign(entry, { errorType: first.name, errorMessage: first.message, stackTrace: lines(first.stack).slice(1) });
  } else {
    entry.message = values.length === 1 && typeof first !== 'string' ? first : util.format(...values);
  }
  try {
    writeLine(JSON.stringify(entry));
  } catch {
    writeLine(JSON.stringify({ ...entry, message: util.format(...values) }));
  }
}

/** Makes console write Lambda's lines, in the format and from the level that the function asks for. */
function adoptConsole() {
  const write = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON' ? sayJSON : say;
  const least = ranks.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL || 'TRACE').toUpperCase());
  for (const [method, level] of Object.entries(levels)) {
    console[method] = ranks.indexOf(level) < least ? () => {} : write.bind(null, level);
  }
}

// MARK: Errors

/** How many characters of an error are told: of its type, its message, a line of its trace, the trace, and the line of the log. */
const told = { type: 1024, message: 65536, line: 4096, trace: 131072, log: 262144 };

const cut = (text, limit) => (text.length <= limit ? text : text.slice(0, limit));

function lines(stack) {
  if (typeof stack !== 'string' || stack === '') return [];
  return cut(stack, told.trace + told.message).split('\n').map((line) => cut(line, told.line));
}

/** What Lambda's Invoke API answers for something that was thrown. */
function describe(error) {
  try {
    if (util.types.isNativeError(error) || error instanceof Error) {
      return { errorType: cut(String(error.name || 'Error'), told.type), errorMessage: cut(String(error.message), told.message), trace: lines(error.stack) };
    }
    return { errorType: typeof error, errorMessage: cut(String(error), told.message), trace: [] };
  } catch {
    return { errorType: 'handled', errorMessage: 'the value that was thrown cannot be described', trace: [] };
  }
}

function fault(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

/** An error as its author is told of it: with members of its own, and what it was caused by. */
function detail(error, depth = 0) {
  const { errorType, errorMessage, trace } = describe(error);
  const result = { errorType, errorMessage };
  try {
    if (typeof error === 'object') Object.assign(result, error);
    if (error?.cause !== undefined && depth < 4) result.cause = detail(error.cause, depth + 1);
  } catch { /* a proxy that throws */ }
  return { ...result, stack: trace };
}

function sayError(title, error) {
  let text;
  try { text = JSON.stringify(detail(error)); } catch { text = JSON.stringify(describe(error)); }
  say('ERROR', `${title} \t${cut(text, told.log)}`);
}

// MARK: Loading

/** Splits `folder/file.export.member` into the file's path and the names behind it. */
function splitHandler(handler) {
  const match = path.basename(handler).match(/^([^.]+)\.(.+)$/);
  if (!match || handler.includes('..')) throw fault('Runtime.MalformedHandlerName', `Bad handler '${handler}': it has the form file.function`);
  return [path.join(path.dirname(handler), match[1]), match[2].split('.')];
}

function isModulePackage(file, root) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).type === 'module';
    } catch { /* none here, or none that can be read */ }
    if (folder === root || folder === path.dirname(folder)) return false;
  }
}

async function importModule(root, name) {
  const file = path.resolve(root, name);
  for (const [extension, isModule] of [['', false], ['.js', null], ['.mjs', true], ['.cjs', false]]) {
    const candidate = file + extension;
    if (!fs.statSync(candidate, { throwIfNoEntry: false })?.isFile()) continue;
    return (isModule ?? isModulePackage(candidate, root)) ? import(pathToFileURL(candidate).href) : require(candidate);
  }
  return require(require.resolve(name, { paths: [root] }));
}

async function loadHandler(root, handler) {
  const [file, names] = splitHandler(handler);
  let value;
  try {
    value = await importModule(root, file);
  } catch (error) {
    if (error instanceof SyntaxError) throw renamed('Runtime.UserCodeSyntaxError', placed(error, root, file));
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') throw renamed('Runtime.ImportModuleError', error);
    throw error;
  }
  // What a CommonJS module exports may be behind `default` when it was bundled as an ES module.
  for (const start of [value, value?.default]) {
    const found = names.reduce((object, name) => object?.[name], start);
    if (typeof found === 'function') return found;
    if (found !== undefined) throw fault('Runtime.HandlerNotFound', `${handler} is not a function`);
  }
  throw fault('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
}

/** A syntax error with its place, which `import` does not tell of a module: Node.js is asked what it says of the handler's file. */
function placed(error, root, name) {
  const files = ['', '.js', '.mjs'].map((extension) => path.resolve(root, name) + extension);
  const file = files.find((candidate) => fs.statSync(candidate, { throwIfNoEntry: false })?.isFile());
  if (file === undefined || String(error.stack).includes(root + '/')) return error;
  const options = { encoding: 'utf8', env: {}, stdio: ['ignore', 'ignore', 'pipe'], timeout: 2000 };
  const said = String(require('node:child_process').spawnSync(process.execPath, ['--check', file], options).stderr);
  if ([file, pathToFileURL(file).href].some((place) => said.startsWith(`${place}:`))) error.stack = `${said.split('\n').slice(0, 3).join('\n')}\n\n${error.stack}`;
  return error;
}

function renamed(name, error) {
  const result = fault(name, `${error.name}: ${error.message}`);
  result.stack = error.stack;
  return result;
}

// MARK: Invocations

let handler = null, settings = {};
/** The invocation under way: { serial, isOver, held, isAsync }; null between invocations. */
let current = null;

function answer(invocation, kind, text) {
  if (invocation.isOver) return;
  invocation.isOver = true;
  current = null;
  send(kind, invocation.serial, text);
  if (kind !== kinds.lastFailure) setImmediate(serveNext);
}

function succeed(invocation, value) {
  if (invocation.isOver) return;
  let text;
  try {
    text = JSON.stringify(value === undefined ? null : value) ?? 'null';
  } catch (error) {
    return fail(invocation, fault('Runtime.UnableToStringifyResponse', `Unable to stringify response body: ${error.message}`));
  }
  // Not sent: the proxy takes no frame that long.
  if (text.length > resultLimitBytes / 3 && Buffer.byteLength(text) > resultLimitBytes) {
    const errorMessage = `Response payload size exceeded maximum allowed payload size (${resultLimitBytes} bytes).`;
    return answer(invocation, kinds.failure, JSON.stringify({ errorType: 'Function.ResponseSizeTooLarge', errorMessage }));
  }
  answer(invocation, kinds.result, text);
}

function fail(invocation, error) {
  if (invocation.isOver) return;
  sayError('Invoke Error', error);
  answer(invocation, kinds.failure, JSON.stringify(describe(error)));
}

/** The function cannot go on after this: the proxy ends the environment. */
function failForGood(title, error) {
  sayError(title, error);
  if (current === null) process.exit(1);
  answer(current, kinds.lastFailure, JSON.stringify(describe(error)));
  process.exit(1);
}

class Context {
  #deadline;
  #invocation;
  constructor(invocation, deadline, clientContext) {
    this.#deadline = deadline;
    this.#invocation = invocation;
    this.callbackWaitsForEmptyEventLoop = true;
    this.functionVersion = settings.functionVersion;
    this.functionName = settings.functionName;
    this.memoryLimitInMB = settings.memoryLimitInMB;
    this.logGroupName = settings.logGroupName;
    this.logStreamName = settings.logStreamName;
    this.clientContext = clientContext;
    this.identity = undefined;
    this.invokedFunctionArn = settings.invokedFunctionArn;
    this.awsRequestId = requestID;
  }
  #end(error, value) {
    this.callbackWaitsForEmptyEventLoop = false;
    settle(this.#invocation, this, error, value);
  }
  // Bound when they are asked for: handlers hand them on as callbacks.
  get done() { return (error, value) => this.#end(error, value); }
  get succeed() { return (value) => this.#end(null, value); }
  get fail() { return (error) => this.#end(error ?? 'handled'); }
  getRemainingTimeInMillis() { return Math.max(0, Math.floor(this.#deadline - Date.now())); }
}

/** What a callback says. The answer may have to wait until nothing of the function is left to do. */
function settle(invocation, context, error, value) {
  const end = () => (error !== null && error !== undefined ? fail(invocation, error) : succeed(invocation, value));
  if (context.callbackWaitsForEmptyEventLoop) invocation.held ??= end; else end();
}

function invoke(end) {
  const serial = input.readUInt32LE(8), deadline = input.readDoubleLE(headerBytes);
  requestID = input.latin1Slice(headerBytes + 8, headerBytes + 44);
  const start = headerBytes + prefixBytes + input.readUInt32LE(headerBytes + 44);
  const invocation = (current = { serial, isOver: false, held: null, isAsync: false });
  let result;
  try {
    const clientContext = start > headerBytes + prefixBytes ? JSON.parse(input.utf8Slice(headerBytes + prefixBytes, start)) : undefined;
    // The proxy says whether it is all ASCII: that is decoded in a fraction of the time.
    const event = JSON.parse(input.readUInt32LE(12) === 1 ? input.latin1Slice(start, end) : input.utf8Slice(start, end));
    const context = new Context(invocation, deadline, clientContext);
    result = handler(event, context, (error, value) => settle(invocation, context, error, value));
  } catch (error) {
    return fail(invocation, error);
  }
  if (typeof result?.then !== 'function') return;
  invocation.isAsync = true;
  result.then((value) => succeed(invocation, value), (error) => fail(invocation, error));
}

/** Only what differs: setting TZ, even to what it is, has V8 look for time zones anew, which takes it ten milliseconds. */
function adoptEnvironment(environment) {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(environment, name)) delete process.env[name];
  for (const [name, value] of Object.entries(environment)) if (process.env[name] !== value) process.env[name] = value;
}

async function load(end) {
  const serial = input.readUInt32LE(8);
  current = { serial, isOver: false, held: null, isAsync: true };
  try {
    settings = JSON.parse(input.utf8Slice(headerBytes, end));
    adoptEnvironment(settings.environment);
    adoptConsole();
    adoptStreams();
    process.chdir(settings.root);
    handler = await loadHandler(settings.root, settings.handler);
    answer(current, kinds.loaded, '');
  } catch (error) {
    if (current === null) return;
    say('ERROR', `Uncaught Exception \t${JSON.stringify(describe(error))}`);
    answer(current, kinds.lastFailure, JSON.stringify(describe(error)));
  }
}

function serveNext() {
  const end = readFrame();
  switch (input.readUInt32LE(4)) {
    case kinds.load: return void load(end);
    case kinds.invoke: return invoke(end);
    default: process.exit(1);
  }
}

/** Nothing of the function is left to do. */
process.on('beforeExit', () => {
  if (current === null) return;
  if (current.held) return current.held();
  if (!current.isAsync) return succeed(current, null);
  const error = fault('Runtime.NodeJsExit', handler
    ? 'The handler\'s promise was never settled, and nothing is left that could settle it'
    : 'The top-level code awaits a promise that nothing is left to settle');
  error.stack = '';
  if (handler) return fail(current, error);
  failForGood('Uncaught Exception', error);
});
process.on('uncaughtException', (error) => failForGood('Uncaught Exception', error));
process.on('unhandledRejection', (reason) => {
  const error = fault('Runtime.UnhandledPromiseRejection', `${reason instanceof Error ? reason : util.inspect(reason)}`);
  if (reason instanceof Error) error.stack = reason.stack;
  failForGood('Unhandled Promise Rejection', error);
});

/** A first turn of everything that loading and an invocation need, while nobody waits: a third of the time to a first answer. */
async function rehearse() {
  const play = await loadHandler(__dirname, 'rehearsal.handler');
  const event = JSON.parse('{"Records":[{"cf":{"request":{"uri":"/","headers":{"host":[{"key":"Host","value":"localhost"}]}}}}]}');
  const context = new Context({ serial: 0, isOver: true, held: null, isAsync: true }, Date.now(), undefined);
  JSON.stringify(await play(event, context));
  util.format('%s %d', new Date().toISOString(), context.getRemainingTimeInMillis());
}

rehearse().catch(() => {}).then(() => setImmediate(() => {
  send(kinds.ready, 0, process.versions.node);
  serveNext();
}));
