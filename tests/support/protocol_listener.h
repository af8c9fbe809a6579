// SPDX-License-Identifier: BSD-3-Clause
// Keep what the firewall's readers of TLS, QUIC, DNS, SSH and SMTP tell, so that it can be compared: however
// a stream is cut, it has to be the same.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/http_listener.h"
#include "vnfs/firewall/inspection/readers/dns_reader.h"
#include "vnfs/firewall/inspection/readers/quic_hello.h"
#include "vnfs/firewall/inspection/readers/smtp_reader.h"
#include "vnfs/firewall/inspection/readers/ssh_reader.h"
#include "vnfs/firewall/inspection/readers/tls_reader.h"

namespace millrace::testing {

using PartTexts = std::map<firewall::inspection::Buffer, std::string>;

[[nodiscard]] inline std::string text_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

[[nodiscard]] inline PartTexts texts_of(const firewall::inspection::Parts& parts) {
  PartTexts texts;
  for (std::size_t i = 0; i < firewall::inspection::kBuffers; ++i) {
    const auto buffer = static_cast<firewall::inspection::Buffer>(i);
    if (parts.has(buffer)) texts[buffer] = text_of(parts[buffer]);
  }
  return texts;
}

// An event that was kept.
struct Told {
  unsigned what = 0;
  PartTexts parts;
  std::vector<std::string> others;  // what a protocol has beside them

  [[nodiscard]] std::string operator[](firewall::inspection::Buffer buffer) const {
    const auto found = parts.find(buffer);
    return found == parts.end() ? "(none)" : found->second;
  }
  bool operator==(const Told&) const = default;
};

// What all listeners have. Streams are copied, for a sanitizer to see a read past their end.
struct Listening {
  std::vector<Told> told;
  firewall::inspection::readers::ReadAnomalySet anomalies;
  firewall::inspection::readers::ReadProgress progress =
      firewall::inspection::readers::ReadProgress::kReading;
  bool stop_at_each = false;

  bool operator==(const Listening& other) const {
    return told == other.told && anomalies == other.anomalies && progress == other.progress;
  }
};

class StreamCopy {
 public:
  explicit StreamCopy(std::string_view stream)
      : bytes_(std::make_unique<std::uint8_t[]>(stream.size())), size_(stream.size()) {
    std::ranges::copy(stream, bytes_.get());
  }
  [[nodiscard]] Bytes bytes() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_;
};

// What TLS and QUIC share.
class HelloListener : public Listening {
 public:
  static firewall::inspection::Room& room() {
    static firewall::inspection::Room room(firewall::inspection::readers::kTlsRoom);
    return room;
  }

 protected:
  bool note(const firewall::inspection::readers::TlsEvent& event) {
    using What = firewall::inspection::readers::TlsEvent::What;
    anomalies.add(event.anomalies);
    if (event.what == What::kAnomaly) return !stop_at_each;
    Told one{.what = static_cast<unsigned>(event.what), .parts = texts_of(event.parts), .others = {}};
    if (event.what != What::kCertificate) {
      one.others = {std::to_string(event.hello.version), std::to_string(event.hello.newest)};
      Bytes protocols = event.hello.protocols;
      for (Bytes name; !(name = firewall::inspection::readers::take_protocol(protocols)).empty();)
        one.others.push_back(text_of(name));
    }
    told.push_back(one);
    return !stop_at_each;
  }
};

class TlsListener : public HelloListener {
 public:
  void hear(firewall::inspection::Side side, std::string_view stream, bool ended) {
    const StreamCopy copy(stream);
    progress = reader.advance(
        copy.bytes(), ended, side, room(),
        [&](const firewall::inspection::readers::TlsEvent& event) noexcept { return note(event); });
  }
  firewall::inspection::readers::TlsReader reader;
};

class QuicListener : public HelloListener {
 public:
  void hear(std::string_view datagram) {
    const StreamCopy copy(datagram);
    progress = reader.advance(
        copy.bytes(), {room(), crypto, pool},
        [&](const firewall::inspection::readers::TlsEvent& event) noexcept { return note(event); });
  }
  firewall::inspection::readers::QuicHello reader;
  firewall::inspection::readers::QuicCrypto crypto;
  firewall::inspection::BufferPool pool{std::size_t{1} << 18U};
};

class DnsListener : public Listening {
 public:
  void hear(std::string_view stream, bool ended) {
    const StreamCopy copy(stream);
    progress = reader.advance(
        copy.bytes(), ended,
        [&](const firewall::inspection::readers::DnsEvent& event) noexcept { return note(event); });
  }
  void hear_datagram(std::string_view datagram) {
    const StreamCopy copy(datagram);
    firewall::inspection::readers::read_dns(
        copy.bytes(),
        [&](const firewall::inspection::readers::DnsEvent& event) noexcept { return note(event); });
  }
  firewall::inspection::readers::DnsReader reader;

