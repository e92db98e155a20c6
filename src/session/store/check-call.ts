import * as z from 'zod';
import { SluiceError, kindOf } from '../../errors.ts';
import { parseOptions } from '../../kit/parse-options.ts';
import { checkId, checkSessionKey } from './check-key.ts';
import { idOfCursor } from './list-cursor.ts';
import { messagesSchema, metadataSchema, spentSchema, turnEndSchema } from './stored-schema.ts';
import { leaseLostError } from './store-errors.ts';
import type {
  AppendOptions,
  Lease,
  ListOptions,
  LoadOptions,
  RecordOptions,
  SessionEntry,
  SessionKey,
  SpendScope,
  TurnEnd,
} from './store.ts';
import { stepsSchema } from '../steps/step-schema.ts';
import type { Step } from '../steps/step.ts';

const version = z.int().min(0);
const appendSchema = z.object({
  expectedVersion: version,
  turnId: z.string().min(1),
  metadata: metadataSchema.optional(),
  end: turnEndSchema.optional(),
  spent: spentSchema.optional(),
  closes: z.string().min(1).optional(),
  after: z.string().optional(),
  release: z.boolean().optional(),
  entries: z.array(z.object({ message: z.unknown() })),
});
const recordSchema = z.object({
  from: z.int().min(0),
  lease: z.custom<Lease>(
    (value) => typeof value === 'object' && value !== null && typeof Reflect.get(value, 'token') === 'number',
    'give the lease that the turn runs under',
  ),
  spent: spentSchema.optional(),
  metadata: metadataSchema.optional(),
  before: z.number().optional(),
  release: z.boolean().optional(),
});
const updateSchema = z.object({ metadata: metadataSchema, expectedVersion: version });
const listSchema = z.object({
  owner: z.string(),
  limit: z.int().min(1).default(100),
  cursor: z.string().optional(),
});
const loadSchema = z.object({
  last: z.int().min(0).optional(),
  ids: z.boolean().optional(),
  leaf: z.string().optional(),
});
const forkSchema = z.object({ at: z.int().min(0).optional() });
const spendSchema = z.looseObject({ owner: z.string() });
const leaseSchema = z.object({ ttlMs: z.number().min(1).max(Number.MAX_SAFE_INTEGER) });

interface Key {
  owner: string;
  id: string;
}

/** Checks the arguments of `load`. Every store calls it. Throws `invalid_options`, as the other checks do. */
export function checkLoad(key: SessionKey, options: LoadOptions): Key {
  parseOptions('load()', loadSchema, options);
  return checkSessionKey(key);
}

/** Checks the arguments of `turn`. */
export function checkTurn(key: SessionKey, turnId: string): Key {
  checkTurnId(turnId);
  return checkSessionKey(key);
}

/** Checks the arguments of `append`: that a store can keep them, and that there is something to store. */
export function checkAppend(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Key {
  parseOptions('append()', appendSchema, { ...options, entries });
  parseOptions(
    'append(): the messages of the entries',
    messagesSchema,
    entries.map(({ message }) => message),
  );
  checkTurnId(options.turnId);
  const { metadata, end, spent, closes, lease, after } = options;
  if (entries.length === 0 && metadata === undefined && end === undefined && after === undefined)
    throw invalid('append() has nothing to store: give entries, metadata, end or after.');
  if (after === '' && entries.length === 0)
    throw invalid("append() with after `''` has no message that could be the head: give entries.");
  if (options.release === true && lease === undefined)
    throw invalid('append() has no lease to give back: give the lease, too.');
  if (spent !== undefined && end === undefined)
    throw invalid('append() takes `spent` in place of the usage and the cost of `end`: give the end, too.');
  if (closes !== undefined) {
    checkId('closes', closes);
    if (lease === undefined)
      throw invalid('append() closes a turn under its lease only: give the lease, too.');
  }
  return checkSessionKey(key);
}

/** Checks the arguments of `record`. */
export function checkRecord(
  key: SessionKey,
  turnId: string,
  steps: readonly Step[],
  options: RecordOptions,
): Key {
  parseOptions('record()', recordSchema, options);
  parseOptions('record(): the steps', stepsSchema, steps);
  if (steps.length === 0) throw invalid('record() has nothing to store: give at least one step.');
  return checkTurn(key, turnId);
}

/**
 * Checks an append whose turn id is stored already: that it is the same run of the turn. `stored` is the end that is there, `end` the append's.
 * Throws `lease_lost` if they ran under different leases, because the stored reply is that of another run.
 */
export function checkSameRun(key: SessionKey, end: TurnEnd | undefined, stored: TurnEnd | undefined): void {
  if (end?.leaseToken !== undefined && stored?.leaseToken !== end.leaseToken) throw leaseLostError(key);
}

/** Checks the arguments of `update`. */
export function checkUpdate(
  key: SessionKey,
  metadata: Readonly<Record<string, unknown>>,
  options: { expectedVersion: number },
): Key {
  parseOptions('update()', updateSchema, { ...options, metadata });
  return checkSessionKey(key);
}

/**
 * Checks the arguments of `list`, and fills in the limit. `store` names the kind of the store: a cursor is one that `listCursor` made under the same
 * name. `after` is the id in it, of the session that the last page ended with.
 */
export function checkList(
  options: ListOptions,
  store: string,
): { owner: string; limit: number; after: string | undefined } {
  const { owner, limit, cursor } = parseOptions('list()', listSchema, options);
  checkId('owner', owner);
  return { owner, limit, after: cursor === undefined ? undefined : idOfCursor(store, owner, cursor) };
}

/** Checks the argument of `spend`. */
export function checkSpend(scope: SpendScope): void {
  parseOptions('spend()', spendSchema, scope);
  checkOwner(scope.owner);
  if (scope.id !== undefined) checkSessionKey({ owner: scope.owner, id: scope.id });
}

/** Checks the arguments of `fork`. */
export function checkFork(key: SessionKey, at: number | undefined): Key {
  parseOptions('fork()', forkSchema, { at });
  return checkSessionKey(key);
}

/** Checks the arguments of `lease`. */
export function checkLease(key: SessionKey, ttlMs: number): Key {
  parseOptions('lease()', leaseSchema, { ttlMs });
  return checkSessionKey(key);
}

/** Checks an owner alone, the argument of `forget`. */
export function checkOwner(owner: string): void {
  if (typeof owner !== 'string')
    throw new SluiceError('invalid_options', `owner is ${kindOf(owner)}: give a string.`);
  checkId('owner', owner);
}

function invalid(message: string): SluiceError {
  return new SluiceError('invalid_options', message);
}

function checkTurnId(turnId: string): void {
  if (typeof turnId !== 'string' || turnId === '') {
    const found = turnId === '' ? 'empty' : kindOf(turnId);
    throw new SluiceError('invalid_options', `turnId is ${found}: give a string that is not empty.`);
  }
  checkId('turnId', turnId);
}
