// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/buffer.h"

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::firewall::inspection {
namespace {

constexpr Speech kHttp = Speech::kHttp;
constexpr Speech kTls = Speech::kTls;

constexpr std::array<BufferFacts, kBuffers> kTable = {{
    {"", "", Speech::kUnknown, Side::kBoth},
    {"http.method", "http_method", kHttp, Side::kClient},
    {"http.uri", "http_uri", kHttp, Side::kClient},
    {"http.uri.raw", "http_raw_uri", kHttp, Side::kClient},
    {"http.protocol", "", kHttp, Side::kBoth},
    {"http.request_line", "", kHttp, Side::kClient},
    {"http.start", "", kHttp, Side::kBoth},
    {"http.header", "http_header", kHttp, Side::kBoth},
    {"http.header.raw", "http_raw_header", kHttp, Side::kBoth},
    {"http.header_names", "", kHttp, Side::kBoth},
    {"http.host", "http_host", kHttp, Side::kClient},
    {"http.host.raw", "http_raw_host", kHttp, Side::kClient},
    {"http.user_agent", "http_user_agent", kHttp, Side::kClient},
    {"http.referer", "", kHttp, Side::kClient},
    {"http.cookie", "http_cookie", kHttp, Side::kBoth},
    {"http.content_type", "", kHttp, Side::kBoth},
    {"http.content_len", "", kHttp, Side::kBoth},
    {"http.accept", "", kHttp, Side::kClient},
    {"http.accept_enc", "", kHttp, Side::kClient},
    {"http.accept_lang", "", kHttp, Side::kClient},
    {"http.connection", "", kHttp, Side::kBoth},
    {"http.server", "", kHttp, Side::kServer},
    {"http.location", "", kHttp, Side::kServer},
    {"http.request_body", "http_client_body", kHttp, Side::kClient},
    {"http.stat_code", "http_stat_code", kHttp, Side::kServer},
    {"http.stat_msg", "http_stat_msg", kHttp, Side::kServer},
    {"http.response_line", "", kHttp, Side::kServer},
    {"http.response_body", "http_server_body", kHttp, Side::kServer},
    {"file.data", "", Speech::kUnknown, Side::kBoth},
    {"tls.sni", "", kTls, Side::kClient},
    {"tls.cert_subject", "", kTls, Side::kServer},
    {"tls.cert_issuer", "", kTls, Side::kServer},
    {"tls.cert_serial", "", kTls, Side::kServer},
    {"tls.cert_fingerprint", "", kTls, Side::kServer},
    {"ja3.hash", "", kTls, Side::kClient},
    {"ja3.string", "", kTls, Side::kClient},
    {"dns.query", "", Speech::kDns, Side::kBoth},
    {"ssh.proto", "", Speech::kSsh, Side::kBoth},
    {"ssh.software", "", Speech::kSsh, Side::kBoth},
    {"smtp.helo", "", Speech::kSmtp, Side::kClient},
    {"smtp.mail_from", "", Speech::kSmtp, Side::kClient},
    {"smtp.rcpt_to", "", Speech::kSmtp, Side::kClient},
}};

// Further ways to write them, of older releases of Suricata.
constexpr std::array<std::pair<std::string_view, Buffer>, 27> kOtherNames = {{
    {"tls_sni", Buffer::kTlsSni},
    {"tls_cert_subject", Buffer::kTlsSubject},
    {"tls.subject", Buffer::kTlsSubject},
    {"tls_cert_issuer", Buffer::kTlsIssuer},
    {"tls.issuerdn", Buffer::kTlsIssuer},
    {"tls_cert_serial", Buffer::kTlsSerial},
    {"tls_cert_fingerprint", Buffer::kTlsFingerprint},
    {"ja3_hash", Buffer::kJa3Hash},
    {"ja3_string", Buffer::kJa3String},
    {"dns_query", Buffer::kDnsQuery},
    {"ssh_proto", Buffer::kSshProtocol},
    {"ssh_software", Buffer::kSshSoftware},
    {"file_data", Buffer::kFileData},
    {"http_protocol", Buffer::kHttpProtocol},
    {"http_request_line", Buffer::kHttpRequestLine},
    {"http_response_line", Buffer::kHttpResponseLine},
    {"http_start", Buffer::kHttpStart},
    {"http_header_names", Buffer::kHttpHeaderNames},
    {"http_referer", Buffer::kHttpReferer},
    {"http_content_type", Buffer::kHttpContentType},
    {"http_content_len", Buffer::kHttpContentLength},
    {"http_accept", Buffer::kHttpAccept},
    {"http_accept_enc", Buffer::kHttpAcceptEncoding},
    {"http_accept_lang", Buffer::kHttpAcceptLanguage},
    {"http_connection", Buffer::kHttpConnection},
    {"http_server", Buffer::kHttpServer},
    {"http_location", Buffer::kHttpLocation},
}};

}  // namespace

const BufferFacts& facts_of(Buffer buffer) noexcept { return kTable[static_cast<std::size_t>(buffer)]; }

std::optional<Buffer> buffer_named(std::string_view name) noexcept {
  if (name.empty()) return std::nullopt;
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].name == name || kTable[i].modifier == name) return static_cast<Buffer>(i);
  }
  const auto other = std::ranges::find(kOtherNames, name, &std::pair<std::string_view, Buffer>::first);
  return other == kOtherNames.end() ? std::nullopt : std::optional(other->second);
}

}  // namespace millrace::firewall::inspection
