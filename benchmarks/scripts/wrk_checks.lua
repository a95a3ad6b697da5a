-- The same request from wrk; of the answer it checks status and hash header. It has no JSON, so the body goes unread.
local hash = os.getenv("BENCH_HASH")
local failures = 0
local threads = {}

function setup(thread) table.insert(threads, thread) end

function init(args)
  for line in os.getenv("BENCH_HEADER_LINES"):gmatch("[^\n]+") do
    local name, value = line:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  thread_request = wrk.format("GET", os.getenv("BENCH_PATH"))
  failed = 0
end

function request() return thread_request end

function response(status, headers, body)
  if status ~= 200 or headers["X-Constitutional-Hash"] ~= hash then failed = failed + 1 end
end

function done(summary, latency, requests)
  for _, thread in ipairs(threads) do failures = failures + thread:get("failed") end
  local errors = summary.errors
  failures = failures + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"requests": %d, "failures": %d}\n', summary.requests, failures))
end
