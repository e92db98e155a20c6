import { INDEX, PRELUDE, SUMS } from './lua.ts';
import { script } from './server.ts';
import type { Script } from './server.ts';

// Scripts on the data of an owner: the index of its sessions, its sums, and in a cluster the turns that are not in the sums yet.

/** Answers with ids of the index in their order. Keys: index. */
export const PAGE: Script = script(`
return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
`);

/** Removes ids without a session from the index, unless they were added lately. Keys: index, recent. */
export const DROP: Script = script(`${PRELUDE}${INDEX}
for _, id in ipairs(ARGV) do
  if not isRecent(KEYS[2], id) then unlist(KEYS[1], KEYS[2], id) end
end
return {}
`);

/**
 * Prepares a write to a session: adds the session to the index, and opens a ticket for what the write adds to the sums, if anything. Keys: index,
 * recent, open, sums. Answers with the ticket, ids that may be stale, and old tickets. A ticket is the time in microseconds, so that no ticket
 * is issued twice, even if the command is sent again.
 */
export const REGISTER: Script = script(`${PRELUDE}${INDEX}
local id, payload = arg(), arg()
local others = list(KEYS[1], KEYS[2], id)
if payload == '' then return {'', others, {}} end
local ticket = math.max(micros, tonumber(redis.call('HGET', KEYS[4], 'ticket') or '0') + 1)
redis.call('HSET', KEYS[4], 'ticket', whole(ticket))
local old = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', whole(micros - 60000000), 'LIMIT', 0, 2)
redis.call('ZADD', KEYS[3], whole(ticket), whole(ticket) .. ' ' .. payload)
return {whole(ticket), others, old}
`);

/**
 * Closes tickets: adds the amounts of the first one to the sums, and not those of the others. A ticket is closed once, so nothing is added twice. Older
 * tickets of the same turn, from tries that failed, are removed with it. Keys: open, sums.
 */
export const SETTLE: Script = script(`${PRELUDE}${SUMS}
local stored, withdrawn = arg(), args()
if stored ~= '' then
  local entry = redis.call('ZRANGEBYSCORE', KEYS[1], stored, stored)[1]
  if entry then
    local function turnOf(text) return cjson.decode(string.match(text, ' (.*)$')) end
    local turn = turnOf(entry)
    redis.call('ZREM', KEYS[1], entry)
    add(KEYS[2], '', turn.amounts)
    for _, older in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. stored, 'LIMIT', 0, 100)) do
      local other = turnOf(older)
      if other.id == turn.id and other.group == turn.group and other.from == turn.from then redis.call('ZREM', KEYS[1], older) end
    end
  end
end
for _, ticket in ipairs(withdrawn) do redis.call('ZREMRANGEBYSCORE', KEYS[1], ticket, ticket) end
return {}
`);

/** Answers with the sums, and with tickets that have been open for longer than an append takes and their age. Keys: open, sums. */
export const SPENT: Script = script(`${PRELUDE}
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(micros - 5000000), 'LIMIT', 0, 20)
return {redis.call('HGETALL', KEYS[2]), old, whole(micros)}
`);

/** Removes ids from the index, including new ones. Keys: index, recent. */
export const UNLIST: Script = script(`${PRELUDE}${INDEX}
for _, id in ipairs(ARGV) do unlist(KEYS[1], KEYS[2], id) end
return {}
`);

/**
 * Deletes the sums of an owner, but not the index: its old ids were removed with their sessions, and the ids in it now are of newer sessions. Keys: open, sums.
 */
export const CLEAR: Script = script(`
redis.call('UNLINK', KEYS[1], KEYS[2])
return {}
`);
