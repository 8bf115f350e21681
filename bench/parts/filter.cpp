// What a verdict over a file name costs: once for each code object, at its first call.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "probe/filters.hpp"

namespace kolo::probe {
namespace {

const std::string kProject = "/srv/shop/orders/checkout.py";
const std::string kLibrary =
    "/srv/shop/.venv/lib/python3.13/site-packages/django/db/models/query.py";

/// A project in an environment of its own: the interpreter's folders by two names each.
[[nodiscard]] FilterSettings with_rules(const std::vector<std::string>& rules) {
    return {rules,
            rules,
            {"/usr/lib/python3.13/", "/usr/lib/python313.zip/", "/usr/lib64/python3.13/",
             "/usr/lib64/python313.zip/", "/srv/shop/.venv/lib/python3.13/",
             "/srv/shop/.venv/lib/python313.zip/", "/home/me/.local/lib/python3.13/site-packages/"},
            {"/srv/shop/.venv/lib/python3.13/site-packages/kolo_probe/"}};
}

void decide(benchmark::State& state, const std::vector<std::string>& rules,
            const std::string& path) {
    const Filters filters(with_rules(rules));
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(path);
        benchmark::DoNotOptimize(filters.accepts(path));
    }
    state.SetItemsProcessed(state.iterations());
}

void accept_by_default(benchmark::State& state) { decide(state, {}, kProject); }
BENCHMARK(accept_by_default);

void reject_library(benchmark::State& state) { decide(state, {}, kLibrary); }
BENCHMARK(reject_library);

void decide_with_twenty_rules(benchmark::State& state) {
    decide(state, std::vector<std::string>(10, "/a_package_that_is_not_there/"), kProject);
}
BENCHMARK(decide_with_twenty_rules);

void decide_with_twenty_globs(benchmark::State& state) {
    decide(state, std::vector<std::string>(10, "*/a_package_that_is_not_there/*.py"), kProject);
}
BENCHMARK(decide_with_twenty_globs);

}  // namespace
}  // namespace kolo::probe
