/** How long an id stays in the index of its owner if its session does not exist (yet), in milliseconds. */
const GRACE_MS = 600_000;

/** The beginning of every script: functions for its arguments, and the clock of the server, which is the only clock that counts. */
export const PRELUDE = `
local at = 0
local function arg() at = at + 1 return ARGV[at] end
local function args()
  local list = {}
  for i = 1, tonumber(arg()) do list[i] = arg() end
  return list
end
local clock = redis.call('TIME')
local micros = clock[1] * 1000000 + clock[2]
local now = math.floor(micros / 1000)
-- Lua would write large numbers with an exponent.
local function whole(number) return string.format('%.0f', number) end
`;

/**
 * For scripts on a session, whose `version` they set first. `keep` extends the life of the session by its whole time to live, at least until its lease
 * ends. It gets the fields that it needs.
 */
export const SESSION = `
local session = KEYS[1]
local version
local function field(name) return redis.call('HGET', session, name) end
local function number(name) return tonumber(field(name) or '0') end
local function set(...) redis.call('HSET', session, ...) end

local function keep(ttl, leasedUntil, hadEnd)
  local ends
  if ttl ~= '' then ends = now + ttl
  -- Only leased so far.
  elseif version == 0 then ends = now + 3600000 end
  if ends then
    local at = whole(math.max(ends, leasedUntil))
    set('expiresAt', at)
    redis.call('PEXPIREAT', session, at)
  elseif hadEnd then
    redis.call('HDEL', session, 'expiresAt')
    redis.call('PERSIST', session)
  end
end

-- The contents of the core are fields of the hash. Their names are a field, too, since a load must not read through the whole hash. No name has a
-- line break.
local function namesOf(text)
  local names = {}
  for name in string.gmatch(text, '[^\\n]+') do names[#names + 1] = name end
  return names
end

-- A row: how many messages come before it, how many it holds, the row before it, the version and the time of its write; then its content.
local function numbersOf(text)
  local before, weight, parent = string.match(text or '', '^(%d+) (%d+) (%d+) ')
  return tonumber(before), tonumber(weight), parent
end

-- The number of messages up to a row, including its own.
local function through(position)
  local before, weight = numbersOf(field('row:' .. position))
  return (before or 0) + (weight or 0)
end
`;

/** Reads the version, for scripts that read nothing else at once. */
export const VERSION = `
version = number('version')
`;

/** For scripts that change an index: adds an id, and answers with some others that may be stale. */
export const INDEX = `
local function list(index, recent, id)
  redis.call('ZADD', index, 0, id)
  redis.call('ZADD', recent, whole(now), id)
  redis.call('ZREMRANGEBYSCORE', recent, '-inf', whole(now - ${GRACE_MS}))
  redis.call('PEXPIRE', recent, ${GRACE_MS})
  return redis.call('ZRANDMEMBER', index, 2)
end

local function isRecent(recent, id)
  return tonumber(redis.call('ZSCORE', recent, id) or '0') > now - ${GRACE_MS}
end

local function unlist(index, recent, id)
  redis.call('ZREM', index, id)
  redis.call('ZREM', recent, id)
end
`;

/** For scripts that write to a session, after SESSION and INDEX: adds a new session to the index, and an old one if the index was lost. */
export const LISTED = `
local function listed(id, isNew)
  if not KEYS[2] or (not isNew and redis.call('ZSCORE', KEYS[2], id)) then return {} end
  return list(KEYS[2], KEYS[3], id)
end
`;

/** For scripts that change sums. Amounts are pairs of field and number. */
export const SUMS = `
local function add(key, prefix, amounts)
  for i = 1, #amounts, 2 do redis.call('HINCRBYFLOAT', key, prefix .. amounts[i], amounts[i + 1]) end
end
`;
