// SPDX-License-Identifier: BSD-3-Clause
// Tells a listener what is new and keeps quiet about the rest. Private to discovery.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "vnfs/load_balancer/discovery/backend_source.h"

namespace millrace::load_balancer::discovery {

class News {
 public:
  explicit News(Listener listener) : listener_(std::move(listener)) {}

  void backends(std::vector<FoundBackend> backends) {
    trouble({});
    if (told_ == backends) return;
    told_ = std::move(backends);
    if (listener_.on_backends) listener_.on_backends(*told_);
  }
  void trouble(const std::vector<Error>& errors) {
    std::vector<std::string> messages;
    messages.reserve(errors.size());
    for (const Error& error : errors) messages.push_back(error.message());
    if (messages == troubles_) return;
    troubles_ = std::move(messages);
    if (listener_.on_trouble) listener_.on_trouble(errors);
  }

 private:
  Listener listener_;
  std::optional<std::vector<FoundBackend>> told_;
  std::vector<std::string> troubles_;
};

}  // namespace millrace::load_balancer::discovery
