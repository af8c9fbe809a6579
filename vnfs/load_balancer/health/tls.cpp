// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/health/tls.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace millrace::load_balancer::health {
namespace {

namespace ssl = boost::asio::ssl;
using ErrorCode = boost::system::error_code;

// A certificate of a shared host may name hundreds.
constexpr std::size_t kNamesShown = 3;

std::string dns_text(const ASN1_STRING* text) {
  std::string bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                    static_cast<std::size_t>(ASN1_STRING_length(text)));
  // It comes from outside and goes to a log.
  std::replace_if(
      bytes.begin(), bytes.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return bytes;
}

std::string address_text(const ASN1_STRING* address) {
  const unsigned char* bytes = ASN1_STRING_get0_data(address);
  const int size = ASN1_STRING_length(address);
  if (size == 4) {
    boost::asio::ip::address_v4::bytes_type v4;
    std::copy_n(bytes, v4.size(), v4.begin());
    return boost::asio::ip::address_v4(v4).to_string();
  }
  if (size == 16) {
    boost::asio::ip::address_v6::bytes_type v6;
    std::copy_n(bytes, v6.size(), v6.begin());
    return boost::asio::ip::address_v6(v6).to_string();
  }
  return "?";
}

std::vector<std::string> names_in(X509* certificate) {
  std::vector<std::string> names;
  const auto free_names = [](GENERAL_NAMES* found) { GENERAL_NAMES_free(found); };
  const std::unique_ptr<GENERAL_NAMES, decltype(free_names)> found(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      free_names);
  for (int i = 0; found && i < sk_GENERAL_NAME_num(found.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(found.get(), i);
    if (name->type == GEN_DNS) names.push_back(dns_text(name->d.dNSName));
    if (name->type == GEN_IPADD) names.push_back(address_text(name->d.iPAddress));
  }
  return names;
}

std::string wrong_name(X509* certificate, std::string_view wanted) {
  std::vector<std::string> names = names_in(certificate);
  if (names.empty()) return fmt::format("certificate is for no name, not {}", wanted);
  const std::size_t left_out = names.size() - std::min(names.size(), kNamesShown);
  names.resize(names.size() - left_out);
  return fmt::format("certificate is for {}{}, not {}", fmt::join(names, " and "),
                     left_out > 0 ? fmt::format(" and {} more", left_out) : "", wanted);
}

std::string time_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "?";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min);
}

std::string refusal(X509_STORE_CTX* verification, std::string_view wanted) {
  const int error = X509_STORE_CTX_get_error(verification);
  X509* certificate = X509_STORE_CTX_get_current_cert(verification);
  switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return wrong_name(X509_STORE_CTX_get0_cert(verification), wanted);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "certificate has expired on " + time_text(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "certificate is not valid before " + time_text(X509_get0_notBefore(certificate));
    default:
      return fmt::format("certificate is not trusted: {}", X509_verify_cert_error_string(error));
  }
}

}  // namespace

Result<void> TlsContexts::add(const Tls& tls) {
  const std::string file = tls.verify ? tls.ca_file : std::string();
  if (by_file_.contains(file)) return {};
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  ErrorCode error;
  if (file.empty()) {
    context->set_default_verify_paths(error);
  } else {
    context->load_verify_file(file, error);
  }
  if (error) return failure("read the authorities of health checks in " + file, error.message());
  by_file_.emplace(file, std::move(context));
  return {};
}

std::shared_ptr<ssl::context> TlsContexts::find(const Tls& tls) const {
  const auto found = by_file_.find(tls.verify ? tls.ca_file : std::string());
  return found == by_file_.end() ? nullptr : found->second;
}

Result<void> demand(TlsStream& stream, const std::string& name, bool verify, std::string& trouble) {
  SSL* session = stream.native_handle();
  ErrorCode not_an_address;
  (void)boost::asio::ip::make_address(name, not_an_address);
  // Server name indication is for DNS names only (RFC 6066 section 3).
  if (not_an_address && SSL_set_tlsext_host_name(session, name.c_str()) != 1) {
    return failure("set up TLS", "\"" + name + "\" cannot be a server name");
  }
  ErrorCode error;
  stream.set_verify_mode(verify ? ssl::verify_peer : ssl::verify_none, error);
  if (error) return failure("set up TLS", error.message());
  if (!verify) return {};

  // The subject's common name is no place for a name any more: browsers and gateways do not look there.
  SSL_set_hostflags(session, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const int set = not_an_address ? SSL_set1_host(session, name.c_str())
                                 : X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name.c_str());
  if (set != 1) return failure("set up TLS", "\"" + name + "\" cannot be a server name");
  stream.set_verify_callback(
      [name, &trouble](bool fine, ssl::verify_context& verification) {
        if (!fine) trouble = refusal(verification.native_handle(), name);
        return fine;
      },
      error);
  if (error) return failure("set up TLS", error.message());
  return {};
}

}  // namespace millrace::load_balancer::health
