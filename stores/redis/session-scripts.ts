import { SUM_NAMES } from '../../src/index.ts';
import { INDEX, LISTED, PRELUDE, SESSION, SUMS, VERSION } from './lua.ts';
import { script } from './server.ts';
import type { Script } from './server.ts';

// Scripts on one session. Keys: its hash; if all keys may be in one script, those of the owner after it: index, recent,
// sums. Each is atomic: a server runs one after the other, and replicates and logs what one wrote as one transaction.

/** The maximum number of values in one command, because Lua limits the number of arguments. */
const MOST_VALUES = 1_000;

/**
 * One write, unless a condition does not hold. Answers \`stored\` (version, token, ids that may be stale), the condition that does not hold (version, token, and for
 * a group the ticket of the write that is there), or \`void\` if its ticket was withdrawn. A command that is sent again finds what it has stored: by
 * its group, or else by the nonce, which is the caller's own.
 */
export const WRITE: Script = script(`${PRELUDE}${SESSION}${INDEX}${LISTED}${SUMS}
local id, group, from, token, held, expected = arg(), arg(), arg(), arg(), arg(), arg()
local before, after, head = arg(), arg(), arg()
local bump, release, ttl, nonce, ticket = arg(), arg(), arg(), arg(), arg()
local turn = 'turn:' .. group
local is = redis.call('HMGET', session, 'version', turn, 'token', 'nonce', 'head', 'rows', 'messages', 'leasedUntil', 'expiresAt')
version = tonumber(is[1] or '0')
local newest = is[3] or '0'
local function refused(why, more) return {why, whole(version), newest, more} end
local size, first = string.match(is[2] or '0 0', '^(%d+) (%d+)')
if group ~= '' and size ~= from then return refused('group', field('ticket:' .. from .. ':' .. group) or '') end
if token ~= '' and token ~= newest then return refused('token') end
if held == '1' and tonumber(is[8] or '0') == 0 then return refused('token') end
if expected ~= '' and version ~= tonumber(expected) then
  if group == '' and is[4] == nonce then return {'stored', whole(version), newest, {}} end
  return refused('version')
end
if before ~= '' and now > tonumber(before) then return refused('before') end
if ticket ~= '' and field('void:' .. ticket) then return {'void'} end
local rows, sets, gone, amounts, drops = args(), args(), args(), args(), args()
if bump == '1' then version = version + 1 end

local new = {}
local function put(name, value)
  new[#new + 1] = name
  new[#new + 1] = value
  if #new == ${MOST_VALUES} then
    set(unpack(new))
    new = {}
  end
end
-- The head is the newest row, unless the write sets another one.
local parent, last, messages = is[5] or is[6] or '0', tonumber(is[6] or '0'), tonumber(is[7] or '0')
local weighs = false
if after ~= '' then parent, messages = after, through(after) end
local stamp = ' ' .. whole(version) .. ' ' .. whole(now) .. ' '
for i = 1, #rows, 2 do
  local weight = rows[i]
  local text = whole(messages) .. ' ' .. weight .. ' ' .. parent .. stamp .. rows[i + 1]
  if weight == '0' then
    put('step:' .. whole(from + (i - 1) / 2) .. ':' .. group, text)
  else
    last = last + 1
    if not weighs then weighs, first = true, whole(last) end
    parent, messages = whole(last), messages + weight
    put('row:' .. parent, text)
  end
end
if not weighs and head ~= '' then
  parent, messages, weighs = head, through(head), true
elseif weighs then
  put('rows', whole(last))
end
if weighs then
  put('messages', whole(messages))
  if parent ~= whole(last) then put('head', parent) elseif is[5] then redis.call('HDEL', session, 'head') end
end
if group ~= '' then put(turn, whole(from + #rows / 2) .. ' ' .. first) else put('nonce', nonce) end
if ticket ~= '' then put('ticket:' .. from .. ':' .. group, ticket) end
for _, dropped in ipairs(drops) do
  local name = 'turn:' .. dropped
  for n = 0, tonumber(string.match(field(name) or '0', '^%d+')) - 1 do
    redis.call('HDEL', session, 'step:' .. whole(n) .. ':' .. dropped)
  end
  redis.call('HDEL', session, name)
end

if #sets > 0 or #gone > 0 then
  local names, known, isOther = namesOf(field('names') or ''), {}, false
  for _, name in ipairs(names) do known[name] = true end
  for i = 1, #sets, 2 do
    local name = sets[i]
    put(name, sets[i + 1])
    if not known[name] then
      names[#names + 1] = name
      known[name], isOther = true, true
    end
  end
  for _, name in ipairs(gone) do
    if known[name] then
      redis.call('HDEL', session, name)
      known[name], isOther = false, true
    end
  end
  if isOther then
    local kept = {}
    for _, name in ipairs(names) do
      if known[name] then kept[#kept + 1] = name end
    end
    put('names', table.concat(kept, '\\n'))
  end
end
local leasedUntil = tonumber(is[8] or '0')
if release == '1' then
  leasedUntil = 0
  put('leasedUntil', '0')
end
if bump == '1' then
  if version == 1 then put('createdAt', whole(now)) end
  put('version', whole(version))
end
put('updatedAt', whole(now))
set(unpack(new))
add(session, 'sum:', amounts)
keep(ttl, leasedUntil, is[9])
if KEYS[2] then add(KEYS[4], '', amounts) end
local isNew = bump == '1' and version == 1
return {'stored', whole(version), newest, (isNew or #amounts > 0 or group == '') and listed(id, isNew) or {}}
`);

