-- Set a report aside from a shared budget, or say what became of reports set aside earlier.
--
-- KEYS  1 the budget, a hash: spent (reports bought, or perhaps bought), epoch (which keeping of this account it is),
--         base (what had been spent when it was begun, as far as processes tell that knew the one before), answers (how
--         many calls were answered)
--       2 reports set aside, a sorted set by the time at which their process is taken for dead
-- ARGV  1 the most that may be bought (-1: no end)   2 microseconds after which a process is taken for dead
--       3 milliseconds to keep the account for after its last use
--       4 the epoch that the caller knows ('': none)   5 reports spent and set aside then   6 answers then
--       7 a name for a new epoch   8 a name for a report to set aside ('': none)
--       9… names of reports set aside, each with 1 (bought) or 0
-- Returns 1 when it is set aside, 0 when others must end first, -1 when all is spent; spent, set aside, the epoch, answers.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local cap, place = tonumber(ARGV[1]), ARGV[8]
local held = redis.call('HMGET', KEYS[1], 'spent', 'epoch', 'base', 'answers')
local spent, epoch, base = tonumber(held[1] or 0), held[2] or ARGV[7], tonumber(held[3] or 0)
local answers = tonumber(held[4] or 0)

-- Fewer answers than the caller has seen: the server has gone back to an older copy of this account. It is given up for a
-- new one that begins with what was there, so that all others tell what they know of it as well.
if ARGV[4] == epoch and answers < tonumber(ARGV[6]) then
  base, spent, epoch = base + spent + redis.call('ZCARD', KEYS[2]), 0, ARGV[7]
  redis.call('DEL', KEYS[2])
end
for i = 9, #ARGV, 2 do
  -- A name that is gone was told of before, or lost with its account and counted as spent.
  if redis.call('ZREM', KEYS[2], ARGV[i]) == 1 then
    spent = spent + tonumber(ARGV[i + 1])
  end
end
-- The account was lost and begun anew: what this process knows of the old one is spent, whatever became of it.
if ARGV[4] ~= '' and ARGV[4] ~= epoch then
  base = math.max(base, tonumber(ARGV[5]))
end

local aside = redis.call('ZCARD', KEYS[2])
local said = 1
if place ~= '' and not redis.call('ZSCORE', KEYS[2], place) then
  if cap < 0 or base + spent + aside < cap then
    redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[2])), place)
    aside = aside + 1
  elseif redis.call('ZCOUNT', KEYS[2], string.format('%.0f', now), '+inf') > 0 then
    said = 0
  else
    said = -1
  end
end
redis.call('HSET', KEYS[1], 'spent', string.format('%.0f', spent), 'epoch', epoch,
  'base', string.format('%.0f', base), 'answers', string.format('%.0f', answers + 1))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {said, base + spent, aside, epoch, answers + 1}
