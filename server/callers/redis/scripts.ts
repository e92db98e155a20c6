import { PRELUDE, script } from '../../../stores/redis/shared.ts';
import { SPEND_AGAIN_MS } from '../counter.ts';
import { DAY_MS, MINUTE_MS, PLACE_WAIT_MS } from '../memory-counter.ts';

/** How long a use is known whose process may not have got the answer, in milliseconds: an hour longer than it asks again, since its last command may wait for a connection. */
const UNANSWERED_MS = SPEND_AGAIN_MS + 3_600_000;

/** How long one is known whose answer has come, in milliseconds: a client may still send the command again that it has. */
const ANSWERED_MS = 60_000;

/**
 * What a caller has used is a hash: `minute` with its `requests` and `tokens`, `day` with its `usd`, and whether a cost of the day is `unknown`. It expires with the day. The places
 * are a sorted set by the end of their leases. The clock is the server's.
 */
const USED = `
local used = KEYS[1]
local minute, day = math.floor(now / ${MINUTE_MS}), math.floor(now / ${DAY_MS})
local is = redis.call('HMGET', used, 'minute', 'requests', 'tokens', 'day', 'usd', 'unknown')
local requests, tokens, usd = tonumber(is[2] or '0'), tonumber(is[3] or '0'), tonumber(is[5] or '0')
local unknown = is[6] == '1'
if tonumber(is[1]) ~= minute then requests, tokens = 0, 0 end
if tonumber(is[4]) ~= day then usd, unknown = 0, false end
local minuteMs, dayMs = ${MINUTE_MS} - now % ${MINUTE_MS}, ${DAY_MS} - now % ${DAY_MS}
local function save()
  redis.call('HSET', used, 'minute', whole(minute), 'requests', whole(requests), 'tokens', whole(tokens),
    'day', whole(day), 'usd', string.format('%.17g', usd), 'unknown', unknown and '1' or '')
  redis.call('PEXPIREAT', used, whole(now + dayMs))
end
`;

/** Places whose leases are over are removed first. Answers whether there is room. */
const PLACES = `
local function hasRoom(places, most)
  redis.call('ZREMRANGEBYSCORE', places, '-inf', whole(now))
  return redis.call('ZCARD', places) < most
end
local function hold(places, place, leaseMs)
  redis.call('ZADD', places, whole(now + leaseMs), place)
  redis.call('PEXPIRE', places, whole(leaseMs))
end
`;

/** Answers `begun`, how many requests there are in the minute and when it ends; or `refused`, because of what, and for how long. */
export const BEGIN = script(`${PRELUDE}${USED}${PLACES}
local places, place, leaseMs = KEYS[2], arg(), tonumber(arg())
local maxRequests, maxPlaces, maxTokens, maxUsd, refuses = tonumber(arg()), tonumber(arg()), tonumber(arg()), tonumber(arg()), arg()
if not redis.call('ZSCORE', places, place) then
  if maxUsd and usd >= maxUsd then return {'refused', 'usd', whole(dayMs)} end
  if maxUsd and unknown and refuses == 'refuse' then return {'refused', 'cost', whole(dayMs)} end
  if requests >= maxRequests then return {'refused', 'requests', whole(minuteMs)} end
  if maxTokens and tokens >= maxTokens then return {'refused', 'tokens', whole(minuteMs)} end
  if not hasRoom(places, maxPlaces) then return {'refused', 'streams', '${PLACE_WAIT_MS}'} end
  requests = requests + 1
  save()
end
hold(places, place, leaseMs)
return {'begun', whole(requests), whole(minuteMs)}
`);

/** Answers 1, or 0 if all places are taken. */
export const HOLD = script(`${PRELUDE}${PLACES}
local places, place, leaseMs, most = KEYS[1], arg(), tonumber(arg()), tonumber(arg())
if not redis.call('ZSCORE', places, place) and not hasRoom(places, most) then return 0 end
hold(places, place, leaseMs)
return 1
`);

/** Gives a place back. */
export const LEAVE = script(`
return redis.call('ZREM', KEYS[1], ARGV[1])
`);

/** The second key says that this was counted already. Those after it are of uses whose answers have come. */
export const SPEND = script(`${PRELUDE}${USED}
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ${UNANSWERED_MS}) then return 0 end
for i = 3, #KEYS do redis.call('PEXPIRE', KEYS[i], ${ANSWERED_MS}) end
tokens, usd = tokens + tonumber(arg()), usd + tonumber(arg())
if arg() == '1' then unknown = true end
save()
return 1
`);

/** Keeps a ticket. */
export const PUT = script(`
return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
`);

/** A ticket is used once, whoever asks first. */
export const TAKE = script(`
local caller = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
return caller
`);
