// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/binding_stream.h"

#include <utility>

#include <fmt/format.h>

#include "common/control/state_stream.h"
#include "vnfs/nat/binding_records.h"

namespace millrace::nat {
namespace {

constexpr std::uint16_t kVersion = 1;

enum class FrameType : std::uint8_t {
  kDomain = 1,
  kSessions = 2,
  kLeases = 3,
  kMappings = 4,
  kEnd = 5,
  kAlgs = 6
};

constexpr std::uint8_t type_of(FrameType type) noexcept { return static_cast<std::uint8_t>(type); }

constexpr control::StateFormat kFormat{.magic = "MRNATBD\n",
                                       .of = "bindings",
                                       .version = kVersion,
                                       .name_type = type_of(FrameType::kDomain),
                                       .end_type = type_of(FrameType::kEnd),
                                       .longest = control::kMostRecordsPerFrame * sizeof(WireLease)};

const char* name_of(const WireAlg& /*record*/) { return "gateway"; }
const char* name_of(const WireMapping& /*record*/) { return "mapping"; }
const char* name_of(const WireSession& /*record*/) { return "session"; }
const char* name_of(const WireLease& /*record*/) { return "lease"; }

class StreamReader {
 public:
  explicit StreamReader(std::string_view stream) : reader_(stream, kFormat) {}

  Result<BindingStream> run() {
    if (auto version = reader_.header({kVersion}); !version)
      return tl::unexpected(std::move(version.error()));
    auto read = reader_.frames([&](const control::StateReader::Frame& frame) { return read_frame(frame); });
    if (!read) return tl::unexpected(std::move(read.error()));
    return std::move(out_);
  }

 private:
  Result<void> read_frame(const control::StateReader::Frame& frame) {
    Bindings& bindings = out_.bindings;
    switch (static_cast<FrameType>(frame.type)) {
      case FrameType::kDomain:
        return reader_.name(Reader(frame.payload), out_.domains);
      case FrameType::kSessions:
        return read_records<WireSession>(frame.payload, bindings.sessions);
      case FrameType::kLeases:
        return read_records<WireLease>(frame.payload, bindings.leases);
      case FrameType::kAlgs:
        return read_records<WireAlg>(frame.payload, bindings.algs);
      case FrameType::kMappings:
        return read_records<WireMapping>(frame.payload, bindings.mappings);
      case FrameType::kEnd:
        return reader_.end(Reader(frame.payload), bindings.size());
    }
    return reader_.unknown(frame);
  }

  [[nodiscard]] bool knows(const OutsideEnd& outside) const { return outside.domain < out_.domains.size(); }
  [[nodiscard]] bool knows(const PortableMapping& mapping) const {
    return knows(mapping.outside) && mapping.domain < out_.domains.size();
  }
  [[nodiscard]] bool knows(const auto& binding) const { return knows(binding.of); }

  template <class Wire, class Portable>
  Result<void> read_records(Bytes payload, std::vector<Portable>& out) {
    const auto records = reader_.records<Wire>(payload, "record");
    if (!records) return tl::unexpected(records.error());
    for (std::size_t i = 0; i < records->size(); ++i) {
      const Wire& wire = (*records)[i];
      const char* fault = fault_of(wire);
      if (fault == nullptr) {
        out.push_back(binding_of(wire));
        if (!knows(out.back())) fault = "it refers to a domain that was not given";
      }
      if (fault != nullptr)
        return reader_.wrong(fmt::format("{} {} of this frame: {}", name_of(wire), i, fault));
    }
    return {};
  }

  control::StateReader reader_;
  BindingStream out_;
};

}  // namespace

BindingStreamWriter::BindingStreamWriter() : writer_(kFormat) {}

std::string BindingStreamWriter::append(const Bindings& bindings) {
  const auto as_wire = [](const auto& binding) { return wire_of(binding); };
  std::string out = writer_.new_names();
  out += writer_.records(type_of(FrameType::kSessions), bindings.sessions, as_wire);
  out += writer_.records(type_of(FrameType::kLeases), bindings.leases, as_wire);
  out += writer_.records(type_of(FrameType::kAlgs), bindings.algs, as_wire);
  out += writer_.records(type_of(FrameType::kMappings), bindings.mappings, as_wire);
  return out;
}

Result<BindingStream> read_binding_stream(std::string_view stream) { return StreamReader(stream).run(); }

}  // namespace millrace::nat
