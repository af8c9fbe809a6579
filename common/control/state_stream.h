// SPDX-License-Identifier: BSD-3-Clause
// State of an appliance as bytes, for another instance or a later start: a magic of 8 bytes, a version of 2,
// 6 zero bytes, then frames: type 1 byte, 3 zero bytes, length of the payload 4 bytes, payload, CRC32C of all
// before it in the frame 4 bytes. All integers are big-endian. What the frames hold is the VNF's own, but
//   names    the kind 1 byte, where there are several; number 4 bytes, from 0 on in each kind; the text
//   records  1 to 256 of fixed size, whose names went before
//   end      the number of records in the stream, 8 bytes; nothing follows
// Control thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/reader.h"
#include "common/base/result.h"
#include "common/net/address.h"

namespace millrace::control {

inline constexpr std::size_t kMostRecordsPerFrame = 256;
inline constexpr std::size_t kLongestStateName = 255;

// What tells the stream of one VNF from that of another.
struct StateFormat {
  std::string_view magic;  // 8 bytes
  std::string_view of;     // what the stream is of, for errors: "sessions"
  std::uint16_t version;   // of what is written
  std::uint8_t name_type;  // of the frames that give names their numbers
  std::uint8_t end_type;   // of the last frame
  std::size_t longest;     // of all payloads
};

template <WireFormat T>
[[nodiscard]] std::string_view bytes_of(const T& record) noexcept {
  return {reinterpret_cast<const char*>(&record), sizeof record};
}

// An address in a record: 16 bytes, of which IPv4 has the first four and the rest are zero. `family`: 4 or 6.
using StateAddress = std::array<std::uint8_t, 16>;
[[nodiscard]] net::IpAddress address_of(std::uint8_t family, const StateAddress& bytes) noexcept;
[[nodiscard]] inline bool is_family(std::uint8_t family) noexcept { return family == 4 || family == 6; }
// Whether it has zeroes where IPv4 must.
[[nodiscard]] bool is_padded(std::uint8_t family, const StateAddress& bytes) noexcept;

// Writes a stream piece by piece.
class StateWriter {
 public:
  explicit StateWriter(const StateFormat& format) : format_(format) {}

  // The number of a name in this stream; the frame that says so is among the next new_names().
  [[nodiscard]] std::uint32_t number(const std::string& name, std::optional<std::uint8_t> kind = {});

  // The bytes that begin the stream, give the names since the last call, add records, end the stream.
  [[nodiscard]] std::string begin() const;
  [[nodiscard]] std::string new_names() { return std::exchange(new_names_, {}); }
  // `wire_of`: a record as it stands in a frame of that type.
  template <class Record, class WireOf>
  [[nodiscard]] std::string records(std::uint8_t type, const std::vector<Record>& records, WireOf&& wire_of);
  [[nodiscard]] std::string end() const;

 private:
  [[nodiscard]] static std::string frame(std::uint8_t type, std::string_view payload);

  StateFormat format_;
  std::map<std::optional<std::uint8_t>, std::unordered_map<std::string, std::uint32_t>> numbers_;  // by kind
  std::string new_names_;  // frames not yet handed out
  std::uint64_t count_ = 0;
};

// Reads a stream that nobody vouches for.
class StateReader {
 public:
  struct Frame {
    std::uint8_t type = 0;
    Bytes payload;
  };

  // The stream outlives it.
  StateReader(std::string_view stream, const StateFormat& format)
      : stream_(stream),
        reader_(Bytes(reinterpret_cast<const std::uint8_t*>(stream.data()), stream.size())),
        format_(format) {}

  // The version, which is one of `known`.
  [[nodiscard]] Result<std::uint16_t> header(std::initializer_list<std::uint16_t> known);
  // Calls Result<void> read_frame(const Frame&) for each up to the one that end() takes, which is the last.
  template <class ReadFrame>
  [[nodiscard]] Result<void> frames(ReadFrame&& read_frame);

  // What frames hold. `names`: of the kind that the payload is of, without the byte that says it.
  [[nodiscard]] Result<void> name(millrace::Reader payload, std::vector<std::string>& names) const;
  // `one`: what a record is, for errors: "session". `size`: of one in the stream, at most that of Wire, whose
  // remaining bytes are zero then.
  template <WireFormat Wire>
  [[nodiscard]] Result<std::vector<Wire>> records(Bytes payload, std::string_view one,
                                                  std::size_t size = sizeof(Wire)) const;
  // `count`: of the records so far.
  [[nodiscard]] Result<void> end(millrace::Reader payload, std::size_t count);

  // Errors name the place: the beginning of the frame that is being read, or what follows the last.
  [[nodiscard]] tl::unexpected<Error> wrong(std::string what) const;
  [[nodiscard]] tl::unexpected<Error> unknown(const Frame& frame) const;

 private:
  [[nodiscard]] Result<Frame> next();

  std::string_view stream_;
  millrace::Reader reader_;  // not that of profiles
  StateFormat format_;
  std::size_t place_ = 0;
  bool ended_ = false;
};

template <class Record, class WireOf>
std::string StateWriter::records(std::uint8_t type, const std::vector<Record>& records, WireOf&& wire_of) {
  std::string out;
  std::string payload;
  for (std::size_t at = 0; at < records.size(); at += kMostRecordsPerFrame) {
    payload.clear();
    for (std::size_t i = at; i < std::min(records.size(), at + kMostRecordsPerFrame); ++i)
      payload += bytes_of(wire_of(records[i]));
    out += frame(type, payload);
  }
  count_ += records.size();
  return out;
}

template <class ReadFrame>
Result<void> StateReader::frames(ReadFrame&& read_frame) {
  while (!ended_) {
    const auto frame = next();
    if (!frame) return tl::unexpected(frame.error());
    if (Result<void> read = read_frame(*frame); !read) return read;
  }
  if (reader_.left() != 0) return wrong("bytes follow its end");
  return {};
}

template <WireFormat Wire>
Result<std::vector<Wire>> StateReader::records(Bytes payload, std::string_view one, std::size_t size) const {
  if (payload.empty() || payload.size() % size != 0) return wrong("a " + std::string(one) + " is cut off");
  std::vector<Wire> out(payload.size() / size);
  for (std::size_t i = 0; i < out.size(); ++i) std::memcpy(&out[i], payload.data() + i * size, size);
  return out;
}

}  // namespace millrace::control
