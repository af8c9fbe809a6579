// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/transport.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

namespace millrace::http {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kGraceAfterDeadline{1};

Peer peer_of(Transport::Socket& socket) {
  Peer peer;
  ErrorCode error;
  const auto remote = socket.remote_endpoint(error);
  if (error) return peer;
  if (remote.data()->sa_family == AF_UNIX) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      peer.process = Peer::Process{credentials.pid, credentials.uid, credentials.gid};
    }
    return peer;
  }
  asio::ip::tcp::endpoint endpoint;
  if (remote.size() > endpoint.capacity()) return peer;
  endpoint.resize(remote.size());
  std::copy_n(reinterpret_cast<const char*>(remote.data()), remote.size(),
              reinterpret_cast<char*>(endpoint.data()));
  peer.address = endpoint.address().to_string();
  peer.port = endpoint.port();
  return peer;
}

std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string subject_of(X509* certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Peer::Certificate describe(X509* certificate) {
  Peer::Certificate description;
  description.subject = subject_of(certificate);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1) {
    description.sha256 = fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + size, ""));
  }
  const auto free_names = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
  const std::unique_ptr<GENERAL_NAMES, decltype(free_names)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      free_names);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) description.dns_names.push_back(text_of(name->d.dNSName));
  }
  return description;
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(Socket socket) : Transport(socket.get_executor()), socket_(std::move(socket)) {}

  asio::awaitable<ErrorCode> handshake() override { co_return ErrorCode{}; }
  asio::awaitable<Moved> read_some(asio::mutable_buffer into) override {
    auto [error, bytes] = co_await socket_.async_read_some(into, kAsTuple);
    co_return Moved{error, bytes};
  }
  asio::awaitable<void> finish() override {
    ErrorCode ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    co_return;
  }
  bool reads_after_finish() const override { return true; }
  Socket& socket() override { return socket_; }
  Peer peer() override { return peer_of(socket_); }

 private:
  asio::awaitable<Moved> write_some(asio::const_buffer from) override {
    auto [error, bytes] = co_await socket_.async_write_some(from, kAsTuple);
    co_return Moved{error, bytes};
  }

  Socket socket_;
};

class TlsTransport final : public Transport {
 public:
  using Stream = asio::ssl::stream<Socket>;

  TlsTransport(Socket socket, std::shared_ptr<asio::ssl::context> context, Stream::handshake_type side)
      : Transport(socket.get_executor()),
        context_(std::move(context)),
        stream_(std::move(socket), *context_),
        side_(side) {}

  asio::awaitable<ErrorCode> handshake() override {
    auto [error] = co_await stream_.async_handshake(side_, kAsTuple);
    co_return error;
  }
  asio::awaitable<Moved> read_some(asio::mutable_buffer into) override {
    auto [error, bytes] = co_await stream_.async_read_some(into, kAsTuple);
    co_return Moved{error, bytes};
  }
  asio::awaitable<void> finish() override {
    co_await stream_.async_shutdown(kAsTuple);
    ErrorCode ignored;
    stream_.next_layer().shutdown(Socket::shutdown_send, ignored);
  }
  bool reads_after_finish() const override { return false; }
  Socket& socket() override { return stream_.next_layer(); }
  Peer peer() override {
    Peer peer = peer_of(stream_.next_layer());
    SSL* tls = stream_.native_handle();
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(tls), &X509_free);
    if (certificate && SSL_get_verify_result(tls) == X509_V_OK)
      peer.certificate = describe(certificate.get());
    return peer;
  }
  Stream& stream() { return stream_; }

 private:
  asio::awaitable<Moved> write_some(asio::const_buffer from) override {
    auto [error, bytes] = co_await stream_.async_write_some(from, kAsTuple);
    co_return Moved{error, bytes};
  }

  std::shared_ptr<asio::ssl::context> context_;
  Stream stream_;
  Stream::handshake_type side_;
};

}  // namespace

asio::awaitable<ErrorCode> Transport::write(std::string_view bytes, Clock::duration timeout) {
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, kProgressBytes);
    bytes.remove_prefix(piece.size());
    deadline_after(timeout);
    while (!piece.empty()) {
      const Moved written = co_await write_some(asio::buffer(piece.data(), piece.size()));
      if (written.error) co_return written.error;
      piece.remove_prefix(written.bytes);
    }
  }
  no_deadline();
  co_return ErrorCode{};
}

void Transport::deadline_after(Clock::duration time) {
  timed_out_ = false;
  timer_.expires_after(time);
  watch();
}

void Transport::no_deadline() {
  timed_out_ = false;
  timer_.expires_at(Clock::time_point::max());
}

void Transport::watch() {
  timer_.async_wait([weak = weak_from_this()](ErrorCode error) {
    const auto self = weak.lock();
    // A wait that had already ended when the deadline was moved reports no error.
    if (error || !self || Clock::now() < self->timer_.expiry()) return;
    if (self->timed_out_) {
      self->close();
      return;
    }
    self->timed_out_ = true;
    self->cancel();
    self->timer_.expires_after(kGraceAfterDeadline);
    self->watch();
  });
}

void Transport::cancel() {
  ErrorCode ignored;
  socket().cancel(ignored);
}

void Transport::close() {
  ErrorCode ignored;
  socket().close(ignored);
  timer_.cancel();
}

bool Transport::is_stale() {
  char byte = 0;
  const ssize_t got = ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

bool Transport::hung_up() {
  pollfd at{.fd = socket().native_handle(), .events = 0, .revents = 0};
  return ::poll(&at, 1, 0) > 0 && (at.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

std::shared_ptr<Transport> plain_transport(Transport::Socket socket) {
  return std::make_shared<PlainTransport>(std::move(socket));
}

std::shared_ptr<Transport> tls_server_transport(Transport::Socket socket,
                                                std::shared_ptr<asio::ssl::context> context) {
  return std::make_shared<TlsTransport>(std::move(socket), std::move(context),
                                        asio::ssl::stream_base::server);
}

Result<std::shared_ptr<Transport>> tls_client_transport(Transport::Socket socket,
                                                        std::shared_ptr<asio::ssl::context> context,
                                                        const std::string& name) {
  auto transport =
      std::make_shared<TlsTransport>(std::move(socket), std::move(context), asio::ssl::stream_base::client);
  auto& stream = transport->stream();
  ErrorCode error;
  stream.set_verify_mode(asio::ssl::verify_peer, error);
  if (!error) stream.set_verify_callback(asio::ssl::host_name_verification(name), error);
  if (error) return failure("set up TLS", error.message());
  ErrorCode not_an_address;
  (void)asio::ip::make_address(name, not_an_address);
  // Server name indication is for DNS names only (RFC 6066 section 3).
  if (not_an_address && SSL_set_tlsext_host_name(stream.native_handle(), name.c_str()) != 1) {
    return failure("set up TLS", "\"" + name + "\" cannot be a server name");
  }
  return transport;
}

}  // namespace millrace::http