 private:
  bool note(const firewall::inspection::readers::DnsEvent& event) {
    using What = firewall::inspection::readers::DnsEvent::What;
    anomalies.add(event.anomalies);
    if (event.what == What::kAnomaly) return !stop_at_each;
    Told one{.what = static_cast<unsigned>(event.what), .parts = texts_of(event.parts), .others = {}};
    one.others.push_back(event.is_answer ? "answer " + std::to_string(event.rcode) : "query");
    if (event.what == What::kQuestion) one.others.push_back(std::to_string(event.type));
    for (const net::IpAddress& address : event.addresses) one.others.push_back(address.to_string());
    told.push_back(one);
    return !stop_at_each;
  }
};

class SshListener : public Listening {
 public:
  void hear(firewall::inspection::Side side, std::string_view stream, bool ended) {
    const StreamCopy copy(stream);
    progress = reader.advance(copy.bytes(), ended, side,
                              [&](const firewall::inspection::readers::SshEvent& event) noexcept {
                                anomalies.add(event.anomalies);
                                told.push_back({0, texts_of(event.parts), {text_of(event.comment)}});
                                return !stop_at_each;
                              });
  }
  firewall::inspection::readers::SshReader reader;
};

// One direction. Of mail that grows only what was told last is kept.
class SmtpListener : public Listening {
 public:
  SmtpListener() : exchange(own_) {}
  explicit SmtpListener(firewall::inspection::readers::SmtpExchange& shared) : exchange(shared) {}

  void hear(firewall::inspection::Side side, std::string_view stream, bool ended) {
    const StreamCopy copy(stream);
    progress = reader.advance(
        copy.bytes(), ended, side, {exchange, joined, most_joined},
        [&](const firewall::inspection::readers::SmtpEvent& event) noexcept { return note(event); });
  }
  firewall::inspection::readers::SmtpReader reader;
  firewall::inspection::readers::SmtpExchange& exchange;
  StringStore joined;
  std::size_t most_joined = std::size_t{1} << 20U;

 private:
  bool note(const firewall::inspection::readers::SmtpEvent& event) {
    using What = firewall::inspection::readers::SmtpEvent::What;
    anomalies.add(event.anomalies);
    if (event.what == What::kAnomaly) return !stop_at_each;
    Told one{.what = static_cast<unsigned>(event.what), .parts = texts_of(event.parts), .others = {}};
    if (event.what == What::kReply) one.others = {std::to_string(event.code), text_of(event.text)};
    one.others.emplace_back(event.ends ? "ends" : "goes on");
    if (in_mail_ && event.what == What::kMail) {
      told.back() = one;
    } else {
      told.push_back(one);
    }
    in_mail_ = event.what == What::kMail && !event.ends;
    return !stop_at_each;
  }
  firewall::inspection::readers::SmtpExchange own_;
  bool in_mail_ = false;
};

}  // namespace millrace::testing
