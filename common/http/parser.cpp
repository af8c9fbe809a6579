// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/parser.h"

#include <boost/beast/http/error.hpp>
#include <limits>

namespace millrace::http {
namespace {

namespace beast = boost::beast;

// "0" CRLF CRLF: a chunked body has at least so much to come until it is complete.
constexpr std::size_t kShortestChunkedEnd = 5;
constexpr std::size_t kMaxExtensionBytes = std::size_t{16} * 1024;

}  // namespace

template <bool kIsRequest>
MessageParser<kIsRequest>::MessageParser(std::size_t header_bytes) : header_bytes_(header_bytes) {
  this->body_limit(std::numeric_limits<std::uint64_t>::max());
  const auto most = static_cast<std::size_t>(std::numeric_limits<std::uint32_t>::max());
  this->header_limit(static_cast<std::uint32_t>(std::min(header_bytes, most)));
}

template <bool kIsRequest>
auto MessageParser<kIsRequest>::advance(beast::flat_buffer& buffer) -> Error {
  Error error;
  if (buffer.size() == 0) return beast::http::error::need_more;
  const bool header = !this->is_header_done();
  // Beast 1.81 asserts on a final chunk that arrives in pieces shorter than this.
  if (!header && this->chunked() && buffer.size() < kShortestChunkedEnd) return beast::http::error::need_more;

  const std::size_t used = this->put(buffer.cdata(), error);
  buffer.consume(used);
  if (header) {
    header_read_ += used;
    const std::size_t pending = this->is_header_done() ? 0 : buffer.size();
    if (header_read_ + pending > header_bytes_) return beast::http::error::header_limit;
  }
  return error;
}

template <bool kIsRequest>
void MessageParser<kIsRequest>::on_request_impl(beast::http::verb, Text name, Text where, int http_version,
                                                Error&) {
  method.assign(name.data(), name.size());
  target.assign(where.data(), where.size());
  version = http_version;
  has_start_line_ = true;
}

template <bool kIsRequest>
void MessageParser<kIsRequest>::on_response_impl(int code, Text, int http_version, Error&) {
  status = static_cast<unsigned>(code);
  version = http_version;
  has_start_line_ = true;
}

template <bool kIsRequest>
void MessageParser<kIsRequest>::on_field_impl(beast::http::field, Text name, Text value, Error&) {
  if (!in_body_) headers.add({name.data(), name.size()}, {value.data(), value.size()});
}

template <bool kIsRequest>
void MessageParser<kIsRequest>::on_header_impl(Error&) {
  in_body_ = true;
}

template <bool kIsRequest>
void MessageParser<kIsRequest>::on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) {}

template <bool kIsRequest>
std::size_t MessageParser<kIsRequest>::on_body_impl(Text bytes, Error&) {
  body.append(bytes.data(), bytes.size());
  return bytes.size();
}

template <bool kIsRequest>
void MessageParser<kIsRequest>::on_chunk_header_impl(std::uint64_t, Text extensions, Error& error) {
  extension_bytes_ += extensions.size();
  if (extension_bytes_ > kMaxExtensionBytes) error = beast::http::error::bad_chunk_extension;
}

template <bool kIsRequest>
std::size_t MessageParser<kIsRequest>::on_chunk_body_impl(std::uint64_t, Text bytes, Error& error) {
  return on_body_impl(bytes, error);
}

template <bool kIsRequest>
void MessageParser<kIsRequest>::on_finish_impl(Error&) {}

template class MessageParser<true>;
template class MessageParser<false>;

}  // namespace millrace::http
