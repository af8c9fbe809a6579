// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/tls_hello.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/big_endian.h"
#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection::readers {
namespace {

// RFC 8446 section 4.2, and RFC 8422 section 5.1.2 for point formats.
enum Extension : std::uint16_t {
  kServerName = 0,
  kSupportedGroups = 10,
  kPointFormats = 11,
  kProtocols = 16,
  kSupportedVersions = 43,
  kEncryptedHello = 0xfe0d,
};

constexpr std::size_t kRandomBytes = 32;

// SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3).
constexpr std::array<std::uint8_t, kRandomBytes> kRetryRandom = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

std::optional<Bytes> take_counted(Reader& reader, std::size_t count) noexcept {
  if (reader.left() < count) return std::nullopt;
  return reader.take(count);
}
std::optional<Bytes> take_vector8(Reader& reader) noexcept {
  const auto* length = reader.read<std::uint8_t>();
  return length == nullptr ? std::nullopt : take_counted(reader, *length);
}
std::optional<Bytes> take_vector16(Reader& reader) noexcept {
  const auto* length = reader.read<be16>();
  return length == nullptr ? std::nullopt : take_counted(reader, length->host());
}

Bytes of_pairs(Bytes list) noexcept { return list.first(list.size() & ~std::size_t{1}); }

// RFC 6066 section 3. A name is ASCII; letters, digits, and what people put between them.
bool is_host_name(Bytes name) noexcept {
  return !name.empty() && name.size() <= 255 &&
         std::ranges::all_of(name, [](std::uint8_t c) noexcept { return c > ' ' && c < 0x7f; });
}

class HelloReading {
 public:
  HelloReading(Bytes body, TlsHello& hello, ReadAnomalySet& anomalies) noexcept
      : reader_(body), hello_(hello), anomalies_(anomalies) {}

  void client() noexcept {
    if (!beginning()) return bad();
    const auto ciphers = take_vector16(reader_);
    if (!ciphers) return bad();
    if (ciphers->size() % 2 != 0) bad();
    hello_.ciphers = of_pairs(*ciphers);
    if (!take_vector8(reader_)) return bad();  // compression methods
    extensions([this](std::uint16_t type, Bytes content) noexcept { client_extension(type, content); });
  }

  void server() noexcept {
    if (!beginning()) return bad();
    const auto cipher = take_counted(reader_, 2);
    if (!cipher || !reader_.skip(1)) return bad();
    hello_.ciphers = *cipher;
    extensions([this](std::uint16_t type, Bytes content) noexcept { server_extension(type, content); });
  }

 private:
  void bad() noexcept { anomalies_.add(ReadAnomaly::kTlsBadHello); }

  bool beginning() noexcept {
    const auto* version = reader_.read<be16>();
    if (version == nullptr) return false;
    hello_.version = hello_.newest = version->host();
    const auto random = take_counted(reader_, kRandomBytes);
    if (!random) return false;
    hello_.is_retry = std::ranges::equal(*random, kRetryRandom);
    return take_vector8(reader_).has_value();  // session
  }

  // The list is left out by clients of old.
  template <class Each>
  void extensions(Each each) noexcept {
    if (reader_.left() == 0) return;
    const auto* length = reader_.read<be16>();
    if (length == nullptr) return bad();
    if (length->host() != reader_.left()) bad();
    const Bytes list = reader_.take(std::min<std::size_t>(length->host(), reader_.left()));
    Reader extensions(list);
    while (extensions.left() != 0) {
      const std::size_t before = extensions.offset();
      const auto* type = extensions.read<be16>();
      const auto content = type == nullptr ? std::nullopt : take_vector16(extensions);
      if (!content) {
        hello_.extensions = list.first(before);
        return bad();
      }
      each(type->host(), *content);
    }
    hello_.extensions = list;
  }

  // Whether it is the first of these, of those that are read.
  bool is_first(unsigned which) noexcept {
    const unsigned flag = 1U << which;
    anomalies_.add_if((seen_ & flag) != 0, ReadAnomaly::kTlsRepeatedExtension);
    const bool first = (seen_ & flag) == 0;
    seen_ |= flag;
    return first;
  }

  void client_extension(std::uint16_t type, Bytes content) noexcept {
    Reader reader(content);
    switch (type) {
      case kServerName:
        if (is_first(0)) server_name(reader);
        return;
      case kSupportedGroups:
        if (const auto groups = take_vector16(reader); !groups) {
          bad();
        } else if (is_first(1)) {
          hello_.groups = of_pairs(*groups);
        }
        return;
      case kPointFormats:
        if (const auto formats = take_vector8(reader); !formats) {
          bad();
        } else if (is_first(2)) {
          hello_.point_formats = *formats;
        }
        return;
      case kProtocols:
        if (is_first(3)) protocols(reader);
        return;
      case kSupportedVersions:
        if (is_first(4)) versions(reader);
        return;
      case kEncryptedHello:
        hello_.has_encrypted_hello = true;
        return;
      default:
        return;
    }
  }

  void server_extension(std::uint16_t type, Bytes content) noexcept {
    Reader reader(content);
    if (type == kSupportedVersions && is_first(4)) {
      const auto* version = reader.read<be16>();
      if (version == nullptr) return bad();
      hello_.newest = version->host();
    } else if (type == kProtocols && is_first(3)) {
      protocols(reader);
    }
  }

  void server_name(Reader reader) noexcept {
    hello_.has_server_name = true;
    if (reader.left() == 0) return;  // as a server answers, and some clients send
    const auto list = take_vector16(reader);
    if (!list) return bad();
    constexpr std::uint8_t kHostName = 0;
    Reader names(*list);
    bool found = false;
    while (names.left() != 0) {
      const auto* type = names.read<std::uint8_t>();
      const auto name = take_vector16(names);
      if (!name) return bad();
      if (*type != kHostName || found) {
        anomalies_.add(ReadAnomaly::kTlsBadServerName);
        continue;
      }
      found = true;
      hello_.server_name = *name;
      anomalies_.add_if(!is_host_name(*name), ReadAnomaly::kTlsBadServerName);
    }
  }

  void protocols(Reader reader) noexcept {
    const auto list = take_vector16(reader);
    if (!list) return bad();
    Reader names(*list);
    std::size_t whole = 0;
    while (names.left() != 0) {
      const auto name = take_vector8(names);
      if (!name || name->empty()) {
        bad();
        break;
      }
      whole = names.offset();
    }
    hello_.protocols = list->first(whole);
  }

  void versions(Reader reader) noexcept {
    const auto list = take_vector8(reader);
    if (!list) return bad();
    hello_.versions = of_pairs(*list);
    std::uint16_t newest = 0;
    Reader each(hello_.versions);
    while (const auto* version = each.read<be16>()) {
      if (!is_grease(version->host())) newest = std::max(newest, version->host());
    }
    if (newest != 0) hello_.newest = newest;
  }

  Reader reader_;
  TlsHello& hello_;
  ReadAnomalySet& anomalies_;
  unsigned seen_ = 0;
};

}  // namespace

void read_client_hello(Bytes body, TlsHello& hello, ReadAnomalySet& anomalies) noexcept {
  HelloReading(body, hello, anomalies).client();
}

void read_server_hello(Bytes body, TlsHello& hello, ReadAnomalySet& anomalies) noexcept {
  HelloReading(body, hello, anomalies).server();
}

}  // namespace millrace::firewall::inspection::readers
