// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/ipfix_encoder.h"

#include <unordered_map>
#include <utility>

#include <fixbuf/public.h>

namespace millrace::control {
namespace {

constexpr std::uint16_t kInternalId = 0x1000;
constexpr std::uint16_t kInterfaceInternalId = 0x1001;
constexpr std::uint16_t kInterfaceId = IpfixSchema::kEndId;

constexpr std::uint32_t kInternal = 0x01;  // of the record in memory only

fbInfoElementSpec_t element(const char* name, std::uint16_t bytes, std::uint32_t flags) {
  return {const_cast<char*>(name), bytes, flags};  // fixbuf only reads it
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

}  // namespace

class IpfixEncoder::Impl {
 public:
  Impl(const IpfixSchema& schema, std::uint16_t message_bytes) : schema_(schema), buffer_(message_bytes) {}
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
    std::vector<fbInfoElementSpec_t> specs;
    for (const IpfixElement& each : schema_.elements)
      specs.push_back(element(each.name, each.bytes, each.layout));
    specs.push_back(FB_IESPEC_NULL);
    if (auto added = add(kInternalId, true, specs, ~std::uint32_t{0}, schema_.record_bytes); !added)
      return added;
    for (const IpfixTemplate& each : schema_.templates) {
      if (auto added = add(each.id, false, specs, each.layout, 0); !added) return added;
      template_of_[each.layout] = each.id;
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
    const auto send_template = [&](std::uint16_t id) {
      return fitting(
          messages, [&] { return fbSessionExportTemplate(session_, id, &error); }, error);
    };
    for (const IpfixTemplate& each : schema_.templates) {
      if (auto added = send_template(each.id); !added) return tl::unexpected<Error>(added.error());
    }
    if (auto added = send_template(kInterfaceId); !added) return tl::unexpected<Error>(added.error());
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
  bool append(const IpfixRecord& record, GError*& error) {
    auto* bytes = const_cast<std::uint8_t*>(record.members.data());  // fixbuf only reads it
    return use(kInternalId, template_of_[record.layout], error) &&
           fBufAppend(message_, bytes, schema_.record_bytes, &error) != FALSE;
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

  const IpfixSchema& schema_;
  std::vector<std::uint8_t> buffer_;
  std::unordered_map<std::uint32_t, std::uint16_t> template_of_;  // by layout
  fbInfoModel_t* model_ = nullptr;
  fbSession_t* session_ = nullptr;
  fBuf_t* message_ = nullptr;
};

Result<std::unique_ptr<IpfixEncoder>> IpfixEncoder::make(const IpfixSchema& schema,
                                                         std::uint32_t observation_domain,
                                                         std::uint16_t message_bytes) {
  auto impl = std::make_unique<Impl>(schema, message_bytes);
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
