// SPDX-License-Identifier: BSD-3-Clause
// IPFIX messages (RFC 7011) of records of one schema, by libfixbuf. One transport session: its templates and
// its sequence numbers begin anew with a new encoder. An options template gives interfaces their names.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/control/flow_log/flow_record.h"
#include "common/control/flow_log/ipfix_schema.h"

namespace millrace::control {

struct IpfixInterface {
  std::uint16_t id = 0;
  std::string name;
};

// An interface's number on the wire; 0, which stands for none, is not given to an interface.
[[nodiscard]] constexpr std::uint32_t ipfix_interface(std::uint16_t id) noexcept {
  return std::uint32_t{id} + 1;
}

// dateTimeMilliseconds, RFC 7011 section 6.1.8.
[[nodiscard]] inline std::uint64_t ipfix_milliseconds(WallTime time) noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count());
}

using IpfixMessage = std::vector<std::uint8_t>;

// Not thread-safe.
class IpfixEncoder {
 public:
  // `schema` outlives it. No message is longer than `message_bytes`.
  [[nodiscard]] static Result<std::unique_ptr<IpfixEncoder>> make(const IpfixSchema& schema,
                                                                  std::uint32_t observation_domain,
                                                                  std::uint16_t message_bytes);
  ~IpfixEncoder();
  IpfixEncoder(const IpfixEncoder&) = delete;
  IpfixEncoder& operator=(const IpfixEncoder&) = delete;

  // All templates, and the interfaces' names; needed before the first record and, over UDP, again and again.
  [[nodiscard]] Result<std::vector<IpfixMessage>> templates(std::span<const IpfixInterface> interfaces);

  // One message with as many of the first records as it holds.
  struct Encoded {
    IpfixMessage message;
    std::size_t records = 0;
  };
  [[nodiscard]] Result<Encoded> encode(std::span<const IpfixRecord> records);

 private:
  class Impl;
  explicit IpfixEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::control
