// SPDX-License-Identifier: BSD-3-Clause
// A blocking HTTP/1.1 client for command lines and tests.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/http/message.h"

namespace boost::asio::ssl {
class context;
}

namespace millrace::http {

struct ClientOptions {
  // request(): from the first step of connecting to the last byte of the answer. stream(): until the header
  // is there, and then for each 64 KiB. Looking up a name can take longer, as the system's resolver says.
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  std::size_t header_bytes = std::size_t{64} * 1024;
  std::size_t body_bytes = std::size_t{256} * 1024 * 1024;  // of an answer that is held in memory
};

// What to ask. Host, Content-Length and Connection are the client's business.
struct Call {
  Method method = Method::kGet;
  std::string target = "/";  // "/v1/sessions?limit=10", escaped already (percent_encode in target.h)
  Headers headers;
  std::string body;
};

// Keeps its connection between calls and opens a new one when the server has closed it. One thread at a time.
// An answer with any status is a success here; the Error is for having no answer.
class Client {
 public:
  [[nodiscard]] static Client unix_socket(const std::filesystem::path& path, ClientOptions options = {});
  [[nodiscard]] static Client tcp(std::string host, std::uint16_t port, ClientOptions options = {});
  // The server's certificate must be valid for `host` under the context's authorities. The context may carry
  // a certificate of our own.
  [[nodiscard]] static Client tls(std::string host, std::uint16_t port,
                                  std::shared_ptr<boost::asio::ssl::context> context,
                                  ClientOptions options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  [[nodiscard]] Result<Response> request(const Call& call);
  [[nodiscard]] Result<Response> get(std::string_view target);

  // Is given the body piece by piece; false ends the transfer, which is then an Error.
  using OnPiece = std::function<bool(std::string_view)>;
  // A body with a 2xx status goes to `on_piece`, any other into the response.
  [[nodiscard]] Result<Response> stream(const Call& call, const OnPiece& on_piece);

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
