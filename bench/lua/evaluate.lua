-- Ask for the variant of a user who has one. Arguments: a seed, the number of users.
local users = 1
local key = "es_w_" .. string.rep("w", 32)

function init(args)
  math.randomseed(tonumber(args[1]))
  users = tonumber(args[2])
  wrk.headers["Authorization"] = "Bearer " .. key
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  return wrk.format("POST", nil, nil, '{"user_id":"u' .. math.random(users) .. '"}')
end
