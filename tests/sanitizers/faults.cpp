// One fault for each thing that ./dev sanitize has to report: were one not reported, silence would
// mean nothing.
#include <cstdlib>
#include <thread>

extern "C" {

__attribute__((visibility("default"))) int overflow_heap() {
    int* volatile numbers = new int[4];
    const int beyond = numbers[4];
    delete[] numbers;
    return beyond;
}

__attribute__((visibility("default"))) void leak() {
    char* volatile lost = new char[1000];
    lost = nullptr;
    static_cast<void>(lost);
}

__attribute__((visibility("default"))) int overflow_int() {
    volatile int most = 2147483647;
    return most + 1;
}

__attribute__((visibility("default"))) void race() {
    static long shared = 0;
    std::thread other([] {
        for (int i = 0; i < 1000; ++i) {
            ++shared;
        }
    });
    for (int i = 0; i < 1000; ++i) {
        ++shared;
    }
    other.join();
}
}
