// SPDX-License-Identifier: BSD-3-Clause
// The parts of traffic that signatures look at by name. Names are Suricata's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::firewall::inspection {

// What a connection speaks, as far as its parts can be told from each other here.
enum class Speech : std::uint8_t { kUnknown, kHttp, kTls, kDns, kSsh, kSmtp, kQuic };

// Whether what is spoken is what a signature is about: QUIC has the hello of TLS.
[[nodiscard]] constexpr bool is_spoken(Speech wanted, Speech spoken) noexcept {
  return wanted == Speech::kUnknown || wanted == spoken ||
         (wanted == Speech::kTls && spoken == Speech::kQuic);
}

// Who sends it: the one that opened the session, or the other.
enum class Side : std::uint8_t { kClient, kServer, kBoth };

enum class Buffer : std::uint8_t {
  kPayload,  // a stream's bytes in order, or what a datagram carries

  kHttpMethod,
  kHttpUri,       // %-escapes and dot segments resolved
  kHttpRawUri,    // as it was sent
  kHttpProtocol,  // "HTTP/1.1"
  kHttpRequestLine,
  kHttpStart,   // the first line and the headers, as they were sent
  kHttpHeader,  // all headers but cookies, "Name: value\r\n" each
  kHttpRawHeader,
  kHttpHeaderNames,  // "\r\nHost\r\nAccept\r\n\r\n"
  kHttpHost,         // in lower case, without a port
  kHttpRawHost,
  kHttpUserAgent,
  kHttpReferer,
  kHttpCookie,  // Cookie of a request, Set-Cookie of an answer
  kHttpContentType,
  kHttpContentLength,
  kHttpAccept,
  kHttpAcceptEncoding,
  kHttpAcceptLanguage,
  kHttpConnection,
  kHttpServer,
  kHttpLocation,
  kHttpRequestBody,
  kHttpStatusCode,
  kHttpStatusMessage,
  kHttpResponseLine,
  kHttpResponseBody,  // chunks joined, as it was sent otherwise
  kFileData,          // a response's body, unpacked when it came packed; what mail carries

  kTlsSni,
  kTlsSubject,  // of the server's certificate: "C=US, O=Example, CN=example.org"
  kTlsIssuer,
  kTlsSerial,       // "01:AB:..."
  kTlsFingerprint,  // SHA-1, "01:ab:..."
  kJa3Hash,         // MD5 in hex
  kJa3String,

  kDnsQuery,  // "www.example.org", as it was sent

  kSshProtocol,  // "2.0"
  kSshSoftware,  // "OpenSSH_9.2p1"

  kSmtpHelo,
  kSmtpMailFrom,
  kSmtpRcptTo,
};
inline constexpr std::size_t kBuffers = static_cast<std::size_t>(Buffer::kSmtpRcptTo) + 1;

struct BufferFacts {
  std::string_view name;      // as a sticky buffer, "http.uri"; empty of kPayload
  std::string_view modifier;  // as it was written behind a content, "http_uri"; or empty
  Speech speech = Speech::kUnknown;
  Side side = Side::kBoth;
};
[[nodiscard]] const BufferFacts& facts_of(Buffer buffer) noexcept;

// By either of its names, or by "tls_sni", "file_data" and the like: any way that rules write it.
[[nodiscard]] std::optional<Buffer> buffer_named(std::string_view name) noexcept;

// A set of them.
using Buffers = std::uint64_t;
[[nodiscard]] constexpr Buffers bit(Buffer buffer) noexcept {
  return Buffers{1} << static_cast<unsigned>(buffer);
}
static_assert(kBuffers <= 64);

}  // namespace millrace::firewall::inspection
