import { PRELUDE, script } from '../../../stores/redis/shared.ts';
import { RUNNING_TTL_MS, TOMBSTONE_MS, TRIM_CHUNKS, TRIM_TO } from '../retention.ts';

/** By how much less than its whole time a running stream is kept before an append extends it: most appends then do not. */
const RENEW_TTL_AFTER_MS = 300_000;

/** How long an index is kept after the last open. Streams that run for longer are added again when their own time is extended. */
const INDEX_TTL_MS = 86_400_000;

/**
 * The state of a stream is a hash. `print`: fingerprint. `session`: its session, or nothing. `began`: when it was opened first. `base`: the first token; entries keep theirs, and their times, as differences. `marks`: see
 * marks.ts. `snapshot`: see snapshot.ts. `watch`: which processes have readers, and until when. `process`: the owner's. `kept`: when the keys expire. A hash without a token is a stop that came early.
 */
const STREAM = `
local state, entries = KEYS[1], KEYS[2]
local function fields(...) return redis.call('HMGET', state, ...) end
local function set(...) redis.call('HSET', state, ...) end
local function number(text) return tonumber(text or '0') end
-- A text that may be missing, as one that may not.
local function maybe(text) return text and '+' .. text or '' end

-- How many chunks there are up to an entry and with it.
local function placeOf(entry) return tonumber(string.match(entry[1], '^%d+')) end

local function expireAt(at)
  set('kept', whole(at))
  redis.call('PEXPIREAT', state, whole(at))
  redis.call('PEXPIREAT', entries, whole(at))
end

-- Tells the processes that have readers, but not one's own.
local function tell(watch, channels, own, message)
  for process, till in string.gmatch(watch or '', '(%S+) (%d+)') do
    if process ~= own and tonumber(till) > now then redis.call('PUBLISH', channels .. process, message) end
  end
end
`;

/** Adds to the streams that run. Its owner renews it until then. */
const RUNS = `
local function runs(index, member, lookAt)
  redis.call('ZADD', index, whole(lookAt), member)
  redis.call('PEXPIRE', index, ${INDEX_TTL_MS})
end
`;

/** For how long a stream is left to the process that was told to look at it, and how often one is looked at that its owner renews. */
const LOOK_MS = 5_000;

/** Adds to an index. Answers with its two oldest members and their times: they may be stale. */
const REGISTERED = `
local function register(index, member)
  redis.call('ZADD', index, whole(now), member)
  redis.call('PEXPIRE', index, ${INDEX_TTL_MS})
  return redis.call('ZRANGE', index, 0, 1, 'WITHSCORES')
end
`;

/**
 * Opens a stream. A client that sends the command again gives the same nonce. Answers `owner` (token, next, time of the first open, takeovers, whether it was given up, stop, stale
 * members of either index), `reader`, `ended` (the end), or `other` if the fingerprint is another one.
 */
export const OPEN = script(`${PRELUDE}${STREAM}${REGISTERED}${RUNS}
local start, print, leaseMs, takeOver, graceMs, again = arg(), arg(), number(arg()), arg(), number(arg()), arg()
local session, nonce, own, channels, member = arg(), arg(), arg(), arg(), arg()
local is = fields('token', 'print', 'end', 'until', 'stop', 'next', 'began', 'takeovers', 'nonce', 'seen', 'watch')
local token, stop, next, began, takeovers = tonumber(is[1]), is[5], is[6], is[7], number(is[8])
local released = ''
if token and is[2] ~= print then return {'other'} end
if not token or is[9] ~= nonce then
  if not token then
    token, next, began, takeovers = -1, '0', whole(now), 0
    redis.call('DEL', entries)
    set('start', start, 'print', print, 'began', began, 'base', whole(micros), 'session', session, 'next', '0', 'first', '0', 'bytes', '0')
  elseif is[3] then
    if again ~= '1' then return {'ended', is[3]} end
    takeovers, stop = 0, false
    redis.call('HDEL', state, 'end', 'ended', 'stop')
  elseif takeOver ~= '1' or number(is[4]) + graceMs > now then
    return {'reader'}
  elseif is[4] == '0' then
    released = '1'
  else
    takeovers = takeovers + 1
  end
  token = math.max(token + 1, micros)
  set('token', whole(token), 'until', whole(now + leaseMs), 'nonce', nonce, 'process', own,
    'takeovers', whole(takeovers), 'seen', whole(math.max(number(is[10]), now)))
  expireAt(now + leaseMs + ${RUNNING_TTL_MS})
  tell(is[11], channels, own, 'c' .. member)
end
local owners, sessions = {}, {}
if KEYS[3] then owners = register(KEYS[3], member) end
if KEYS[4] then runs(KEYS[4], member, now + leaseMs) end
if KEYS[5] then sessions = register(KEYS[5], member) end
return {'owner', whole(token), next, began, whole(takeovers), released, maybe(stop), owners, sessions}
`);

