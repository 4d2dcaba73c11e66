/**
 * Adds a session to those of its tenant, unless there are enough that are not idle.
 * KEYS: the tenant's. ARGV: id, idleMs, maxPerTenant.
 */
export const addScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

/** Begins the idle time of one anew. KEYS: the tenant's. ARGV: id, idleMs. */
export const renewScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

/**
 * Keeps an event, and of all events the newest within the bounds.
 * KEYS: session, events, streams. ARGV: stream, seq, message, closes, ifAt, maxEvents, maxEventBytes, idleMs.
 */
export const appendScript = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[5] ~= '' then
  if redis.call('HGET', KEYS[1], 'at') ~= ARGV[5] then return 0 end
  redis.call('HSET', KEYS[1], 'seq:' .. ARGV[1], ARGV[2])
end
if ARGV[4] == '1' then redis.call('HDEL', KEYS[3], ARGV[1]) end
redis.call('XADD', KEYS[2], '*', 's', ARGV[1], 'n', ARGV[2], 'm', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[8])
local bytes = redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[3])
local count = redis.call('XLEN', KEYS[2])
while count > tonumber(ARGV[6]) or bytes > tonumber(ARGV[7]) do
  local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
  if not oldest then break end
  redis.call('XDEL', KEYS[2], oldest[1])
  bytes = redis.call('HINCRBY', KEYS[1], 'bytes', -#oldest[2][6])
  count = count - 1
end
return 1`;
