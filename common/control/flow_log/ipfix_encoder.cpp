// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/ipfix_encoder.h"

#include <chrono>
#include <utility>

#include <fixbuf/public.h>

namespace millrace::control {
namespace {

// Bits of IpfixRecord::layout. An element goes into a template that has all the bits of the element.
constexpr std::uint32_t kIpv4 = 0x01;
constexpr std::uint32_t kIpv6 = 0x02;
constexpr std::uint32_t kPorts = 0x04;
constexpr std::uint32_t kIcmp = 0x08;
constexpr std::uint32_t kCounted = 0x10;
constexpr std::uint32_t kEvent = 0x20;
constexpr std::uint32_t kTagged = 0x40;
constexpr std::uint32_t kTwoTags = 0x80;    // and kTagged
constexpr std::uint32_t kInternal = 0x100;  // of the record in memory only

constexpr std::uint16_t kInternalId = 0x1000;
constexpr std::uint16_t kFirstId = 0x0100;  // data sets begin at 256, RFC 7011 section 3.4.1
constexpr std::uint16_t kInterfaceInternalId = 0x1001;
constexpr std::uint16_t kInterfaceId = 0x0180;

fbInfoElementSpec_t element(const char* name, std::uint16_t bytes, std::uint32_t flags) {
  return {const_cast<char*>(name), bytes, flags};  // fixbuf only reads it
}

// IANA's registry of IPFIX information elements; those that begin with "reverse" are RFC 5103's.
std::vector<fbInfoElementSpec_t> flow_elements() {
  return {
      element("flowStartMilliseconds", 8, 0),
      element("flowEndMilliseconds", 8, 0),
      element("octetDeltaCount", 8, 0),
      element("packetDeltaCount", 8, 0),
      element("reverseOctetDeltaCount", 8, kCounted),
      element("reversePacketDeltaCount", 8, kCounted),
      element("flowId", 8, 0),
      element("sourceIPv6Address", 16, kIpv6),
      element("destinationIPv6Address", 16, kIpv6),
      element("sourceIPv4Address", 4, kIpv4),
      element("destinationIPv4Address", 4, kIpv4),
      element("ingressInterface", 4, 0),
      element("egressInterface", 4, 0),
      element("ingressVRFID", 4, 0),
      element("sourceTransportPort", 2, kPorts),
      element("destinationTransportPort", 2, kPorts),
      element("icmpTypeCodeIPv4", 2, kIcmp | kIpv4),
      element("icmpTypeCodeIPv6", 2, kIcmp | kIpv6),
      // Before its counterpart: nfdump keeps the last of the two.
      element("reverseTcpControlBits", 2, kPorts | kCounted),
      element("tcpControlBits", 2, kPorts),
      element("dot1qVlanId", 2, kTagged),
      element("dot1qCustomerVlanId", 2, kTwoTags),
      element("protocolIdentifier", 1, 0),
      element("flowEndReason", 1, kCounted),
      element("firewallEvent", 1, 0),
      element("biflowDirection", 1, kCounted),
      element("paddingOctets", 8, kInternal),
      FB_IESPEC_NULL,
  };
}

struct InterfaceRecord {
  fbVarfield_t name;
  std::uint32_t interface;
  std::uint32_t padding;
};

Error error_of(std::string attempt, GError*& error) {
  Error result{std::move(attempt), error != nullptr ? error->message : "libfixbuf does not say", {}};
  g_clear_error(&error);
  return result;
}

std::uint32_t layout_of(const FlowRecord& record) noexcept {
  return (record.source.is_v4() ? kIpv4 : kIpv6) | (record.is_icmp() ? kIcmp : kPorts) |
         (record.counted() ? kCounted : kEvent) | (record.vlan != 0 ? kTagged : 0) |
         (record.outer_vlan != 0 ? kTwoTags : 0);
}

// RFC 5102 section 5.11.3.
std::uint8_t end_reason(FlowEnd end) noexcept {
  switch (end) {
    case FlowEnd::kIdle:
      return 1;
    case FlowEnd::kActive:
      return 2;
    case FlowEnd::kFinished:
      return 3;
    case FlowEnd::kForced:
      return 4;
    case FlowEnd::kLackOfResources:
      return 5;
    case FlowEnd::kNone:
      break;
  }
  return 0;
}

std::uint8_t firewall_event(FlowEventKind kind) noexcept {
  switch (kind) {
    case FlowEventKind::kOpened:
      return 1;
    case FlowEventKind::kEnded:
      return 2;
    case FlowEventKind::kUpdated:
      return 5;
    case FlowEventKind::kDenied:
      break;
  }
  return 3;
}

std::uint64_t milliseconds(WallTime time) noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count());
}

}  // namespace