/** Adds a stream to an index. */
export const REGISTER = script(`${PRELUDE}${REGISTERED}
return register(KEYS[1], arg())
`);

/** Adds a stream to those that run. */
export const ADD_RUNNING = script(`${PRELUDE}${RUNS}
local member, leaseMs = arg(), tonumber(arg())
runs(KEYS[1], member, now + leaseMs)
return {}
`);

/** Members of the streams that run which are to be looked at now, and their times, which are later from now on: nobody else looks at them in the meantime. */
export const DUE = script(`${PRELUDE}
local most = tonumber(arg())
local due, told = redis.call('ZRANGE', KEYS[1], '-inf', whole(now), 'BYSCORE', 'LIMIT', 0, most), {}
for _, member in ipairs(due) do
  local later = whole(now + ${LOOK_MS})
  redis.call('ZADD', KEYS[1], later, member)
  told[#told + 1] = member
  told[#told + 1] = later
end
return told
`);

/** Removes members from an index whose time is still the one that was seen. */
export const UNREGISTER = script(`${PRELUDE}
while #ARGV > at do
  local member, time = arg(), arg()
  local is = redis.call('ZSCORE', KEYS[1], member)
  if is and tonumber(is) == tonumber(time) then redis.call('ZREM', KEYS[1], member) end
end
return {}
`);

/** The members of an index and their times, the oldest first, from a place on. */
export const MEMBERS = script(`${PRELUDE}
local from, most = tonumber(arg()), tonumber(arg())
return redis.call('ZRANGE', KEYS[1], whole(from), whole(from + most - 1), 'WITHSCORES')
`);

/** Whether a stream is there: \`gone\`, \`ended\`, \`runs\`, or \`unowned\` if its lease has been over for so long. */
export const LOOK = script(`${PRELUDE}${STREAM}
local graceMs = tonumber(arg())
local is = fields('token', 'end', 'until')
if not is[1] then return {'gone'} end
if is[2] then return {'ended'} end
return {number(is[3]) + graceMs <= now and 'unowned' or 'runs'}
`);

/**
 * Appends. Answers \`kept\` (next, time, how long unread, stop, whether the time of the keys was extended, whether the stream is to be trimmed), \`rest\` (next) if the log has only the first of the chunks, and \`gone\`,
 * \`owner\` or \`ended\` if it refuses. A token that is higher than the stored one is the owner's: the server has lost the newest writes.
 */
