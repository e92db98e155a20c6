import { SluiceError } from '../../src/index.ts';
import { LateError } from './deadline.ts';

/** A row does not have the form in which the store writes it. */
export class MalformedRowError extends Error {
  override readonly name = 'MalformedRowError';
}

/** What is wrong, and whether the same call may succeed later without any change. */
interface Verdict {
  readonly retryable: boolean;
  readonly why: string;
}

const lasting = (why: string): Verdict => ({ retryable: false, why });
const passing = (why: string): Verdict => ({ retryable: true, why });

const NO_DATABASE = lasting('there is no such database: create it, or fix the database of the connection');
const NOT_LET_IN = lasting(
  'the server does not let this role in: fix user and password of the connection, or pg_hba.conf',
);
const NO_TABLES = lasting('there are no tables: call migrate(), or fix the options schema and prefix');
const OTHER_TABLES = lasting(
  'the tables or the server are not what this release needs: call migrate(), and use PostgreSQL 12 or newer',
);
const POOLER = lasting(
  'a pooler mixes up the prepared statements of its clients: set prepare to false, or connect without the pooler',
);
const NO_TRUST = lasting("the server's certificate is not trusted: give its authority in ssl.ca of the pool");

/** By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), or by the code of Node. */
const BY_CODE: Readonly<Partial<Record<string, Verdict>>> = {
  '25006': passing('the server takes no writes, it is a standby or about to be one: connect to the primary'),
  '26000': POOLER,
  '3D000': NO_DATABASE,
  '3F000': lasting('there is no such schema: call migrate(), or fix the option schema'),
  '42501': lasting(
    'the role lacks a permission: grant what docs/stores/postgres.md or docs/chunk-logs.md lists, and set rowLevelSecurity if the tables have it',
  ),
  '42703': lasting('the tables are of another release: call migrate()'),
  '42P01': NO_TABLES,
  '42P05': POOLER,
  '42P07': lasting('a table of that name is there and is not ours: set another prefix or schema'),
  '53300': passing('the server has no connection left: make the pools smaller, or raise max_connections'),
  '55P03': passing('a lock was not free in time (lock_timeout)'),
  '57014': passing('the server ended the statement (statement_timeout, or somebody cancelled it)'),
  '57P03': passing('the server is starting or stopping'),
  '57P04': NO_DATABASE,
  CERT_HAS_EXPIRED: NO_TRUST,
  CERT_NOT_YET_VALID: NO_TRUST,
  DEPTH_ZERO_SELF_SIGNED_CERT: NO_TRUST,
  ECONNREFUSED: passing('nobody listens at host and port of the connection'),
  ERR_TLS_CERT_ALTNAME_INVALID: NO_TRUST,
  SELF_SIGNED_CERT_IN_CHAIN: NO_TRUST,
  UNABLE_TO_GET_ISSUER_CERT: NO_TRUST,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NO_TRUST,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NO_TRUST,
};

/** By the class of an SQLSTATE, its first two characters. A class that is not here, such as 08 or 40, may be tried again. */
const BY_CLASS: Readonly<Partial<Record<string, Verdict>>> = {
  '0A': lasting('the server lacks a feature that the store needs: use PostgreSQL 12 or newer'),
  '0P': NOT_LET_IN,
  '22': lasting('the database refuses a value: it must be of encoding UTF8'),
  '23': OTHER_TABLES,
  '28': NOT_LET_IN,
  '42': OTHER_TABLES,
  '44': OTHER_TABLES,
  '54': lasting('a value is larger than the database can keep'),
  P0: lasting('a trigger or a function of the database refuses it'),
};

/** Errors of `pg` itself, which have no code. */
const BY_MESSAGE: readonly (readonly [RegExp, Verdict])[] = [
  [/^SASL: /, NOT_LET_IN],
  [
    /does not support SSL/,
    lasting('the server has no TLS: take ssl out of the connection, or switch it on there'),
  ],
  [
    /pool after calling end/,
    lasting('the pool is ended: end it after the last turn, and make a new one for more'),
  ],
  [
    /^timeout exceeded when trying to connect|due to connection timeout/,
    passing('the pool gave no connection in time'),
  ],
];

/** The fields of a server's error that are kept: names, but no values of a row. */
const KEPT = ['code', 'severity', 'schema', 'table', 'column', 'constraint', 'routine'] as const;

/** The `store` error of a call, such as `append`. Says whether trying again helps, and if not what to do. `name` says who reports it. */
export function failure(error: unknown, call: string, name = 'session store'): SluiceError {
  const { retryable, why } = verdictOn(error) ?? passing('');
  const cause = withoutContents(error);
  const what = why === '' ? ' (see the cause)' : `: ${why}`;
  return new SluiceError('store', `The ${name} failed at ${call}${what}.`, {
    retryable,
    ...(!(error instanceof MalformedRowError) && { cause }),
  });
}

/** An SQLSTATE or a code of Node; `''` if the error has neither. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}

function verdictOn(error: unknown): Verdict | undefined {
  if (error instanceof LateError) return passing(error.message);
  if (error instanceof MalformedRowError) return lasting('a row is not as it was written');
  const code = codeOf(error);
  if (code !== '') return BY_CODE[code] ?? BY_CLASS[code.slice(0, 2)];
  const message = error instanceof Error ? error.message : '';
  return BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1];
}

/** Removes values of the failed row, which a server puts into fields such as `detail` and `where`, and into the messages of some classes, in quotes. */
function withoutContents(error: unknown): unknown {
  if (!(error instanceof Error) || !('severity' in error)) return error;
  const quotes = /^(?:22|23|44|P0)/.test(codeOf(error));
  const clean = new Error(quotes ? error.message.replace(/".*"/s, '"..."') : error.message);
  clean.name = error.name;
  for (const field of KEPT) {
    const value: unknown = Reflect.get(error, field);
    if (typeof value === 'string') Object.assign(clean, { [field]: value });
  }
  return clean;
}
