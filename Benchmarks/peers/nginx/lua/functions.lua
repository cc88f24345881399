-- The functions of Benchmarks/skerry and Benchmarks/engine/functions, as one writes them for OpenResty.
local functions = {}

local function answer(moved, status)
  local target = moved[ngx.var.uri]
  if not target then
    return ngx.exit(404)
  end
  ngx.header["Cache-Control"] = "max-age=60"
  ngx.redirect(target, status)
end

local MOVED = { ["/old/41"] = "/products/41", ["/old/42"] = "/products/42", ["/old/43"] = "/products/43" }

function functions.redirect()
  answer(MOVED, 302)
end

local MOVED_TO = { ["/moved/41"] = "/products/41", ["/moved/42"] = "/products/42", ["/moved/43"] = "/products/43" }

function functions.moved()
  answer(MOVED_TO, 301)
end

function functions.no_op()
end

-- The parameters that are not marketing's.
local function kept_parameters()
  local kept = {}
  for parameter in string.gmatch(ngx.var.args or "", "[^&]+") do
    if string.sub(parameter, 1, 4) ~= "utm_" then
      kept[#kept + 1] = parameter
    end
  end
  return kept
end

function functions.clean_query()
  ngx.req.set_uri_args(table.concat(kept_parameters(), "&"))
end

function functions.normalise_query()
  local kept = kept_parameters()
  table.sort(kept)
  ngx.req.set_uri_args(table.concat(kept, "&"))
end

function functions.security_headers()
  ngx.header["X-Content-Type-Options"] = "nosniff"
  ngx.header["Referrer-Policy"] = "strict-origin-when-cross-origin"
end

function functions.six_headers()
  local header = ngx.header
  header["Strict-Transport-Security"] = "max-age=63072000; includeSubdomains; preload"
  header["Content-Security-Policy"] = "default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'"
  header["X-Content-Type-Options"] = "nosniff"
  header["X-Frame-Options"] = "DENY"
  header["X-XSS-Protection"] = "1; mode=block"
  header["Referrer-Policy"] = "same-origin"
end

return functions
