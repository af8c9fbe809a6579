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

  Reply(Deliver deliver, T fallback)
      : promise_(std::make_shared<Promise>(std::move(deliver), std::move(fallback))) {}

  void operator()(T answer) const { promise_->keep(std::move(answer)); }

 private:
  struct Promise {
    Promise(Deliver to, T otherwise) : deliver(std::move(to)), fallback(std::move(otherwise)) {}
    Promise(const Promise&) = delete;
    Promise& operator=(const Promise&) = delete;
    ~Promise() { keep(std::move(fallback)); }

    void keep(T answer) {
      if (!kept.exchange(true)) deliver(std::move(answer));
    }

    Deliver deliver;
    T fallback;
    std::atomic<bool> kept = false;
  };

  std::shared_ptr<Promise> promise_;
};

}  // namespace millrace::http
