-- One event a request, each different. Arguments: a seed, and optionally the key.
local key = "es_w_" .. string.rep("w", 32)
local n, seed = 0, 0

function init(args)
  seed = tonumber(args[1])
  math.randomseed(seed)
  wrk.headers["Authorization"] = "Bearer " .. key
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  n = n + 1
  local body = '{"event_type":"page_view","user_id":"u' .. math.random(100000) .. '","session_id":"s' .. math.random(300000)
    .. '","properties":{"path":"/p/' .. math.random(400) .. '","country":"DE","plan":"pro","amount":12.5,"n":' .. n .. "}}"
  return wrk.format("POST", nil, nil, body)
end
