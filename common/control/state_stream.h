// SPDX-License-Identifier: BSD-3-Clause
// State of an appliance as bytes, for another instance or a later start: a magic of 8 bytes, a version of 2,
// 6 zero bytes, then frames: type 1 byte, 3 zero bytes, length of the payload 4 bytes, payload, CRC32C of all
// before it in the frame 4 bytes. All integers are big-endian. What the frames hold is the VNF's own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/reader.h"
#include "common/base/result.h"

namespace millrace::control {

// `magic`: 8 bytes.
[[nodiscard]] std::string state_header(std::string_view magic, std::uint16_t version);
[[nodiscard]] std::string state_frame(std::uint8_t type, std::string_view payload);

template <WireFormat T>
[[nodiscard]] std::string_view bytes_of(const T& record) noexcept {
  return {reinterpret_cast<const char*>(&record), sizeof record};
}

// Reads a stream that nobody vouches for.
class StateReader {
 public:
  struct Frame {
    std::uint8_t type = 0;
    Bytes payload;
  };

  // `of`: what it should be a stream of, for errors. `longest`: of all payloads. The stream outlives it.
  StateReader(std::string_view stream, std::string of, std::size_t longest)
      : stream_(stream),
        reader_(Bytes(reinterpret_cast<const std::uint8_t*>(stream.data()), stream.size())),
        of_(std::move(of)),
        longest_(longest) {}

  // The version.
  [[nodiscard]] Result<std::uint16_t> header(std::string_view magic);
  [[nodiscard]] Result<Frame> next();
  [[nodiscard]] bool at_end() const noexcept { return reader_.left() == 0; }
  // An error that names the place: the beginning of the frame that next() gave last, or what follows it.
  [[nodiscard]] tl::unexpected<Error> wrong(std::string what) const;

 private:
  std::string_view stream_;
  millrace::Reader reader_;
  std::string of_;
  std::size_t longest_;
  std::size_t place_ = 0;
};

}  // namespace millrace::control