export const APPEND = script(`${PRELUDE}${STREAM}
local token, from, count, leaseMs = arg(), number(arg()), number(arg()), number(arg())
local text, marks, ends, ttlMs, maxBytes = arg(), arg(), arg(), number(arg()), number(arg())
local own, channels, member = arg(), arg(), arg()
local is = fields('token', 'next', 'end', 'stop', 'seen', 'kept', 'watch', 'began', 'base', 'bytes')
if not is[1] then return {'gone'} end
if is[1] ~= token then
  if tonumber(is[1]) > tonumber(token) then return {'owner'} end
  set('token', token, 'process', own)
end
local next, extended, large = number(is[2]), '0', '0'
local function answer() return {'kept', whole(next), whole(now), whole(math.max(0, now - number(is[5]))), maybe(is[4]), extended, large} end
if is[3] then
  if ends == '' then return {'ended'} end
  return answer()
end
local isNew = count > 0 and from == next
if from < next and from + count > next then return {'rest', whole(next)} end
if isNew then
  next = from + count
  redis.call('XADD', entries, whole(next) .. '-0', 'a', whole(now - number(is[8])), 'e', whole(token - number(is[9])), 'c', text)
  local bytes = number(is[10]) + #text
  if bytes > maxBytes then large = '1' end
  set('next', whole(next), 'bytes', whole(bytes), 'until', whole(now + leaseMs))
  if marks ~= '' then set('marks', (fields('marks')[1] or '') .. marks) end
else
  set('until', whole(now + leaseMs))
end
if ends ~= '' and from <= next then
  set('end', ends, 'ended', whole(now))
  expireAt(now + ttlMs)
  if KEYS[3] then redis.call('ZREM', KEYS[3], member) end
elseif number(is[6]) < now + leaseMs + ${RUNNING_TTL_MS - RENEW_TTL_AFTER_MS} then
  expireAt(now + leaseMs + ${RUNNING_TTL_MS})
  extended = '1'
elseif isNew and from == 0 then
  redis.call('PEXPIREAT', entries, is[6])
end
if is[7] and (isNew or ends ~= '') then tell(is[7], channels, own, 'c' .. member) end
return answer()
`);

/**
 * What is dropped of a stream that is too large: its oldest entries, but never the newest, and not more than about ${TRIM_CHUNKS} chunks. Answers with nothing if the token is another one,
 * or with: first, the snapshot of what was dropped before, the size of the entries, that of all entries, time of the first open, base, and the entries.
 */
export const OLDEST = script(`${PRELUDE}${STREAM}
local token, maxBytes = arg(), number(arg())
local is = fields('token', 'first', 'snapshot', 'began', 'base', 'bytes', 'next')
if is[1] ~= token then return {} end
local left, next = number(is[6]), number(is[7])
local found, size, last, isDone, from = {}, 0, nil, false, number(is[2])
while not isDone do
  local oldest = redis.call('XRANGE', entries, last and '(' .. last or '-', '+', 'COUNT', 64)
  isDone = #oldest == 0
  for _, entry in ipairs(oldest) do
    isDone = placeOf(entry) == next or left - size <= maxBytes * ${TRIM_TO}
    isDone = isDone or last and placeOf(entry) - from > ${TRIM_CHUNKS}
    if isDone then break end
    size, last = size + #entry[2][6], entry[1]
    found[#found + 1] = entry
  end
end
return {is[2], is[3] or '', whole(size), is[6], is[4], is[5], found}
`);

/** Drops them, and keeps a snapshot if it is not too large. Changes nothing if the stream is another one than was looked at. */
export const DROP = script(`${PRELUDE}${STREAM}
local token, first, upTo, size, snapshot, maxBytes = arg(), arg(), arg(), number(arg()), arg(), number(arg())
local is = fields('token', 'first', 'bytes')
if is[1] ~= token or is[2] ~= first then return {} end
redis.call('XTRIM', entries, 'MINID', upTo .. '-1')
set('first', upTo, 'bytes', whole(number(is[3]) - size))
if snapshot == '' or #snapshot > maxBytes then redis.call('HDEL', state, 'snapshot') else set('snapshot', snapshot) end
return {}
`);

/**
 * Reads a page. Answers with nothing if there is no stream, or with: time of the first open, base, next, first, token, takeovers, what is left of the lease, stop, end, time of the end,
 * marks, the start unless the caller has it, whether its owner has given it up, the entries, and the snapshot if the page begins before
 * the first of them. A reader is noted, and the process that it is on, if a quarter of the noted time has passed.
 */
