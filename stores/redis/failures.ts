import { SluiceError } from '../../src/index.ts';

/** A command that failed, with the server's or the client's error as its cause. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** The keys of the command. */
  readonly keys: readonly string[];

  constructor(keys: readonly string[], cause: unknown) {
    super('A command failed.', { cause });
    this.keys = keys;
  }
}

/** The commands of a call took too long. */
export class LateError extends Error {
  override readonly name = 'LateError';
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    super(`The server gave no answer within ${timeoutMs} ms.`);
    this.timeoutMs = timeoutMs;
  }
}

/** The client answers in another form, such as buffers. */
export class UnknownFormError extends Error {
  override readonly name = 'UnknownFormError';
}

/** What an error of a server or of a client means. */
interface Fault {
  readonly sign: RegExp;
  /** Whether it can go away by itself. */
  readonly retryable: boolean;
  readonly what: string;
}

/**
 * The first match counts. Servers before Redis 7 wrap errors inside a script in `ERR Error running script`, newer ones name the script
 * at the end, so a code may be anywhere in the message. Permissions come first, because their messages may name keys.
 */
const FAULTS: readonly Fault[] = [
  {
    sign: /\bNOPERM\b|executing the script can't|ACL failure in script/,
    retryable: false,
    what: 'the user of the connection lacks a permission: give it the rights that docs/stores/redis.md or docs/chunk-logs.md names',
  },
  {
    sign: /\bNOAUTH\b|^ERR operation not permitted/,
    retryable: false,
    what: 'the server asks for a password: give the client a username and a password',
  },
  {
    sign: /\bWRONGPASS\b|^ERR invalid password/,
    retryable: false,
    what: "the server refuses the username or the password: correct them in the client's options",
  },
  {
    sign: /no password is set|without any password configured/,
    retryable: false,
    what: "the client gives a password and the server has none: remove it from the client's options, or set one on the server",
  },
  {
    sign: /^DENIED /,
    retryable: false,
    what: 'the server takes local connections only (protected mode): set a password on it, or turn that mode off',
  },
  {
    sign: /\bWRONGTYPE\b/,
    retryable: false,
    what: 'a key holds another type than the store writes: delete that key, or give the store another prefix',
  },
  {
    sign: /^(MOVED|ASK) /,
    retryable: false,
    what: 'the server is part of a cluster: give createCluster() of redis, or a Cluster of ioredis',
  },
  {
    sign: /cluster support disabled/,
    retryable: false,
    what: 'the server is not part of a cluster: give a client for a single server',
  },
  {
    sign: /\bREADONLY\b/,
    retryable: true,
    what: 'the server is a replica: if it stays one, connect to the master',
  },
  {
    sign: /\bOOM\b/,
    retryable: true,
    what: 'the server has no memory left: raise its maxmemory, or keep less: give sessions a ttlMs, streams a shorter one',
  },
  { sign: /\bMISCONF\b/, retryable: true, what: 'the server cannot write to its disk: see its log' },
  {
    sign: /\bNOREPLICAS\b/,
    retryable: true,
    what: 'too few replicas are connected: see min-replicas-to-write of the server',
  },
  {
    sign: /max number of clients/,
    retryable: true,
    what: 'the server takes no more connections: raise its maxclients',
  },
  {
    sign: /\b(LOADING|BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN)\b|Script killed/,
    retryable: true,
    what: 'the server is not ready (see the cause)',
  },
  {
    sign: /unknown (redis )?command|wrong number of arg|syntax error/i,
    retryable: false,
    what: 'the server refuses a command that the store needs: use Redis 6.2 or newer, or Valkey, with EVAL and EVALSHA enabled',
  },
  {
    sign: /user_script|Error (running|compiling) script/,
    retryable: false,
    what: 'a script of the store failed: what is stored is not as it was written, or the server is older than Redis 6.2',
  },
  {
    // The errors of a node-redis client that was never connected, was closed, or gave up. It queues commands only while it reconnects.
    sign: /^The client is closed$/,
    retryable: true,
    what: 'the client is not connected: await client.connect() before the first turn, and close it after the last',
  },
];

/**
 * The `store` error of a call: the server refused a command, did not answer in time, or could not be reached. `name` says who reports it: the session store or
 * the ledger. Undefined for an error that did not come from a server.
 */
export function faultOf(name: string, error: unknown, doing: string): SluiceError | undefined {
  const failed = `The ${name} failed at ${doing}`;
  if (error instanceof LateError) {
    const what = `the server gave no answer within ${error.timeoutMs} ms (timeoutMs)`;
    return new SluiceError('store', `${failed}: ${what}.`, { retryable: true });
  }
  if (error instanceof UnknownFormError) {
    const what = 'the answer has an unknown form: let the client answer with strings';
    return new SluiceError('store', `${failed}: ${what}.`, { retryable: false });
  }
  if (!(error instanceof CommandError)) return undefined;
  const cause = withoutArguments(replyOf(error.cause));
  const text = cause instanceof Error ? cause.message : '';
  const fault = FAULTS.find(({ sign }) => sign.test(text));
  if (fault === undefined)
    return new SluiceError('store', `${failed} (see the cause).`, { retryable: true, cause });
  const keys = error.keys.map((key) => JSON.stringify(key)).join(', ');
  const where = text.includes('WRONGTYPE') ? ` (one of ${keys})` : '';
  return new SluiceError('store', `${failed}: ${fault.what}${where}.`, { retryable: fault.retryable, cause });
}

/** The error of the server, if the client only reports that it gave up: a cluster of ioredis, a reconnection of node-redis. */
function replyOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if ('lastNodeError' in error && error.lastNodeError instanceof Error) return replyOf(error.lastNodeError);
  if ('originalError' in error && error.originalError instanceof Error) return replyOf(error.originalError);
  return error;
}

/** The error of a client may contain the failed command, and with it messages or a password. The error of a server may quote its beginning. */
function withoutArguments(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const message = error.message.replace(/,? with args beginning with:.*$/s, '');
  const clean = new Error(message);
  clean.name = error.name;
  if ('code' in error && typeof error.code === 'string') Object.assign(clean, { code: error.code });
  return clean;
}
