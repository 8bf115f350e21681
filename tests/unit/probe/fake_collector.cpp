#include "tests/unit/probe/fake_collector.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace kolo::probe {

namespace {

constexpr int kPatienceMs = 10'000;

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

// --- store ---------------------------------------------------------------------------------------

void FakeStore::complain(const std::string& what) {
    if (complaint.empty()) {
        complaint = what;
    }
}

void FakeStore::take(const proto::Frame& frame) {
    ++messages;
    if (frame.type != proto::MessageType::kBlock) {
        if (commits_left == 0) {
            return;
        }
        --commits_left;
    }
    if (bye) {
        complain("a message after the bye");
    }
    switch (frame.type) {
        case proto::MessageType::kCodes: {
            const auto at = proto::load<proto::CodesMessage>(frame.body, 0).offset;
            if (at != codes.size()) {
                complain("codes that do not adjoin");
            }
            codes.insert(codes.end(), frame.body.begin() + sizeof(proto::CodesMessage),
                         frame.body.end());
            break;
        }
        case proto::MessageType::kTrace: {
            const auto image = proto::load<proto::TraceImage>(frame.body, 0);
            traces[image.fields.number] = image;
            break;
        }
        case proto::MessageType::kBlock:
            take_block(frame.body);
            break;
        case proto::MessageType::kTraceClosed: {
            const auto number = proto::load<proto::TraceClosedMessage>(frame.body, 0).number;
            if (traces.count(number) == 0) {
                complain("an end of a trace that was never told");
            }
            closed.insert(number);
            ++times_closed[number];
            break;
        }
        case proto::MessageType::kClock:
            clocks.push_back(proto::load<proto::ClockPair>(frame.body, 0));
            break;
        case proto::MessageType::kCounts:
            counts = proto::load<proto::CountsMessage>(frame.body, 0);
            break;
        case proto::MessageType::kBye:
            bye = true;
            break;
        default:
            complain("an unexpected message");
    }
}

namespace {

/// The bytes of the first `most` of `records`.
[[nodiscard]] std::uint32_t first_records(proto::Bytes records, std::uint64_t most) {
    std::uint32_t end = 0;
    for (std::uint64_t i = 0; i < most && end < records.size(); ++i) {
        end += proto::record_length(proto::load<std::uint64_t>(records, end));
    }
    return end;
}

[[nodiscard]] std::uint64_t count_records(proto::Bytes records) {
    std::uint64_t count = 0;
    for (std::uint32_t at = 0; at < records.size(); ++count) {
        at += proto::record_length(proto::load<std::uint64_t>(records, at));
    }
    return count;
}

}  // namespace

void FakeStore::take_block(proto::Bytes body) {
    const auto message = proto::load<proto::BlockMessage>(body, 0);
    const proto::Bytes records = body.subspan(sizeof message);
    if (records.size() != message.bytes) {
        complain("a block message of another length than it says");
        return;
    }
    if (commits_left == 0) {
        return;
    }
    const bool is_new = rings.count(message.start.ring) == 0;
    Ring& ring = rings[message.start.ring];
    ring.emitted = std::max(ring.emitted, message.emitted);
    Block& block = ring.blocks[message.start.sequence];
    block.start = message.start;
    const proto::Position at{message.start.sequence, message.offset};
    const bool follows =
        is_new || at == ring.position ||
        (at.sequence == ring.position.sequence + 1 && at.offset == 0) ||
        (ring.expects_whole_block && at.sequence == ring.position.sequence && at.offset == 0);
    if (!follows) {
        complain("a piece that does not adjoin: ring " + std::to_string(message.start.ring) +
                 ", block " + std::to_string(at.sequence) + " from " + std::to_string(at.offset));
        return;
    }
    ring.expects_whole_block = false;
    const std::size_t known = block.records.size();
    const proto::Bytes fresh = records.subspan(
        std::min<std::size_t>(known > message.offset ? known - message.offset : 0, records.size()));
    const std::uint64_t commits = std::min(commits_left, count_records(fresh));
    commits_left -= commits;
    const std::size_t end =
        message.offset + (records.size() - fresh.size()) + first_records(fresh, commits);
    if (end > known) {
        block.records.insert(block.records.end(),
                             records.begin() + static_cast<std::ptrdiff_t>(known - message.offset),
                             records.begin() + static_cast<std::ptrdiff_t>(end - message.offset));
    }
    if (message.offset < known &&
        std::memcmp(block.records.data() + message.offset, records.data(),
                    std::min<std::size_t>(known - message.offset, records.size())) != 0) {
        complain("a block that came again, and differs");
    }
    ring.position =
        std::max(ring.position,
                 proto::Position{at.sequence, static_cast<std::uint32_t>(block.records.size())});
    // What the records mention must have been told before.
    proto::Decoder decoder(block.records, proto::state_at(block.start));
    for (auto status = decoder.next(); status != proto::DecodeStatus::kEnd;
         status = decoder.next()) {
        if (status == proto::DecodeStatus::kBroken) {
            complain("records that are broken");
            return;
        }
        if (status == proto::DecodeStatus::kEvent &&
            traces.count(to_integer(decoder.event().trace)) == 0) {
            complain("records of a trace that was never told");
        }
    }
}

proto::Welcome FakeStore::welcome() const {
    proto::Welcome welcome;
    welcome.version = "test";
    welcome.codes_offset = codes.size();
    for (const auto& [number, ring] : rings) {
        welcome.rings.push_back({proto::RingNumber{number}, ring.position});
    }
    for (const std::uint64_t number : closed) {
        welcome.closed.push_back(proto::TraceNumber{number});
    }
    return welcome;
}

proto::Ack FakeStore::ack() const {
    const proto::Welcome all = welcome();
    proto::Ack ack;
    ack.codes_offset = all.codes_offset;
    ack.rings = all.rings;
    ack.closed = all.closed;
    ack.bye = bye;
    return ack;
}

void FakeStore::expect_resume() {
    for (auto& [number, ring] : rings) {
        ring.expects_whole_block = true;
    }
}

std::vector<proto::Event> FakeStore::events(std::uint32_t ring) const {
    std::vector<proto::Event> events;
    const auto found = rings.find(ring);
    if (found == rings.end()) {
        return events;
    }
    for (const auto& [sequence, block] : found->second.blocks) {
        proto::Decoder decoder(block.records, proto::state_at(block.start));
        for (auto status = decoder.next(); status != proto::DecodeStatus::kEnd;
             status = decoder.next()) {
            if (status == proto::DecodeStatus::kBroken) {
                throw std::runtime_error("records that are broken");
            }
            if (status == proto::DecodeStatus::kEvent) {
                events.push_back(decoder.event());
            }
        }
    }
    return events;
}

std::uint64_t FakeStore::starts() const {
    std::uint64_t starts = 0;
    for (const auto& [number, ring] : rings) {
        for (const proto::Event& event : events(number)) {
            starts += event.kind == proto::EventKind::kStart ? 1 : 0;
        }
    }
    return starts;
}

// --- session -------------------------------------------------------------------------------------

bool FakeSession::receive(int timeout_ms) {
    pollfd readable{socket_.get(), POLLIN, 0};
    if (ended_ || poll(&readable, 1, timeout_ms) <= 0) {
        return false;
    }
    const proto::MutableBytes room = frames_.prepare(256UL * 1024);
    iovec bytes{room.data(), room.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message); got > 0 && header != nullptr) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
        arena_ = Descriptor(descriptor);
    }
    if (got <= 0) {
        ended_ = true;
        return false;
    }
    frames_.commit(static_cast<std::size_t>(got));
    return true;
}

