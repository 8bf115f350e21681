// kolo-trace: reads what was recorded. One thread; opens the store read-only.
#include <unistd.h>

#include <csignal>
#include <exception>
#include <string>

#include "reader/commands.hpp"

int main(int argc, char** argv) {
    // A reader of ours that left early (`| head`) is told by write(), and is no error.
    std::signal(SIGPIPE, SIG_IGN);
    kolo::reader::Output out(STDOUT_FILENO);
    kolo::reader::Output errors(STDERR_FILENO);
    try {
        return kolo::reader::run(argc, argv, kolo::reader::look_of(STDOUT_FILENO), out, errors);
    } catch (const std::exception& error) {
        // Memory, above all: what is wrong with a store or a command line is told by run().
        errors.print(std::string("kolo-trace: ") + error.what() + "\n");
        static_cast<void>(errors.flush());
        return kolo::reader::kDatabaseProblem;
    }
}
