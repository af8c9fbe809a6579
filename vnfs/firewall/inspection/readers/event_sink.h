// SPDX-License-Identifier: BSD-3-Clause
// Where a reader of a protocol tells what it has found: a reference to any callable
// `bool(const Event&) const noexcept`, which has to outlive it. False stops the reader.
#pragma once

#include <cstdint>

namespace millrace::firewall::inspection::readers {

template <class Event>
class EventSink {
 public:
  template <class Called>
  EventSink(const Called& called) noexcept  // NOLINT(google-explicit-constructor): it stands for the callable
      : context_(&called), call_([](const void* context, const Event& event) noexcept -> bool {
          return (*static_cast<const Called*>(context))(event);
        }) {}

  bool operator()(const Event& event) const noexcept { return call_(context_, event); }

 private:
  const void* context_;
  bool (*call_)(const void*, const Event&) noexcept;
};

enum class ReadProgress : std::uint8_t {
  kReading,
  kOver,     // no more of the stream is read: it is opaque from here on, or not what it should be
  kStopped,  // by the sink; the next call goes on behind what was told
};

}  // namespace millrace::firewall::inspection::readers