IpfixRecord to_ipfix(const FlowRecord& record) noexcept {
  IpfixRecord out{};
  out.layout = layout_of(record);
  // The record's own time: collectors divide its counts by it.
  out.flow_start_milliseconds = milliseconds(record.new_start);
  out.flow_end_milliseconds = milliseconds(record.last);
  out.octets = record.new_bytes[0];
  out.packets = record.new_packets[0];
  out.reverse_octets = record.new_bytes[1];
  out.reverse_packets = record.new_packets[1];
  out.flow_id = record.session;
  if (record.source.is_v4()) {
    out.source_ipv4 = record.source.v4().value.host();
    out.destination_ipv4 = record.destination.v4().value.host();
  } else {
    out.source_ipv6 = record.source.bytes();
    out.destination_ipv6 = record.destination.bytes();
  }
  if (record.ingress.id) out.ingress_interface = ipfix_interface(*record.ingress.id);
  if (record.egress.id) out.egress_interface = ipfix_interface(*record.egress.id);
  out.ingress_vrf = record.domain_id;
  if (record.is_icmp()) {
    out.icmp_ipv4 = out.icmp_ipv6 = static_cast<std::uint16_t>(record.icmp_type << 8 | record.icmp_code);
  } else {
    out.source_port = record.source_port;
    out.destination_port = record.destination_port;
  }
  out.reverse_tcp_flags = record.tcp_flags[1];
  out.tcp_flags = record.tcp_flags[0];
  // The outer of two is the service's; an only tag is no customer's.
  out.vlan = record.outer_vlan != 0 ? record.outer_vlan : record.vlan;
  out.customer_vlan = record.outer_vlan != 0 ? record.vlan : std::uint16_t{0};
  out.protocol = record.protocol;
  out.flow_end_reason = end_reason(record.end);
  out.firewall_event = firewall_event(record.kind);
  out.biflow_direction = 1;  // initiator, RFC 5103 section 6.3
  return out;
}

