-- A hundred events a request, each different.
-- Arguments: a seed, the kind of message ids (none | ordered | random), now in milliseconds, spread (days back, 0: no timestamps).
local key = "es_w_" .. string.rep("w", 32)
local SIZE, POOL, PER_MS = 100, 8192, 400
local kind, now, spread, n = "none", 0, 0, 0
local heads, hex, hex3 = {}, {}, {}
local types = { "page_view", "page_view", "page_view", "page_view", "click", "click", "click", "signup", "purchase" }
local countries = { "DE", "FR", "NZ", "US", "BR", "IN", "JP", "KE" }
local plans = { "free", "free", "free", "pro", "team" }
local random, floor, format = math.random, math.floor, string.format
local stamp, stamp_of = "", -1

function init(args)
  math.randomseed(tonumber(args[1]))
  kind, now, spread = args[2], tonumber(args[3]), tonumber(args[4])
  wrk.headers["Authorization"] = "Bearer " .. key
  wrk.headers["Content-Type"] = "application/json"
  for i = 0, 65535 do hex[i] = format("%04x", i) end
  for i = 0, 4095 do hex3[i] = format("%03x", i) end
  for i = 1, POOL do
    heads[i] = format(
      '{"event_type":"%s","user_id":"u%d","session_id":"s%d","properties":{"path":"/p/%d","country":"%s","plan":"%s","amount":%.2f,"n":',
      types[random(#types)], random(100000), random(300000), random(400), countries[random(#countries)],
      plans[random(#plans)], random() * 100)
  end
end

local function message_id()
  if kind == "random" then -- UUID version 4
    return hex[random(0, 65535)] .. hex[random(0, 65535)] .. "-" .. hex[random(0, 65535)] .. "-4" .. hex3[random(0, 4095)]
      .. "-8" .. hex3[random(0, 4095)] .. "-" .. hex[random(0, 65535)] .. hex[random(0, 65535)] .. hex[random(0, 65535)]
  end
  local ms = now + floor(n / PER_MS) -- UUID version 7
  if ms ~= stamp_of then
    local digits = format("%012x", ms)
    stamp, stamp_of = digits:sub(1, 8) .. "-" .. digits:sub(9) .. "-7", ms
  end
  return stamp .. hex3[random(0, 4095)] .. "-8" .. hex3[random(0, 4095)] .. "-"
    .. hex[random(0, 65535)] .. hex[random(0, 65535)] .. hex[random(0, 65535)]
end

-- The pieces of a body stand in one table that is used again: wrk shares the machine with the server.
local parts = { "[" }

function request()
  local at, p = random(POOL), 1
  for i = 1, SIZE do
    n = n + 1
    at = at % POOL + 1
    parts[p + 1], parts[p + 2], p = heads[at], n, p + 2
    if kind ~= "none" then
      parts[p + 1], parts[p + 2], p = '},"message_id":"', message_id(), p + 2
    end
    local close = kind == "none" and "}" or '"'
    if spread > 0 then
      parts[p + 1], parts[p + 2], p = close .. ',"timestamp":', format("%d", now - random() * spread * 86400000), p + 2
      close = ""
    end
    parts[p + 1], p = close .. (i < SIZE and "}," or "}]"), p + 1
  end
  return wrk.format("POST", nil, nil, table.concat(parts, "", 1, p))
end
