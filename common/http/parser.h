// SPDX-License-Identifier: BSD-3-Clause
// Incremental parsers for one message each, on Beast's. For this room's server and client, and for what
// speaks HTTP over a connection of its own, as health checks do.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <string>

#include "common/http/named_values.h"

namespace millrace::http {

// What requests and responses have in common. Trailer fields are read and forgotten: merging them into the
// headers would let a body change what was already decided from them (RFC 9110 section 6.5.1).
template <bool kIsRequest>
class MessageParser : public boost::beast::http::basic_parser<kIsRequest> {
 public:
  using Error = boost::beast::error_code;
  using Text = boost::beast::string_view;

  // The start line and the fields together are at most `header_bytes`.
  explicit MessageParser(std::size_t header_bytes);

  // Parses what it can from the front of `buffer` and consumes it; stops behind the header and behind the
  // message. Returns need_more when there is nothing to be done without more bytes.
  [[nodiscard]] Error advance(boost::beast::flat_buffer& buffer);

  [[nodiscard]] bool has_start_line() const { return has_start_line_; }
  [[nodiscard]] std::size_t header_limit_bytes() const { return header_bytes_; }

  std::string method;   // of a request
  std::string target;   // of a request
  unsigned status = 0;  // of a response
  int version = 11;
  Headers headers;
  std::string body;

 protected:
  void on_request_impl(boost::beast::http::verb verb, Text name, Text where, int http_version,
                       Error& error) override;
  void on_response_impl(int code, Text reason, int http_version, Error& error) override;
  void on_field_impl(boost::beast::http::field field, Text name, Text value, Error& error) override;
  void on_header_impl(Error& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, Error& error) override;
  std::size_t on_body_impl(Text bytes, Error& error) override;
  void on_chunk_header_impl(std::uint64_t size, Text extensions, Error& error) override;
  std::size_t on_chunk_body_impl(std::uint64_t remaining, Text bytes, Error& error) override;
  void on_finish_impl(Error& error) override;

 private:
  std::size_t header_bytes_;
  std::size_t header_read_ = 0;
  std::size_t extension_bytes_ = 0;
  bool has_start_line_ = false;
  bool in_body_ = false;
};

extern template class MessageParser<true>;
extern template class MessageParser<false>;
using RequestParser = MessageParser<true>;
using ResponseParser = MessageParser<false>;

}  // namespace millrace::http
