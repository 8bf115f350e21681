-- For wrk: asks for the pages that are its arguments in turn, and prints what it found as JSON.
local pages, next_page = {}, 0

function init(arguments)
    pages = arguments
end

function request()
    next_page = next_page % #pages + 1
    return wrk.format("GET", pages[next_page])
end

function done(summary, latency, _)
    local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
        + summary.errors.timeout
    io.write(string.format(
        '{"requests": %d, "seconds": %f, "p50 ms": %f, "p99 ms": %f, "failed": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed
    ))
end
