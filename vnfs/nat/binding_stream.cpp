// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/binding_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "common/control/state_stream.h"
#include "vnfs/nat/binding_records.h"

namespace millrace::nat {
namespace {

constexpr std::string_view kMagic = "MRNATBD\n";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kMostPerFrame = 256;

enum class FrameType : std::uint8_t {
  kDomain = 1,
  kSessions = 2,
  kLeases = 3,
  kMappings = 4,
  kEnd = 5,
  kAlgs = 6
};

constexpr std::size_t kLongestFrame = kMostPerFrame * sizeof(WireLease);

const char* name_of(const WireAlg& /*record*/) { return "gateway"; }
const char* name_of(const WireMapping& /*record*/) { return "mapping"; }
const char* name_of(const WireSession& /*record*/) { return "session"; }
const char* name_of(const WireLease& /*record*/) { return "lease"; }

class StreamReader {
 public:
  explicit StreamReader(std::string_view stream) : reader_(stream, "bindings", kLongestFrame) {}

  Result<BindingStream> run() {
    const auto version = reader_.header(kMagic);
    if (!version) return tl::unexpected(version.error());
    if (*version != kVersion) {
      return reader_.wrong(
          fmt::format("it has version {}; this appliance reads version {}", *version, kVersion));
    }
    while (!ended_) {
      const auto frame = reader_.next();
      if (!frame) return tl::unexpected(frame.error());
      if (auto read = read_frame(*frame); !read) return tl::unexpected(std::move(read.error()));
    }
    if (!reader_.at_end()) return reader_.wrong("bytes follow its end");
    return std::move(out_);
  }

 private:
  Result<void> read_frame(const control::StateReader::Frame& frame) {
    Bindings& bindings = out_.bindings;
    switch (static_cast<FrameType>(frame.type)) {
      case FrameType::kDomain:
        return read_domain(Reader(frame.payload));
      case FrameType::kSessions:
        return read_records<WireSession>(frame.payload, bindings.sessions);
      case FrameType::kLeases:
        return read_records<WireLease>(frame.payload, bindings.leases);
      case FrameType::kAlgs:
        return read_records<WireAlg>(frame.payload, bindings.algs);
      case FrameType::kMappings:
        return read_records<WireMapping>(frame.payload, bindings.mappings);
      case FrameType::kEnd:
        return read_end(Reader(frame.payload));
    }
    return reader_.wrong(fmt::format("a frame has the unknown type {}", frame.type));
  }

  Result<void> read_domain(Reader payload) {
    const auto* number = payload.read<be32>();
    const Bytes text = payload.rest();
    if (number == nullptr || number->host() != out_.domains.size() || text.empty() ||
        text.size() > kLongestName)
      return reader_.wrong("a name is out of order, empty or too long");
    out_.domains.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
    return {};
  }

  [[nodiscard]] bool knows(const OutsideEnd& outside) const { return outside.domain < out_.domains.size(); }
  [[nodiscard]] bool knows(const PortableMapping& mapping) const {
    return knows(mapping.outside) && mapping.domain < out_.domains.size();
  }
  [[nodiscard]] bool knows(const auto& binding) const { return knows(binding.of); }

  template <class Wire, class Portable>
  Result<void> read_records(Bytes payload, std::vector<Portable>& out) {
    if (payload.empty() || payload.size() % sizeof(Wire) != 0) return reader_.wrong("a record is cut off");
    for (Bytes rest = payload; !rest.empty(); rest = rest.subspan(sizeof(Wire))) {
      Wire wire{};
      std::memcpy(&wire, rest.data(), sizeof wire);
      const char* fault = fault_of(wire);
      if (fault == nullptr) {
        out.push_back(binding_of(wire));
        if (!knows(out.back())) fault = "it refers to a domain that was not given";
      }
      if (fault != nullptr) {
        return reader_.wrong(
            fmt::format("{} {} of this frame: {}", name_of(wire),
                        static_cast<std::size_t>(rest.data() - payload.data()) / sizeof(Wire), fault));
      }
    }
    return {};
  }

  Result<void> read_end(Reader payload) {
    const be64* count = payload.read<be64>();
    if (count == nullptr || payload.left() != 0) return reader_.wrong("its end is malformed");
    if (count->host() != out_.bindings.size()) {
      return reader_.wrong(
          fmt::format("it should hold {} bindings and holds {}", count->host(), out_.bindings.size()));
    }
    ended_ = true;
    return {};
  }

  control::StateReader reader_;
  BindingStream out_;
  bool ended_ = false;
};

template <class Portable>
void add_frames(std::string& out, FrameType type, const std::vector<Portable>& records) {
  std::string payload;
  for (std::size_t at = 0; at < records.size(); at += kMostPerFrame) {
    payload.clear();
    for (std::size_t i = at; i < std::min(records.size(), at + kMostPerFrame); ++i)
      payload += control::bytes_of(wire_of(records[i]));
    out += control::state_frame(static_cast<std::uint8_t>(type), payload);
  }
}

}  // namespace

std::uint32_t BindingStreamWriter::domain(const std::string& name) {
  const auto [known, is_new] = domains_.try_emplace(name, static_cast<std::uint32_t>(domains_.size()));
  if (is_new) {
    const be32 number(known->second);
    new_domains_ += control::state_frame(static_cast<std::uint8_t>(FrameType::kDomain),
                                         std::string(control::bytes_of(number)) + name);
  }
  return known->second;
}

std::string BindingStreamWriter::begin() const { return control::state_header(kMagic, kVersion); }

std::string BindingStreamWriter::append(const Bindings& bindings) {
  std::string out = std::exchange(new_domains_, {});
  add_frames(out, FrameType::kSessions, bindings.sessions);
  add_frames(out, FrameType::kLeases, bindings.leases);
  add_frames(out, FrameType::kAlgs, bindings.algs);
  add_frames(out, FrameType::kMappings, bindings.mappings);
  count_ += bindings.size();
  return out;
}

std::string BindingStreamWriter::end() const {
  const be64 count(count_);
  return control::state_frame(static_cast<std::uint8_t>(FrameType::kEnd), control::bytes_of(count));
}

Result<BindingStream> read_binding_stream(std::string_view stream) { return StreamReader(stream).run(); }

}  // namespace millrace::nat