const FIELDS = [
  ...['names', 'version', 'messages', 'rows', 'head', 'createdAt', 'updatedAt', 'expiresAt'],
  ...SUM_NAMES.map((name) => `sum:${name}`),
];

/**
 * Answers with numbers, contents and rows, the newest row first; with nothing if nobody wrote to the session. The first argument is how many of the
 * newest messages the rows must hold, or nothing for all; the second the row at which they end, or nothing for the head.
 */
export const LOAD: Script = script(`${PRELUDE}${SESSION}
local names = {${FIELDS.map((name) => `'${name}'`).join(', ')}}
local values = redis.call('HMGET', session, unpack(names))
version = tonumber(values[2] or '0')
if version == 0 then return {} end
local last, to = arg(), arg()
if to ~= '' then values[3], values[5] = whole(through(to)), to end
local position = values[5] or values[4] or '0'
local least = last == '' and 0 or tonumber(values[3] or '0') - last
local rows = {}
if last ~= '0' then
  while position ~= '0' do
    local text = field('row:' .. position)
    if not text then break end
    rows[#rows + 1] = position .. ' ' .. text
    local before, _, parent = numbersOf(text)
    if not before or before <= least then break end
    position = parent
  end
end
local fields = {}
for i = 1, #names do
  if values[i] then
    fields[#fields + 1] = names[i]
    fields[#fields + 1] = values[i]
  end
end
local contents, described = {}, namesOf(values[1] or '')
for from = 1, #described, ${MOST_VALUES} do
  local till = math.min(from + ${MOST_VALUES - 1}, #described)
  for _, text in ipairs(redis.call('HMGET', session, unpack(described, from, till))) do
    contents[#contents + 1] = text or ''
  end
end
return {fields, contents, rows}
`);

/** Answers with the rows of a group, in order. */
export const GROUP: Script = script(`${PRELUDE}${SESSION}${VERSION}
local group = arg()
local size, first = string.match(version > 0 and field('turn:' .. group) or '0 0', '^(%d+) (%d+)')
local answer = {}
for n = 0, size - 1 do
  local name = first == '0' and 'step:' .. whole(n) .. ':' .. group or 'row:' .. whole(first + n)
  answer[#answer + 1] = (first == '0' and '0' or whole(first + n)) .. ' ' .. (field(name) or '')
end
return answer
`);

/** Answers with version and time of the last change: with nothing if there is no record, with version 0 if the session is only leased. */
export const LOOK: Script = script(`${PRELUDE}${SESSION}${VERSION}
if redis.call('EXISTS', session) == 0 then return {} end
return {whole(version), field('updatedAt') or '0'}
`);

/** Deletes a session, its turns and its lease. Answers whether there was one. */
export const DELETE: Script = script(`${PRELUDE}${SESSION}${VERSION}${INDEX}
local id = arg()
redis.call('UNLINK', session)
if KEYS[2] then unlist(KEYS[2], KEYS[3], id) end
return {version > 0 and '1' or '0'}
`);

/**
 * Leases a session. Tokens are microseconds, so that they keep growing after a deletion, an expiry or a lost write. The nonce is chosen by the caller: a
 * command that is sent again finds it and is not refused because of its own lease. Answers `leased` (token, end, whether the record is new, ids that may be
 * stale) or `busy`.
 */
export const LEASE: Script = script(`${PRELUDE}${SESSION}${VERSION}${INDEX}
local id, leaseMs, takeOver, nonce, ttl = arg(), arg(), arg(), arg(), arg()
if field('leased') == nonce then return {'leased', field('token'), field('leasedUntil'), '0', {}} end
local last = tonumber(field('token') or '-1')
if number('leasedUntil') > now and takeOver ~= '1' then return {'busy'} end
local token, till = whole(math.max(last + 1, micros)), whole(now + leaseMs)
set('token', token, 'leasedUntil', till, 'leased', nonce)
keep(ttl, now + leaseMs, field('expiresAt'))
local isNew = version == 0 and last == -1
local others = {}
if KEYS[2] and isNew then others = list(KEYS[2], KEYS[3], id) end
return {'leased', token, till, isNew and '1' or '0', others}
`);

/** Renews a lease. Answers with its new end, or with nothing if the lease is not the newest or was released. */
export const RENEW: Script = script(`${PRELUDE}${SESSION}${VERSION}
local token, leaseMs, ttl = arg(), arg(), arg()
if token ~= field('token') or number('leasedUntil') == 0 then return {} end
local till = whole(now + leaseMs)
set('leasedUntil', till)
keep(ttl, now + leaseMs, field('expiresAt'))
return {till}
`);

/** Ends a lease, unless another has taken it. Nothing is left of a session that was only leased. */
export const RELEASE: Script = script(`${PRELUDE}${SESSION}${VERSION}${INDEX}
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
 * The state of a write that has a ticket: \`stored\`, \`void\` (it is not stored and never will be), \`gone\` (there is no session), or \`open\`. To withdraw
 * means to make an open write void.
 */
export const RESOLVE: Script = script(`${PRELUDE}${SESSION}${VERSION}
local group, from, ticket, withdraw = arg(), arg(), arg(), arg()
local there = field('ticket:' .. from .. ':' .. group)
if there then return {there == ticket and 'stored' or 'void'} end
if tonumber(string.match(field('turn:' .. group) or '0', '^%d+')) > tonumber(from) then return {'void'} end
if version == 0 then return {'gone'} end
if withdraw ~= '1' then return {'open'} end
set('void:' .. ticket, '1')
return {'void'}
`);
