#pragma once
// Two threads on the blocks of a recursion that only one of them can go through.

#include <mutex>
#include <thread>
#include <vector>

#include "cartan/core/array.hpp"

namespace cartan::functional {

/// For every block, from the last one to the first: prepare(block) needs nothing; follow(block) comes after
/// it and after that of the block before; complete(block) after it and, of one block at a time, in the same
/// order. At most `ahead` blocks are under way. One thread calls first(), which follows; another may call
/// second(), before, after or never; whatever is not yet begun is done by who has nothing else to do. The
/// order of what depends on each other does not depend on who does it.
template <class Prepare, class Follow, class Complete>
class Relay {
 public:
  Relay(Index blocks, Index ahead, Prepare prepare, Follow follow, Complete complete)
      : blocks_(blocks),
        ahead_(ahead),
        to_prepare_(blocks - 1),
        followed_(blocks),
        to_complete_(blocks - 1),
        ready_(static_cast<std::size_t>(blocks), 0),
        prepare_(prepare),
        follow_(follow),
        complete_(complete) {}

  void first() {
    guarded([&] {
      for (Index block = blocks_ - 1; block >= 0; --block) {
        while (!ready(block)) work(0);
        if (over()) return;
        follow_(block, 0);
        const std::lock_guard<std::mutex> lock(guard_);
        followed_ = block;
      }
      while (!over()) work(0);
    });
  }
  void second() {
    guarded([&] {
      while (!over()) work(1);
    });
  }

 private:
  // What one thread cannot do the other must not wait for.
  template <class Body>
  void guarded(Body&& body) {
    try {
      body();
    } catch (...) {
      const std::lock_guard<std::mutex> lock(guard_);
      to_complete_ = -1;
      throw;
    }
  }
  bool over() {
    const std::lock_guard<std::mutex> lock(guard_);
    return to_complete_ < 0;
  }
  bool ready(Index block) {
    const std::lock_guard<std::mutex> lock(guard_);
    return ready_[static_cast<std::size_t>(block)] || to_complete_ < 0;
  }
  void work(int who) {
    Index block = -1;
    bool completes = false;
    {
      const std::lock_guard<std::mutex> lock(guard_);
      if (!completing_ && to_complete_ >= followed_) {
        block = to_complete_, completes = completing_ = true;
      } else if (to_prepare_ >= 0 && to_prepare_ + ahead_ > to_complete_) {
        block = to_prepare_--;
      }
    }
    if (block < 0) {
      std::this_thread::yield();
      return;
    }
    if (completes) {
      complete_(block, who);
    } else {
      prepare_(block, who);
    }
    const std::lock_guard<std::mutex> lock(guard_);
    if (!completes) {
      ready_[static_cast<std::size_t>(block)] = 1;
    } else if (to_complete_ >= 0) {
      --to_complete_, completing_ = false;
    }
  }

  std::mutex guard_;
  Index blocks_, ahead_, to_prepare_, followed_, to_complete_;
  bool completing_ = false;
  std::vector<char> ready_;
  Prepare prepare_;
  Follow follow_;
  Complete complete_;
};

}  // namespace cartan::functional
