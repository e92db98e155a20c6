/** How long an id stays in the index of its owner although there is no such session (yet), in milliseconds. */
const GRACE_MS = 600_000;

/** What every script begins with: its arguments one by one, and the server's clock, which alone decides. */
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

/** For scripts on a session. `keep` puts its end off: by the whole time to live, and not before its lease ends. */
export const SESSION = `
local session = KEYS[1]
local function field(name) return redis.call('HGET', session, name) end
local function number(name) return tonumber(field(name) or '0') end
local function set(...) redis.call('HSET', session, ...) end
local version = number('version')

local function keep(ttl)
  local ends
  if ttl ~= '' then ends = now + ttl
  -- Only leased so far.
  elseif version == 0 then ends = now + 3600000 end
  if ends then
    local at = whole(math.max(ends, number('leasedUntil')))
    set('expiresAt', at)
    redis.call('PEXPIREAT', session, at)
  elseif field('expiresAt') then
    redis.call('HDEL', session, 'expiresAt')
    redis.call('PERSIST', session)
  end
end

-- A change that counts: it makes a new version, and a session where there was none.
local function changed(ttl)
  version = version + 1
  if version == 1 then set('createdAt', whole(now)) end
  set('version', whole(version), 'updatedAt', whole(now))
  keep(ttl)
end

-- Each key of the metadata is a field. Their names are a field, too, since a load must not read through the whole hash. A name is JSON: it has no
-- line break.
local function fieldsOf(names)
  local fields = {}
  for name in string.gmatch(names, '[^\\n]+') do fields[#fields + 1] = 'metadata:' .. name end
  return fields
end

local function merge(sets, gone)
  if #sets == 0 and #gone == 0 then return end
  local names, known, isOther = {}, {}, false
  for name in string.gmatch(field('names') or '', '[^\\n]+') do
    names[#names + 1] = name
    known[name] = true
  end
  for i = 1, #sets, 2 do
    local name = sets[i]
    set('metadata:' .. name, sets[i + 1])
    if not known[name] then
      names[#names + 1] = name
      known[name], isOther = true, true
    end
  end
  for _, name in ipairs(gone) do
    if known[name] then
      redis.call('HDEL', session, 'metadata:' .. name)
      known[name], isOther = false, true
    end
  end
  if not isOther then return end
  local kept = {}
  for _, name in ipairs(names) do
    if known[name] then kept[#kept + 1] = name end
  end
  set('names', table.concat(kept, '\\n'))
end

-- A row holds some messages of one append. Before them stands how many there were: the window of a load ends by it.
local function addRows(texts)
  local before, row = number('messages'), number('rows')
  local first = row + 1
  for i = 1, #texts, 2 do
    row = row + 1
    set('row:' .. whole(row), whole(before) .. ' ' .. texts[i])
    before = before + texts[i + 1]
  end
  if row >= first then set('rows', whole(row), 'messages', whole(before)) end
  return first, row
end
`;

/** For scripts that change an index: puts an id into it, and answers with some others that may be stale by now. */
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

/** For scripts that write to a session, after SESSION and INDEX: lists it when it begins, and again if the index was lost since. */
export const LISTED = `
local function listed(id)
  if not KEYS[2] or (version > 1 and redis.call('ZSCORE', KEYS[2], id)) then return {} end
  return list(KEYS[2], KEYS[3], id)
end
`;

/** For scripts that change sums. Amounts are pairs of field and number. */
export const SUMS = `
local function add(key, prefix, amounts)
  for i = 1, #amounts, 2 do redis.call('HINCRBYFLOAT', key, prefix .. amounts[i], amounts[i + 1]) end
end
`;
