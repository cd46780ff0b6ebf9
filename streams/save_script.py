"""The save script: the one compare-and-set of the design, in Lua, which Redis runs as one step.

A unit is compared and written as one. Caller: `streams.redis_session_store`.

KEYS, per unit: its watermarks, then the keys to write, then the users' session sets. ARGV: the TTL in
seconds; then per unit the number of watermarks, an expected and a new one for each (see
`schemas.watermark`; no number for none), the number of keys to write and a value for each ('' deletes),
the number of users' session sets and for each a session id and whether it is in the set, '1' or '0'. A
stored watermark that counts in another topic is none. Returned are the keys of the watermarks of refused
units, each followed by the stored one.
"""

SAVE = """
local function parts(mark) return string.match(mark, '^(%d*)@?(.*)$') end
local ttl, refused = ARGV[1], {}
local key, arg = 1, 2
while key <= #KEYS do
  local marks = tonumber(ARGV[arg])
  local values = arg + 2 * marks + 1
  local count = tonumber(ARGV[values])
  local raw, stored, equal = {}, {}, true
  for i = 1, marks do
    raw[i] = redis.call('GET', KEYS[key + i - 1]) or ''
    local expected, topic = parts(ARGV[arg + 2 * i - 1])
    local offset, counted_in = parts(raw[i])
    stored[i] = (topic == '' or counted_in == '' or topic == counted_in) and offset or ''
    equal = equal and stored[i] == expected
  end
  for i = 1, marks do
    local new = ARGV[arg + 2 * i]
    if not equal then
      refused[#refused + 1] = KEYS[key + i - 1]
      refused[#refused + 1] = stored[i]
    elseif new ~= raw[i] and parts(new) ~= '' then
      redis.call('SET', KEYS[key + i - 1], new)
    end
  end
  for i = 1, equal and count or 0 do
    local name, value = KEYS[key + marks + i - 1], ARGV[values + i]
    if value == '' then
      redis.call('DEL', name)
    else
      redis.call('SET', name, value, 'EX', ttl)
    end
  end
  local sets = tonumber(ARGV[values + count + 1])
  for i = 1, equal and sets or 0 do
    local name, session = KEYS[key + marks + count + i - 1], ARGV[values + count + 2 * i]
    if ARGV[values + count + 2 * i + 1] == '1' then
      redis.call('SADD', name, session)
      redis.call('EXPIRE', name, ttl)
    else
      redis.call('SREM', name, session)
    end
  end
  key, arg = key + marks + count + sets, values + count + 2 + 2 * sets
end
return refused
"""