export const READ = script(`${PRELUDE}${STREAM}
local after, most, presentMs, watchMs, own, known = number(arg()), number(arg()), number(arg()), number(arg()), arg(), arg()
local is = fields('token', 'began', 'base', 'next', 'first', 'takeovers', 'until', 'stop', 'end', 'ended', 'marks', 'seen', 'watch')
if not is[1] then return {} end
if presentMs > 0 and number(is[12]) < now + presentMs * 0.75 then set('seen', whole(now + presentMs)) end
if watchMs > 0 and not is[9] then
  local others, mine = {}, 0
  for process, till in string.gmatch(is[13] or '', '(%S+) (%d+)') do
    if process == own then mine = tonumber(till)
    elseif tonumber(till) > now then others[#others + 1] = process .. ' ' .. till end
  end
  if mine < now + watchMs * 0.75 then
    others[#others + 1] = own .. ' ' .. whole(now + watchMs)
    set('watch', table.concat(others, ' '))
  end
end
local next, till = number(is[4]), after + most
local page = {}
if next > after then
  page = redis.call('XRANGE', entries, '(' .. whole(after) .. '-0', whole(till - 1) .. '-0')
  local last = page[#page] and placeOf(page[#page]) or after
  -- One more, in which the last chunk that was asked for is.
  if last < next then page[#page + 1] = redis.call('XRANGE', entries, '(' .. whole(last) .. '-0', '+', 'COUNT', 1)[1] end
end
local start = known == is[3] and '' or fields('start')[1]
return {is[2], is[3], is[4], is[5], is[1], is[6], whole(number(is[7]) - now), maybe(is[8]), maybe(is[9]), is[10] or '', is[11] or '', start, is[7] == '0' and '1' or '', page, after < number(is[5]) and fields('snapshot')[1] or ''}
`);

/** Records a stop, and tells the owner's process. Answers \`pending\`, \`stopped\` or \`unknown\`. */
export const STOP = script(`${PRELUDE}${STREAM}
local reason, own, channels, member = arg(), arg(), arg(), arg()
local is = fields('token', 'end', 'stop', 'process')
if is[2] then return {'stopped'} end
if not is[3] then set('stop', reason) end
if not is[1] then
  if not is[3] then redis.call('PEXPIRE', state, ${TOMBSTONE_MS}) end
  return {'unknown'}
end
if is[4] and is[4] ~= own then redis.call('PUBLISH', channels .. is[4], 's' .. member) end
return {'pending'}
`);

/** Gives a stream up. A lease until 0 says so. Answers \`released\`, or \`gone\`, \`owner\` or \`ended\` if it refuses. */
export const RELEASE = script(`${PRELUDE}${STREAM}
local token, own, channels, member = arg(), arg(), arg(), arg()
local is = fields('token', 'end', 'watch')
if not is[1] then return {'gone'} end
if tonumber(is[1]) > tonumber(token) then return {'owner'} end
if is[2] then return {'ended'} end
set('token', whole(math.max(token + 1, micros)), 'until', '0')
expireAt(now + ${RUNNING_TTL_MS})
if KEYS[3] then redis.call('ZADD', KEYS[3], whole(now), member) end
tell(is[3], channels, own, 'c' .. member)
return {'released'}
`);

/** Ends a stream whose lease has been over for a grace. Answers whether it did. */
export const SETTLE = script(`${PRELUDE}${STREAM}
local ends, graceMs, ttlMs, own, channels, member = arg(), number(arg()), number(arg()), arg(), arg(), arg()
local is = fields('token', 'end', 'until', 'watch')
if not is[1] or is[2] or number(is[3]) + graceMs > now then return {'0'} end
set('token', whole(math.max(is[1] + 1, micros)), 'end', ends, 'ended', whole(now))
expireAt(now + ttlMs)
tell(is[4], channels, own, 'c' .. member)
return {'1'}
`);

/** Removes a member from an index. */
export const REMOVE = script(`${PRELUDE}
redis.call('ZREM', KEYS[1], arg())
return {}
`);

/** Deletes a stream, and tells its readers and its owner. Answers with its session, or nothing. */
export const FORGET = script(`${PRELUDE}${STREAM}
local own, channels, member = arg(), arg(), arg()
local is = fields('watch', 'process', 'session')
redis.call('UNLINK', state, entries)
tell(is[1], channels, own, 'c' .. member)
if is[2] and is[2] ~= own then redis.call('PUBLISH', channels .. is[2], 's' .. member) end
return {is[3] or ''}
`);
