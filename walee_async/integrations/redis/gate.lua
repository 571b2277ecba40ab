-- Reserve turns at a shared gate, by the server's clock; tell of pauses and cuts, and hear of those of others.
-- All times are microseconds of this server's clock.
--
-- KEYS  1 the gate, a hash: tat (the time of the first turn that is free), pause (when the pause ends), pace and cut (the
--         last cut and its time), members (when their list last changed), at (when all this was written)
--       2 its members, a sorted set of who shares the gate, by the time of the last answer each has received
-- ARGV  1 who asks   2 when the call is too old to be of use (0: never)   3 turns wanted (-1: the caller leaves)
--       4 microseconds between turns   5 burst   6 no turn before this many from now   7 nor after this many (-1: any)
--       8 the time of the last answer that the caller received (0: none); and what it knew then:
--       9 tat   10 pause   11 a cut to tell of, turns per second (0: none)   12 members   13 how many they were
--       14… members to be remembered
-- Returns now, tat, pause, pace, cut, members, too late (1), the turns, and the names of all if their list has changed.
local KEEP, MEMBER, SILENT, REMEMBERED = 60e6, 10e6, 1e6, 3e6

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local me, valid, wanted, seen = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[8])
-- A frozen server finds old calls when it goes on. Nobody waits for their turns.
if valid > 0 and now > valid then
  return {now}
end

local function text(number)
  return string.format('%.0f', number)
end
local held = redis.call('HMGET', KEYS[1], 'tat', 'pause', 'pace', 'cut', 'members', 'at')
for i = 1, 6 do held[i] = tonumber(held[i] or 0) end
local tat, pause, pace, cut, members, at = unpack(held)

-- A clock that was set back takes with it what was written before. What the caller knew outlives a lost key.
local back, before = math.max(0, at - now), math.max(0, seen - now)
tat = math.max(tat - back, tonumber(ARGV[9]) - before)
pause = math.max(pause - back, tonumber(ARGV[10]) - before)
if tonumber(ARGV[11]) > 0 then
  pace, cut = tonumber(ARGV[11]), now
end

-- Who shares the gate. The turns of those who have received no answer lately are left to them: each may go on by itself.
local changed = redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now - MEMBER))
  + redis.call('ZREMRANGEBYSCORE', KEYS[2], '(' .. text(now), '+inf')
for i = 14, #ARGV do
  changed = changed + redis.call('ZADD', KEYS[2], 'NX', text(now - MEMBER + REMEMBERED), ARGV[i])
end
if wanted < 0 then
  changed = changed + redis.call('ZREM', KEYS[2], me)
else
  local score = seen > 0 and seen <= now and math.max(seen, now - MEMBER) or now
  changed = changed + redis.call('ZADD', KEYS[2], text(score), me)
end
if changed > 0 or members == 0 then
  members = now
end
local all = math.max(1, redis.call('ZCARD', KEYS[2]))
local heard = math.max(1, redis.call('ZCOUNT', KEYS[2], text(now - SILENT), '+inf'))

local interval = tonumber(ARGV[4]) * all / heard
if held[6] == 0 and seen > 0 then
  -- The key was lost, and with it what others have reserved: a turn each.
  tat = math.max(tat, now) + interval * tonumber(ARGV[13])
end
local spread = (tonumber(ARGV[5]) - 1) * interval
local earliest, latest = now + tonumber(ARGV[6]), tonumber(ARGV[7])
local turns, late = {}, 0
if wanted > 0 and pause <= now then
  local first = math.max(earliest, tat - spread)
  if latest >= 0 and first - now > latest then
    turns[1], late = first, 1
  else
    for i = 1, wanted do
      local turn = math.max(earliest, tat - spread)
      tat = math.max(tat, turn) + interval
      turns[i] = turn
    end
  end
end

redis.call('HSET', KEYS[1], 'tat', text(tat), 'pause', text(pause), 'pace', tostring(pace), 'cut', text(cut),
  'members', text(members), 'at', text(now))
redis.call('PEXPIRE', KEYS[1], text((math.max(tat, pause, now) - now + KEEP) / 1000))
redis.call('PEXPIRE', KEYS[2], text(MEMBER / 1000))
local names = {}
if members ~= tonumber(ARGV[12]) then
  names = redis.call('ZRANGE', KEYS[2], 0, -1)
end
return {now, tat, pause, tostring(pace), cut, members, late, turns, names}
