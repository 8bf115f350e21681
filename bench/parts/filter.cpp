// What a verdict over a file name costs: once for each code object, at its first call.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

#include "probe/filters.hpp"

namespace kolo::probe {
namespace {

constexpr std::string_view kProject = "/srv/shop/orders/checkout.py";
constexpr std::string_view kLibrary =
    "/srv/shop/.venv/lib/python3.13/site-packages/django/db/models/query.py";

void decide(benchmark::State& state, const Filters& filters, std::string_view path) {
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(path);
        benchmark::DoNotOptimize(filters.accepts(path));
    }
    state.SetItemsProcessed(state.iterations());
}

void accept_by_default(benchmark::State& state) {
    decide(state, {{}, {}, "/srv/shop/.venv/lib/python3.13/site-packages/kolo_probe"}, kProject);
}
BENCHMARK(accept_by_default);

void reject_library(benchmark::State& state) {
    decide(state, {{}, {}, "/srv/shop/.venv/lib/python3.13/site-packages/kolo_probe"}, kLibrary);
}
BENCHMARK(reject_library);

void decide_with_twenty_rules(benchmark::State& state) {
    const std::vector<std::string> rules(10, "/a_package_that_is_not_there/");
    decide(state, {rules, rules, "/srv/shop/.venv/lib/python3.13/site-packages/kolo_probe"},
           kProject);
}
BENCHMARK(decide_with_twenty_rules);

}  // namespace
}  // namespace kolo::probe