class IpfixEncoder::Impl {
 public:
  explicit Impl(std::uint16_t message_bytes) : buffer_(message_bytes) {}
  ~Impl() {
    if (message_ != nullptr) {
      fBufFree(message_);  // with its session, templates and exporter
    } else if (session_ != nullptr) {
      fbSessionFree(session_);
    }
    if (model_ != nullptr) fbInfoModelFree(model_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> start(std::uint32_t observation_domain) {
    model_ = fbInfoModelAlloc();
    session_ = fbSessionAlloc(model_);
    fbSessionSetDomain(session_, observation_domain);
    auto specs = flow_elements();
    if (auto added = add(kInternalId, true, specs, ~std::uint32_t{0}, sizeof(IpfixRecord)); !added)
      return added;
    std::uint16_t id = kFirstId;
    for (const std::uint32_t tags : {std::uint32_t{0}, kTagged, kTagged | kTwoTags}) {
      for (const std::uint32_t family : {kIpv4, kIpv6}) {
        for (const std::uint32_t transport : {kPorts, kIcmp}) {
          for (const std::uint32_t kind : {kCounted, kEvent}) {
            const std::uint32_t layout = tags | family | transport | kind;
            if (auto added = add(id, false, specs, layout, 0); !added) return added;
            template_of_[layout] = id++;
          }
        }
      }
    }
    std::vector<fbInfoElementSpec_t> names = {element("interfaceName", FB_IE_VARLEN, 0),
                                              element("ingressInterface", 4, 0),
                                              element("paddingOctets", 4, kInternal), FB_IESPEC_NULL};
    if (auto added = add(kInterfaceInternalId, true, names, kInternal, sizeof(InterfaceRecord)); !added)
      return added;
    // The scope, what the option is about, stands first: RFC 7011 section 3.4.2.2.
    std::swap(names[0], names[1]);
    if (auto added = add(kInterfaceId, false, names, 0, 0, 1); !added) return added;

    message_ = fBufAllocForExport(
        session_, fbExporterAllocBuffer(buffer_.data(), static_cast<std::uint16_t>(buffer_.size())));
    fBufSetAutomaticMode(message_, FALSE);
    return {};
  }

  Result<std::vector<IpfixMessage>> templates(std::span<const IpfixInterface> interfaces) {
    std::vector<IpfixMessage> messages;
    GError* error = nullptr;
    for (std::uint16_t i = 0; i <= template_count(); ++i) {
      const auto id = i < template_count() ? static_cast<std::uint16_t>(kFirstId + i) : kInterfaceId;
      if (auto added = fitting(
              messages, [&] { return fbSessionExportTemplate(session_, id, &error); }, error);
          !added)
        return tl::unexpected<Error>(added.error());
    }
    for (const IpfixInterface& interface : interfaces) {
      InterfaceRecord record{};
      record.interface = ipfix_interface(interface.id);
      record.name.buf = reinterpret_cast<std::uint8_t*>(const_cast<char*>(interface.name.data()));
      record.name.len = interface.name.size();
      const auto append = [&] {
        return use(kInterfaceInternalId, kInterfaceId, error) &&
               fBufAppend(message_, reinterpret_cast<std::uint8_t*>(&record), sizeof record, &error);
      };
      if (auto added = fitting(messages, append, error); !added) return tl::unexpected<Error>(added.error());
    }
    auto last = emit();
    if (!last) return tl::unexpected<Error>(last.error());
    if (!last->empty()) messages.push_back(std::move(*last));
    return messages;
  }

  Result<Encoded> encode(std::span<const IpfixRecord> records) {
    Encoded encoded;
    GError* error = nullptr;
    bool fresh = false;  // the message in hand is a new one
    for (const IpfixRecord& record : records) {
      while (!append(record, error)) {
        if (!g_error_matches(error, FB_ERROR_DOMAIN, FB_ERROR_EOM) || fresh)
          return tl::unexpected<Error>(error_of("encode an IPFIX record", error));
        g_clear_error(&error);
        if (encoded.records != 0) return finish(std::move(encoded));
        // After templates libfixbuf wants a new message, though nothing is in this one.
        if (auto empty = emit(); !empty) return tl::unexpected<Error>(empty.error());
        fresh = true;
      }
      fresh = false;
      ++encoded.records;
    }
    return finish(std::move(encoded));
  }

 private:
  [[nodiscard]] static constexpr std::uint16_t template_count() noexcept { return 24; }

  bool append(const IpfixRecord& record, GError*& error) {
    auto* bytes = reinterpret_cast<std::uint8_t*>(const_cast<IpfixRecord*>(&record));  // fixbuf only reads it
    return use(kInternalId, template_of_[record.layout & 0xff], error) &&
           fBufAppend(message_, bytes, sizeof record, &error) != FALSE;
  }

  Result<Encoded> finish(Encoded encoded) {
    auto message = emit();
    if (!message) return tl::unexpected<Error>(message.error());
    encoded.message = std::move(*message);
    return encoded;
  }

  // `size` is what a record in memory must be; `scope` makes it an options template.
  Result<void> add(std::uint16_t id, bool internal, std::vector<fbInfoElementSpec_t>& specs,
                   std::uint32_t flags, std::size_t size, std::uint16_t scope = 0) {
    GError* error = nullptr;
    fbTemplate_t* layout = fbTemplateAlloc(model_);
    if (!fbTemplateAppendSpecArray(layout, specs.data(), flags, &error)) {
      fbTemplateFreeUnused(layout);
      return tl::unexpected<Error>(error_of("describe an IPFIX record", error));
    }
    if (scope != 0) fbTemplateSetOptionsScope(layout, scope);
    if (size != 0 && fbTemplateGetIELenOfMemBuffer(layout) != size) {
      fbTemplateFreeUnused(layout);
      return failure("describe an IPFIX record", "libfixbuf lays it out differently");
    }
    if (fbSessionAddTemplate(session_, internal ? TRUE : FALSE, id, layout, &error) == 0)
      return tl::unexpected<Error>(error_of("describe an IPFIX record", error));
    return {};
  }

  bool use(std::uint16_t internal, std::uint16_t external, GError*& error) {
    return fBufSetInternalTemplate(message_, internal, &error) != FALSE &&
           fBufSetExportTemplate(message_, external, &error) != FALSE;
  }

  // Appends; in a new message when the present one is full, which libfixbuf also says of one not begun yet.
  template <class Append>
  Result<void> fitting(std::vector<IpfixMessage>& messages, Append&& append, GError*& error) {
    if (append()) return {};
    if (!g_error_matches(error, FB_ERROR_DOMAIN, FB_ERROR_EOM))
      return tl::unexpected<Error>(error_of("encode IPFIX templates", error));
    g_clear_error(&error);
    auto full = emit();
    if (!full) return tl::unexpected<Error>(full.error());
    if (!full->empty()) messages.push_back(std::move(*full));
    if (append()) return {};
    return tl::unexpected<Error>(error_of("encode IPFIX templates", error));
  }

  Result<IpfixMessage> emit() {
    GError* error = nullptr;
    if (!fBufEmit(message_, &error)) return tl::unexpected<Error>(error_of("encode an IPFIX message", error));
    const std::size_t length = fbExporterGetMsgLen(fBufGetExporter(message_));
    return IpfixMessage(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(length));
  }

  std::vector<std::uint8_t> buffer_;
  std::array<std::uint16_t, 256> template_of_{};  // by layout
  fbInfoModel_t* model_ = nullptr;
  fbSession_t* session_ = nullptr;
  fBuf_t* message_ = nullptr;
};

Result<std::unique_ptr<IpfixEncoder>> IpfixEncoder::make(std::uint32_t observation_domain,
                                                         std::uint16_t message_bytes) {
  auto impl = std::make_unique<Impl>(message_bytes);
  if (auto started = impl->start(observation_domain); !started) return tl::unexpected<Error>(started.error());
  return std::unique_ptr<IpfixEncoder>(new IpfixEncoder(std::move(impl)));
}

IpfixEncoder::IpfixEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
IpfixEncoder::~IpfixEncoder() = default;

Result<std::vector<IpfixMessage>> IpfixEncoder::templates(std::span<const IpfixInterface> interfaces) {
  return impl_->templates(interfaces);
}
Result<IpfixEncoder::Encoded> IpfixEncoder::encode(std::span<const IpfixRecord> records) {
  return impl_->encode(records);
}

}  // namespace millrace::control
