// SPDX-License-Identifier: BSD-3-Clause
// Requests and responses as values (RFC 9110). Nothing here knows what carried them.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "common/base/result.h"
#include "common/http/named_values.h"
#include "common/http/reply.h"

namespace millrace::http {

enum class Method : std::uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions };

[[nodiscard]] std::string_view to_string(Method method) noexcept;
// Method names are case-sensitive (RFC 9110 section 9.1). Nothing for a method not in the list above.
[[nodiscard]] std::optional<Method> parse_method(std::string_view name) noexcept;

// Who is at the other end.
struct Peer {
  // The process behind a Unix socket, as the kernel vouches for it (SO_PEERCRED).
  struct Process {
    pid_t pid = 0;
    uid_t uid = 0;
    gid_t gid = 0;
  };
  // A client certificate that the TLS context's verification accepted.
  struct Certificate {
    std::string subject;                 // RFC 2253, "CN=vnfm,O=Example"
    std::vector<std::string> dns_names;  // subjectAltName
    std::string sha256;                  // of the DER form, lower-case hex
  };

  std::string address;     // "192.0.2.7"; empty on a Unix socket
  std::uint16_t port = 0;  // 0 on a Unix socket
  std::optional<Process> process;
  std::optional<Certificate> certificate;
};

struct Request {
  Method method = Method::kGet;
  std::string target;                 // as it came, for logs
  std::vector<std::string> segments;  // of the path, percent-decoded one by one: "/v1/a%2Fb" is {"v1", "a/b"}
  Parameters variables;               // what {names} in the route's pattern stood for
  Parameters query;                   // form-decoded ("+" is a space), in the order written
  Headers headers;
  std::string body;
  Peer peer;
};

// One piece of a streamed body. No value is its regular end; an error cuts the connection, so that the client
// cannot take what it has for the whole.
using Chunk = Result<std::optional<std::string>>;
// Gives the next piece at once. Called on the server's thread, only when the client has taken the last piece.
using Generator = std::function<Chunk()>;
// The same for pieces that take time: the reply may be given later, from any thread.
using Producer = std::function<void(Reply<Chunk>)>;

struct Response {
  unsigned status = 200;
  Headers headers;  // Content-Length, Transfer-Encoding, Connection and Date are the server's business
  std::string body;
  Producer producer;  // when set, the body comes from here and `body` is not looked at

  [[nodiscard]] static Response empty(unsigned status = 204);
  [[nodiscard]] static Response text(unsigned status, std::string body,
                                     std::string_view content_type = "text/plain; charset=utf-8");
  [[nodiscard]] static Response json(unsigned status, const boost::json::value& value);
  [[nodiscard]] static Response stream(unsigned status, std::string_view content_type, Generator generator);
  [[nodiscard]] static Response stream_later(unsigned status, std::string_view content_type,
                                             Producer producer);
};

using Responder = Reply<Response>;

// An application/problem+json answer (RFC 9457). `extensions` are further members, "errors" for example.
[[nodiscard]] Response problem(unsigned status, std::string_view title, std::string_view detail);
[[nodiscard]] Response problem(unsigned status, std::string_view title, std::string_view detail,
                               const boost::json::object& extensions);

// The standard phrase, "Not Found"; empty for a status without one.
[[nodiscard]] std::string_view reason_phrase(unsigned status) noexcept;

// The body read as JSON; the error says at which byte it stops being JSON. Callers include <boost/json.hpp>.
[[nodiscard]] Result<boost::json::value> parse_json(std::string_view body);

}  // namespace millrace::http
