#include "probe/arena.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <thread>
#include <vector>

namespace kolo::probe {
namespace {

const proto::ProcessId kProcess{{1, 2, 3}};

TEST(Arena, IsAFileThatACollectorWouldAccept) {
    const auto arena = Arena::create(proto::kMinArenaBytes, kProcess);
    ASSERT_TRUE(arena);
    struct stat file {};
    ASSERT_EQ(fstat(arena->descriptor(), &file), 0);
    std::vector<std::uint8_t> header(proto::kArenaHeaderBytes);
    ASSERT_EQ(pread(arena->descriptor(), header.data(), header.size(), 0),
              static_cast<ssize_t>(header.size()));
    const auto layout = proto::read_arena_layout(header, static_cast<std::uint64_t>(file.st_size));
    ASSERT_TRUE(layout);
    EXPECT_EQ(*layout, arena->layout());
    EXPECT_EQ(arena->header().process, kProcess);
    EXPECT_GT(arena->header().first_clock.realtime_ns, 0);
}

TEST(Arena, CanBeNeitherShrunkNorGrownNorUnsealed) {
    const auto arena = Arena::create(proto::kMinArenaBytes, kProcess);
    ASSERT_TRUE(arena);
    const auto bytes = static_cast<off_t>(arena->layout().arena_bytes);
    EXPECT_EQ(ftruncate(arena->descriptor(), bytes / 2), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(ftruncate(arena->descriptor(), bytes * 2), -1);
    EXPECT_EQ(fcntl(arena->descriptor(), F_ADD_SEALS, F_SEAL_WRITE), -1);
    EXPECT_NE(fcntl(arena->descriptor(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Arena, TakesNoMemoryBeforeItIsUsed) {
    const auto arena = Arena::create(64U << 20U, kProcess);
    ASSERT_TRUE(arena);
    struct stat file {};
    ASSERT_EQ(fstat(arena->descriptor(), &file), 0);
    EXPECT_LE(file.st_blocks * 512, 64 * 1024);
    const std::uint32_t block = arena->take_block();
    arena->records(block)[0] = 1;
    ASSERT_EQ(fstat(arena->descriptor(), &file), 0);
    EXPECT_LE(file.st_blocks * 512, 128 * 1024);
}

TEST(Arena, DoesNotExistInAForkedChild) {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "ThreadSanitizer may map memory of its own where the arena was not";
#endif
    const auto arena = Arena::create(proto::kMinArenaBytes, kProcess);
    ASSERT_TRUE(arena);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        unsigned char resident = 0;
        void* page = &arena->header();
        _exit(mincore(page, 1, &resident) == -1 && errno == ENOMEM ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(Arena, GivesEachBlockToOneTaker) {
    const auto arena = Arena::create(proto::kMinArenaBytes, kProcess);
    ASSERT_TRUE(arena);
    const std::uint32_t count = arena->layout().block_count;
    std::set<std::uint32_t> taken;
    for (std::uint32_t i = 0; i < count; ++i) {
        taken.insert(arena->take_block());
    }
    EXPECT_EQ(taken.size(), count);
    EXPECT_LT(*taken.rbegin(), count);
    EXPECT_EQ(arena->take_block(), proto::kNoBlock);
    EXPECT_EQ(arena->free_blocks(), 0U);
    arena->give_block(3);
    arena->give_block(5);
    EXPECT_EQ(arena->free_blocks(), 2U);
    taken = {arena->take_block(), arena->take_block()};
    EXPECT_EQ(taken, (std::set<std::uint32_t>{3, 5}));
    EXPECT_EQ(arena->take_block(), proto::kNoBlock);
}

TEST(Arena, AFreedBlockDoesNotLookOwnedToSalvage) {
    const auto arena = Arena::create(proto::kMinArenaBytes, kProcess);
    ASSERT_TRUE(arena);
    const std::uint32_t block = arena->take_block();
    arena->block(block).live.state.store(static_cast<std::uint32_t>(proto::BlockState::kOwned));
    arena->give_block(block);
    EXPECT_EQ(arena->block(block).live.state.load(),
              static_cast<std::uint32_t>(proto::BlockState::kFree));
}

TEST(Arena, HandsBlocksOutSafelyToManyThreads) {
    const auto arena = Arena::create(proto::kMinArenaBytes, kProcess);
    ASSERT_TRUE(arena);
    constexpr int kThreads = 4;
    constexpr int kRounds = 20'000;
    std::vector<std::atomic<int>> owners(arena->layout().block_count);
    std::atomic<int> collisions{0};
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < kRounds; ++i) {
                const std::uint32_t first = arena->take_block();
                const std::uint32_t second = arena->take_block();
                for (const std::uint32_t block : {first, second}) {
                    if (block != proto::kNoBlock) {
                        collisions += owners[block].fetch_add(1) != 0 ? 1 : 0;
                    }
                }
                for (const std::uint32_t block : {first, second}) {
                    if (block != proto::kNoBlock) {
                        owners[block].fetch_sub(1);
                        arena->give_block(block);
                    }
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(collisions.load(), 0);
    EXPECT_EQ(arena->free_blocks(), arena->layout().block_count);
}

}  // namespace
}  // namespace kolo::probe
