import { INDEX, LISTED, PRELUDE, SESSION, SUMS } from './lua.ts';
import { script } from './server.ts';
import type { Script } from './server.ts';
import { SUM_FIELDS } from './sums.ts';

// Scripts on one session. Keys: its hash; if all keys may be in one script, those of the owner after it: index, recent,
// sums. Each is atomic: a server runs one after the other, and replicates and logs what one wrote as one transaction.

/**
 * Stores one append: unless its turn is known, its lease is stale, or its version is another. Answers `stored` (version, ids that may be stale),
 * `known` (version, the ticket of the first append), `lease_lost`, `conflict` (version), or `void` where its ticket was withdrawn.
 */
export const APPEND: Script = script(`${PRELUDE}${SESSION}${INDEX}${LISTED}${SUMS}
local id, turnId, expected, lease, release, ttl, ticket = arg(), arg(), arg(), arg(), arg(), arg(), arg()
local turn = field('turn:' .. turnId)
if turn then return {'known', whole(version), string.match(turn, '^%S+ %S+ %S+ (.*)$')} end
if lease ~= '' and lease ~= field('token') then return {'lease_lost'} end
if version ~= tonumber(expected) then return {'conflict', whole(version)} end
if ticket ~= '' and field('void:' .. ticket) then return {'void'} end
local rows, bare, pending, sets, gone, amounts = args(), arg(), arg(), args(), args(), args()
local first, last = addRows(rows)
local next = whole(version + 1)
set('turn:' .. turnId, next .. ' ' .. whole(first) .. ' ' .. whole(last) .. ' ' .. ticket)
-- Without a message it is none of the rows that a load reads.
if bare ~= '' then set('end:' .. next, '0 ' .. bare) end
if pending ~= '' then set('pending', pending) end
merge(sets, gone)
add(session, 'sum:', amounts)
if release == '1' then set('leasedUntil', '0') end
changed(ttl)
if KEYS[2] then add(KEYS[4], '', amounts) end
return {'stored', whole(version), (version == 1 or #amounts > 0) and listed(id) or {}}
`);

/** Merges metadata. The nonce is the caller's own: a command that is sent again finds it, and changes nothing. */
export const UPDATE: Script = script(`${PRELUDE}${SESSION}${INDEX}${LISTED}
local id, expected, ttl, nonce, sets, gone = arg(), tonumber(arg()), arg(), arg(), args(), args()
if version ~= expected then
  if version == expected + 1 and field('update') == nonce then return {'stored', whole(version), {}} end
  return {'conflict', whole(version)}
end
merge(sets, gone)
set('update', nonce)
changed(ttl)
return {'stored', whole(version), listed(id)}
`);

/** Writes a session of many rows, as a copy of another. Does nothing where it was written before. */
export const COPY: Script = script(`${PRELUDE}${SESSION}${INDEX}${LISTED}
if version > 0 then return {'stored', whole(version), {}} end
local id, ttl, pending, sets, gone, rows = arg(), arg(), arg(), args(), args(), args()
addRows(rows)
set('pending', pending)
merge(sets, gone)
changed(ttl)
return {'stored', whole(version), listed(id)}
`);

const FIELDS = [
  ...['names', 'version', 'messages', 'createdAt', 'updatedAt', 'expiresAt', 'pending'],
  ...SUM_FIELDS.map((name) => `sum:${name}`),
];

/** Most values that one command reads: Lua has an end to its arguments. */
const MOST_VALUES = 1_000;

/**
 * Answers with fields, metadata and rows, the newest row first; with nothing where nobody wrote to the session. With a number as the argument, only
 * with the rows that hold so many of the newest messages.
 */
export const LOAD: Script = script(`${PRELUDE}${SESSION}
if version == 0 then return {} end
local last = arg()
local row = number('rows')
local from = last == '' and 0 or number('messages') - last
local rows = {}
if last ~= '0' then
  while row > 0 do
    local text = field('row:' .. whole(row)) or ''
    rows[#rows + 1] = text
    if tonumber(string.match(text, '^%d+') or '0') <= from then break end
    row = row - 1
  end
end
local names = {${FIELDS.map((name) => `'${name}'`).join(', ')}}
local values = redis.call('HMGET', session, unpack(names))
local fields, metadata = {}, {}
for i = 1, #names do
  if values[i] then
    fields[#fields + 1] = names[i]
    fields[#fields + 1] = values[i]
  end
end
local described = fieldsOf(values[1] or '')
for from = 1, #described, ${MOST_VALUES} do
  local till = math.min(from + ${MOST_VALUES - 1}, #described)
  for _, text in ipairs(redis.call('HMGET', session, unpack(described, from, till))) do
    metadata[#metadata + 1] = text or ''
  end
end
return {fields, metadata, rows}
`);

