// SPDX-License-Identifier: BSD-3-Clause
// A promise to answer, which may be kept later and from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

namespace millrace::http {

// Copies share one promise, so that it fits into a std::function on a job queue. The first answer counts,
// later ones are ignored; when the last copy goes without an answer, the fallback is the answer. `deliver` is
// called once, on the thread that answers, and must not throw.
template <class T>
class Reply {
 public:
  using Deliver = std::function<void(T)>;
  using Wanted = std::function<bool()>;

  Reply(Deliver deliver, T fallback, Wanted wanted = {})
      : promise_(std::make_shared<Promise>(std::move(deliver), std::move(fallback), std::move(wanted))) {}

  void operator()(T answer) const { promise_->keep(std::move(answer)); }

  // False once nobody waits for the answer any more, as far as that can be told: work for it may end. Only on
  // the thread of the one who asked.
  [[nodiscard]] bool wanted() const { return !promise_->wanted || promise_->wanted(); }

 private:
  struct Promise {
    Promise(Deliver to, T otherwise, Wanted still)
        : deliver(std::move(to)), fallback(std::move(otherwise)), wanted(std::move(still)) {}
    Promise(const Promise&) = delete;
    Promise& operator=(const Promise&) = delete;
    ~Promise() { keep(std::move(fallback)); }

    void keep(T answer) {
      if (!kept.exchange(true)) deliver(std::move(answer));
    }

    Deliver deliver;
    T fallback;
    Wanted wanted;
    std::atomic<bool> kept = false;
  };

  std::shared_ptr<Promise> promise_;
};

}  // namespace millrace::http
