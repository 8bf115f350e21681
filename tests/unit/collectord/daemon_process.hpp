// A real kolo-collectord in a folder of its own, and a client that talks to its socket.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "collectord/liveness.hpp"
#include "collectord/socket_place.hpp"
#include "fake_probe.hpp"

namespace kolo::collectord::test {

/// Waits until `holds` does; a deadline far beyond what any machine needs keeps a failure from
/// hanging.
[[nodiscard]] inline bool eventually(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > until) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "kolo-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("mkdtemp");
        }
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    TemporaryFolder(TemporaryFolder&&) = delete;
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

[[nodiscard]] inline std::string text_of_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// A child process with its output in a file.
class Program {
  public:
    Program(std::vector<std::string> arguments, std::filesystem::path output)
        : output_(std::move(output)) {
        std::vector<char*> pointers;
        pointers.reserve(arguments.size() + 1);
        for (std::string& argument : arguments) {
            pointers.push_back(argument.data());
        }
        pointers.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, output_.c_str(),
                                         O_WRONLY | O_CREAT | O_APPEND, 0600);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
        const int error =
            ::posix_spawn(&pid_, pointers[0], &actions, nullptr, pointers.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (error != 0) {
            throw std::runtime_error("posix_spawn");
        }
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    Program(Program&&) = delete;
    Program& operator=(Program&&) = delete;
    ~Program() {
        if (pid_ > 0) {
            signal(SIGKILL);
            static_cast<void>(wait());
        }
    }

    void signal(int number) const { ::kill(pid_, number); }
    /// Its exit code; 128 and the signal when one killed it.
    [[nodiscard]] int wait() {
        int status = 0;
        ::waitpid(std::exchange(pid_, 0), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    [[nodiscard]] bool has_ended() const {
        siginfo_t info{};
        return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid != 0;
    }
    [[nodiscard]] std::string output() const { return text_of_file(output_); }
    [[nodiscard]] pid_t pid() const { return pid_; }

  private:
    std::filesystem::path output_;
    pid_t pid_ = 0;
};

[[nodiscard]] inline Program run_daemon(const std::filesystem::path& folder,
                                        std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {KOLO_COLLECTORD, "--db",
                                          (folder / "db.sqlite3").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return {arguments, folder / "output"};
}

/// Runs to the end; its exit code and what it said.
struct Said {
    int code = 0;
    std::string text;
};
[[nodiscard]] inline Said run_to_end(const std::filesystem::path& folder,
                                     const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {KOLO_COLLECTORD};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto output = folder / "said";
    std::filesystem::remove(output);
    Program program(arguments, output);
    const int code = program.wait();
    return {code, program.output()};
}

/// One end of the socket.
class Client {
  public:
    explicit Client(const std::filesystem::path& socket) {
        const bool connected = eventually([&] { return connect(socket); });
        if (!connected) {
            throw std::runtime_error("nobody listens at " + socket.string());
        }
    }

    void send(const Frames& bytes, int descriptor = -1) const {
        iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (descriptor >= 0) {
            message.msg_control = control.data();
            message.msg_controllen = control.size();
            cmsghdr* head = CMSG_FIRSTHDR(&message);
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = SCM_RIGHTS;
            head->cmsg_len = CMSG_LEN(sizeof(int));
            std::memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
        }
        std::size_t done = 0;
        while (done < bytes.size()) {
            const ssize_t count = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
            if (count < 0) {
                return;  // the daemon closed: what the test waits for will not come
            }
            done += static_cast<std::size_t>(count);
            part.iov_base = const_cast<std::uint8_t*>(bytes.data()) + done;
            part.iov_len = bytes.size() - done;
            message.msg_control = nullptr;
            message.msg_controllen = 0;
        }
    }
    /// The next frame of this type; nothing at the end of the stream.
    [[nodiscard]] std::optional<Frames> wait_for(proto::MessageType type) {
        while (true) {
            while (const auto frame = frames_.next()) {
                if (frame->type == type) {
                    return Frames(frame->body.begin(), frame->body.end());
                }
            }
            pollfd ready{socket_.get(), POLLIN, 0};
            if (::poll(&ready, 1, 20'000) != 1) {
                return std::nullopt;
            }
            const auto room = frames_.prepare(4096);
            const ssize_t count = ::recv(socket_.get(), room.data(), room.size(), 0);
            if (count <= 0) {
                return std::nullopt;
            }
            frames_.commit(static_cast<std::size_t>(count));
        }
    }
    void close() { socket_.reset(); }

    /// Says hello and returns the answer.
    [[nodiscard]] std::optional<proto::Welcome> say_hello(const proto::Hello& hello,
                                                          int arena = -1) {
        Frames frame;
        proto::append_hello(frame, hello);
        send(frame, arena);
        const auto body = wait_for(proto::MessageType::kWelcome);
        return body ? proto::decode_welcome(*body) : std::nullopt;
    }
    /// Waits for the acknowledgement of a bye.
    [[nodiscard]] bool say_bye() {
        Frames frame;
        proto::append_frame(frame, proto::MessageType::kBye);
        send(frame);
        while (const auto body = wait_for(proto::MessageType::kAck)) {
            if (const auto ack = proto::decode_ack(*body); ack && ack->bye) {
                return true;
            }
        }
        return false;
    }

  private:
    bool connect(const std::filesystem::path& path) {
        socket_ = store::Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        try {
            const SocketAddress address(path);
            sockaddr_un name{};
            name.sun_family = AF_UNIX;
            std::memcpy(name.sun_path, address.text().data(), address.text().size());
            return ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&name),
                             sizeof name) == 0;
        } catch (const std::exception&) {
            return false;
        }
    }

    store::Descriptor socket_;
    proto::FrameBuffer frames_;
};

}  // namespace kolo::collectord::test