/** Answers with the version and the rows of one append, the oldest first. */
export const TURN: Script = script(`${PRELUDE}${SESSION}
local turn = version > 0 and field('turn:' .. arg())
if not turn then return {} end
local at, first, last = string.match(turn, '^(%S+) (%S+) (%S+)')
if tonumber(first) > tonumber(last) then return {at, field('end:' .. at) or ''} end
local answer = {at}
for row = first, last do answer[#answer + 1] = field('row:' .. whole(row)) or '' end
return answer
`);

/** Answers with version and time of the last change: with nothing where there is no record, with version 0 of one that is only leased. */
export const LOOK: Script = script(`${PRELUDE}${SESSION}
if redis.call('EXISTS', session) == 0 then return {} end
return {whole(version), field('updatedAt') or '0'}
`);

/** Deletes a session, its turns and its lease. Answers whether there was one. */
export const DELETE: Script = script(`${PRELUDE}${SESSION}${INDEX}
local id = arg()
redis.call('UNLINK', session)
if KEYS[2] then unlist(KEYS[2], KEYS[3], id) end
return {version > 0 and '1' or '0'}
`);

/**
 * Leases a session. Tokens are microseconds, so that they go on over deletion, expiry and the loss of a write. The nonce is the caller's own: a
 * command that is sent again finds it and does not meet its own lease. Answers `leased` (token, end, whether the record is new, ids that may be
 * stale) or `busy`.
 */
export const LEASE: Script = script(`${PRELUDE}${SESSION}${INDEX}
local id, leaseMs, takeOver, nonce, ttl = arg(), arg(), arg(), arg(), arg()
if field('leased') == nonce then return {'leased', field('token'), field('leasedUntil'), '0', {}} end
local last = tonumber(field('token') or '-1')
if number('leasedUntil') > now and takeOver ~= '1' then return {'busy'} end
local token, till = whole(math.max(last + 1, micros)), whole(now + leaseMs)
set('token', token, 'leasedUntil', till, 'leased', nonce)
keep(ttl)
local isNew = version == 0 and last == -1
local others = {}
if KEYS[2] and isNew then others = list(KEYS[2], KEYS[3], id) end
return {'leased', token, till, isNew and '1' or '0', others}
`);

/** Puts the end of a lease off; answers with it, or with nothing where the lease is not the newest or was given back. */
export const RENEW: Script = script(`${PRELUDE}${SESSION}
local token, leaseMs, ttl = arg(), arg(), arg()
if token ~= field('token') or number('leasedUntil') == 0 then return {} end
local till = whole(now + leaseMs)
set('leasedUntil', till)
keep(ttl)
return {till}
`);

/** Ends a lease, unless it is another's by now. Nothing is left of a session that was only leased. */
export const RELEASE: Script = script(`${PRELUDE}${SESSION}${INDEX}
local id, token = arg(), arg()
if token ~= field('token') then return {} end
if version > 0 then
  set('leasedUntil', '0')
else
  redis.call('UNLINK', session)
  if KEYS[2] then unlist(KEYS[2], KEYS[3], id) end
end
return {}
`);

/**
 * What became of an append that has a ticket: \`stored\`, \`void\` (it is not stored and never will be), \`gone\` (there is no session), or \`open\`. To withdraw
 * is to make an open one void.
 */
export const RESOLVE: Script = script(`${PRELUDE}${SESSION}
local turnId, ticket, withdraw = arg(), arg(), arg()
local turn = field('turn:' .. turnId)
if turn then return {string.match(turn, '^%S+ %S+ %S+ (.*)$') == ticket and 'stored' or 'void'} end
if version == 0 then return {'gone'} end
if withdraw ~= '1' then return {'open'} end
set('void:' .. ticket, '1')
return {'void'}
`);