std::optional<proto::Frame> FakeSession::next_within(std::chrono::milliseconds limit) {
    for (;;) {
        if (auto frame = frames_.next()) {
            return frame;
        }
        if (!receive(static_cast<int>(limit.count()))) {
            return std::nullopt;
        }
    }
}

std::optional<proto::Frame> FakeSession::next() {
    auto frame = next_within(std::chrono::milliseconds(kPatienceMs));
    if (!frame && !ended_) {
        throw std::runtime_error("nothing came for ten seconds");
    }
    return frame;
}

proto::Hello FakeSession::greet() {
    const auto frame = next();
    if (!frame || frame->type != proto::MessageType::kHello) {
        throw std::runtime_error("no hello came");
    }
    const auto hello = proto::decode_hello(frame->body);
    if (!hello) {
        throw std::runtime_error("a hello came that is none");
    }
    return *hello;
}

void FakeSession::send(const std::vector<std::uint8_t>& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t now =
            ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) {
            ended_ = true;
            return;
        }
        sent += static_cast<std::size_t>(now);
    }
}

void FakeSession::welcome(const FakeStore& store) {
    std::vector<std::uint8_t> bytes;
    proto::append_welcome(bytes, store.welcome());
    send(bytes);
}

void FakeSession::acknowledge(const FakeStore& store) {
    std::vector<std::uint8_t> bytes;
    proto::append_ack(bytes, store.ack());
    send(bytes);
}

bool FakeSession::serve(FakeStore& store, const std::function<bool()>& done) {
    while (!done()) {
        const auto frame = next();
        if (!frame) {
            return false;
        }
        store.take(*frame);
        acknowledge(store);
    }
    return true;
}

// --- collector -----------------------------------------------------------------------------------

FakeCollector::FakeCollector(const std::string& path) : path_(path) {
    socket_ = Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const std::size_t slash = path.rfind('/');
    const Descriptor folder(open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const std::string short_path =
        "/proc/self/fd/" + std::to_string(folder.get()) + path.substr(slash);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, short_path.data(), short_path.size());
    unlink(path.c_str());
    if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(socket_.get(), 8) != 0) {
        fail("cannot listen at " + path);
    }
}

FakeCollector::~FakeCollector() { unlink(path_.c_str()); }

FakeSession FakeCollector::accept() {
    if (!is_called_within(std::chrono::milliseconds(kPatienceMs))) {
        throw std::runtime_error("nobody connected for ten seconds");
    }
    Descriptor session(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!session) {
        fail("accept");
    }
    return FakeSession(std::move(session));
}

bool FakeCollector::is_called_within(std::chrono::milliseconds limit) const {
    pollfd called{socket_.get(), POLLIN, 0};
    return poll(&called, 1, static_cast<int>(limit.count())) > 0;
}

TemporaryFolder::TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "kolo-test-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
        fail("no temporary folder");
    }
    path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace kolo::probe
