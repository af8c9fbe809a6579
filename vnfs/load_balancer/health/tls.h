// SPDX-License-Identifier: BSD-3-Clause
// TLS of HTTPS checks: authorities that are read once, and a verification that says what is wrong with a
// certificate. Private to health.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <map>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "vnfs/load_balancer/health/target.h"

namespace millrace::load_balancer::health {

// One context for each file of authorities: to read one takes longer than a check.
class TlsContexts {
 public:
  // Reads the file, unless it has been; fails when it holds no certificate.
  [[nodiscard]] Result<void> add(const Tls& tls);
  // Null when it was not added.
  [[nodiscard]] std::shared_ptr<boost::asio::ssl::context> find(const Tls& tls) const;

 private:
  std::map<std::string, std::shared_ptr<boost::asio::ssl::context>> by_file_;
};

using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

// Makes the stream ask for `name`, a DNS name or an address, and refuse a certificate that is not for it or
// that no authority vouches for (RFC 9110 section 4.3.4). What it refuses is written into `trouble` in words,
// which must live as long as the stream. Fails when `name` cannot be asked for.
[[nodiscard]] Result<void> demand(TlsStream& stream, const std::string& name, bool verify,
                                  std::string& trouble);

}  // namespace millrace::load_balancer::health
