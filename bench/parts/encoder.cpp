// What encoding a value costs, by kind of value, in an embedded interpreter.
#include "probe/encoder.hpp"

#include <pybind11/embed.h>

#include <benchmark/benchmark.h>

#include <array>

#include "probe/redaction.hpp"

namespace kolo::probe {
namespace {

namespace py = pybind11;

constexpr const char* kClasses = R"(
class Order:
    def __init__(self):
        self.number, self.customer, self.price = 7, "small", 2.5

class Chain:
    def __init__(self, length):
        self.order, self.next = Order(), Chain(length - 1) if length else None
)";

/// As the configuration's default list begins.
[[nodiscard]] const Redaction& redaction() {
    static const Redaction secrets(
        {"password", "passwd", "secret", "token", "authorization", "cookie", "api_key", "session"});
    return secrets;
}

/// The value of a Python expression; the interpreter starts with the first one, and stays.
[[nodiscard]] py::object evaluated(const char* expression) {
    static auto* const interpreter = new py::scoped_interpreter();  // NOLINT: never ends
    static_cast<void>(interpreter);
    py::dict scope;
    py::exec(kClasses, scope);
    return py::eval(expression, scope);
}

void encode(benchmark::State& state, const char* expression) {
    const py::object value = evaluated(expression);
    const EncodeLimits limits;
    std::array<std::uint8_t, 32768> room;  // NOLINT: written before it is read
    std::uint32_t size = 0;
    for ([[maybe_unused]] auto _ : state) {
        Encoder encoder(room.data(), room.size(), limits, redaction());
        encoder.value(value.ptr());
        size = encoder.size();
        benchmark::ClobberMemory();
    }
    state.counters["bytes"] = size;
    state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(encode, small_int, "7");
BENCHMARK_CAPTURE(encode, short_str, "'small'");
BENCHMARK_CAPTURE(encode, long_str, "'a line of text without anything in it ' * 10");
BENCHMARK_CAPTURE(encode, url_with_password, "'https://me:hidden@example.org/?token=hidden'");
BENCHMARK_CAPTURE(encode, float, "2.5");
BENCHMARK_CAPTURE(encode, list_of_32_ints, "list(range(32))");
BENCHMARK_CAPTURE(encode, dict_of_5, "{'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5}");
BENCHMARK_CAPTURE(encode, dict_with_secrets,
                  "{'user': 'me', 'password': 'x', 'csrf_token': 'y', 'HTTP_COOKIE': 'z'}");
BENCHMARK_CAPTURE(encode, object_with_3_attributes, "Order()");
BENCHMARK_CAPTURE(encode, objects_three_deep, "Chain(3)");

void three_arguments(benchmark::State& state) {
    const py::object a = evaluated("1234");
    const py::object b = evaluated("'small'");
    const py::object c = evaluated("2.5");
    const EncodeLimits limits;
    std::array<std::uint8_t, 32768> room;  // NOLINT: written before it is read
    for ([[maybe_unused]] auto _ : state) {
        Encoder encoder(room.data(), room.size(), limits, redaction());
        encoder.begin_array(3);
        encoder.value(a.ptr());
        encoder.value(b.ptr());
        encoder.value(c.ptr());
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(three_arguments);

/// A name that was asked for before, as nearly all keys and attributes are.
void look_up_known_name(benchmark::State& state) {
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(redaction().matches_hashed(0x5EED5EED5EED, "customer_address"));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(look_up_known_name);

void look_up_new_name(benchmark::State& state) {
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(redaction().matches("customer_address"));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(look_up_new_name);

}  // namespace
}  // namespace kolo::probe
