"""The queue in Redis: one list a workflow, and the workflows with messages in the order of their turns.

A script is one command and one step for all other clients, so no message is ever between two places. Keys:

- ``direct``: the list of the releases before, which workers of those releases read alone. A message that comes while
  nothing else waits goes there, too, and the worker that blocks on it has it at once. What those releases push there is
  taken first.
- ``next``: one message whose turn has come, for workers that block. It is there while any message waits behind it.
- ``turns``: a sorted set of the workflows that have a list; the lowest score is served next.
- ``of:<workflow>``: the messages of a workflow, new ones at the left end, the next one at the right.

An empty queue has no keys. A list that is missing from ``turns`` (a key was evicted) is back with its next message.
"""

from __future__ import annotations


def keys_of(queue: str) -> list[str]:
    """The keys that the scripts are called with. The braces keep them in one place of a Redis cluster."""
    return [queue, *(f"{{{queue}}}:{name}" for name in ("next", "turns", "of:"))]


_COMMON = """
local direct, ready, turns, of = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

-- Put a workflow at the end of the turns, unless it has one.
local function line_up(workflow)
  local last = redis.call('ZREVRANGE', turns, 0, 0, 'WITHSCORES')
  redis.call('ZADD', turns, 'NX', (last[2] or 0) + 1, workflow)
end

-- The next message of the workflow whose turn it is; the workflow goes to the end of the turns.
local function serve()
  while true do
    local workflow = redis.call('ZPOPMIN', turns)[1]
    if not workflow then return false end
    local message = redis.call('RPOP', of .. workflow)
    if message then
      if redis.call('EXISTS', of .. workflow) == 1 then line_up(workflow) end
      return message
    end
  end
end

-- Workers that block wait for this one message.
local function fill()
  if redis.call('EXISTS', ready) == 0 then
    local message = serve()
    if message then redis.call('LPUSH', ready, message) end
  end
end
"""

PUSH = f"""{_COMMON}
-- ARGV: first or last, then pairs of a workflow and a message.
if #ARGV == 3 and redis.call('EXISTS', direct, ready, turns) == 0 then
  return redis.call('LPUSH', direct, ARGV[3])
end
local put, before = ARGV[1] == 'first' and 'RPUSH' or 'LPUSH', nil
for place = 2, #ARGV, 2 do
  redis.call(put, of .. ARGV[place], ARGV[place + 1])
  if ARGV[place] ~= before then line_up(ARGV[place]) end
  before = ARGV[place]
end
fill()
"""

TAKE = f"""{_COMMON}
local message = redis.call('RPOP', direct) or redis.call('RPOP', ready) or serve()
if message then fill() end
return message
"""

FILL = f"""{_COMMON}
fill()
"""

HEADS = """
local found = {}
for place, workflow in ipairs(redis.call('ZRANGE', KEYS[3], 0, ARGV[1] - 1)) do
  found[2 * place - 1], found[2 * place] = workflow, redis.call('LINDEX', KEYS[4] .. workflow, -1) or ''
end
return found
"""

DEPTH = """
local depth = redis.call('LLEN', KEYS[1]) + redis.call('LLEN', KEYS[2])
for _, workflow in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  depth = depth + redis.call('LLEN', KEYS[4] .. workflow)
end
return depth
"""
