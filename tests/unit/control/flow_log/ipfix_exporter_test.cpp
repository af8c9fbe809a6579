// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/ipfix_exporter.h"

#include <gtest/gtest.h>
#include <sys/time.h>

#include "tests/support/eventually.h"
#include "tests/support/flow_samples.h"
#include "tests/support/ipfix_tools.h"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;
using test::eventually;

std::unique_ptr<IpfixExporter> exporter(IpfixExporterOptions options) {
  options.host = "127.0.0.1";
  options.first_retry = 5ms;
  options.last_retry = 20ms;
  auto made = IpfixExporter::start(std::move(options));
  if (!made) throw std::runtime_error(made.error().message());
  return std::move(*made);
}

std::vector<FlowRecord> numbered(std::size_t count, std::size_t first = 0) {
  std::vector<FlowRecord> records(count, testing::tcp_ended());
  for (std::size_t i = 0; i < count; ++i)
    records[i].source_port = static_cast<std::uint16_t>(10'000 + first + i);
  return records;
}

// Source ports nfdump lists, in order of time received.
std::vector<std::string> source_ports(const testing::Nfcapd& collector) {
  std::vector<std::string> ports;
  for (std::string line : testing::split(collector.nfdump("-o 'fmt:%sp'"), '\n')) {
    line.erase(0, line.find_first_not_of(' '));
    line.erase(line.find_last_not_of(" \r") + 1);
    if (!line.empty()) ports.push_back(line);
  }
  return ports;
}

// A TCP listener on the loopback.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 4) != 0)
      throw std::runtime_error("listen");
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~Listener() { ::close(fd_); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int accept() const {
    const int connection = ::accept(fd_, nullptr, nullptr);
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return connection;
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

// The next message of a stream, framed by its own length; empty at the end.
IpfixMessage read_message(int connection) {
  IpfixMessage message(4);
  if (::recv(connection, message.data(), 4, MSG_WAITALL) != 4) return {};
  const std::size_t length = static_cast<std::size_t>(message[2]) << 8 | message[3];
  message.resize(length);
  if (::recv(connection, message.data() + 4, length - 4, MSG_WAITALL) != static_cast<ssize_t>(length - 4))
    return {};
  return message;
}

TEST(IpfixExporter, NfcapdReadsBackWhatWasSent) {
  if (!testing::have("nfcapd")) GTEST_SKIP() << "nfdump is not installed";
  const std::uint16_t port = testing::free_udp_port();
  testing::Nfcapd collector(port);
  {
    const auto sink = exporter({.port = port});
    sink->set_interfaces({{1, "trust"}, {6, "untrust"}});
    sink->write(testing::one_of_each());
    ASSERT_TRUE(sink->flush(30s));
    EXPECT_EQ(sink->status().written, 7U);
    EXPECT_TRUE(sink->status().working);
  }
  collector.stop();
  ::setenv("TZ", "UTC", 1);
  const std::string format = "-o 'fmt:%pr;%sa;%sp;%da;%dp;%ipkt;%opkt;%ibyt;%obyt;%flg;%in;%out;%ts;%te' -6";
  std::string text = collector.nfdump(format);
  std::erase(text, ' ');
  // Times are those of flow_samples.h, by date -u -d @1714564790.1 and so on.
  const std::vector<std::string> expected = {
      "6;192.0.2.10;40001;198.51.100.20;443;11;22;3333;44444;...A..SF;2;7;2024-05-0111:59:50.100;2024-05-"
      "0111:59:59.200",
      "17;2001:db8:1::10;5353;2001:db8:2::20;53;5;6;5000000123;666;........;2;7;2024-05-0111:59:50.100;2024-"
      "05-0111:59:59.200",
      "1;192.0.2.11;0;198.51.100.21;8.0;3;2;252;168;........;2;7;2024-05-0111:59:50.100;2024-05-0111:59:59."
      "200",
      "58;2001:db8:1::11;0;2001:db8:2::21;128.0;4;1;416;104;........;2;7;2024-05-0111:59:50.100;2024-05-0111:"
      "59:59.200",
      "6;192.0.2.10;40001;198.51.100.20;443;0;0;0;0;......S.;2;7;2024-05-0112:00:00.250;2024-05-0112:00:00."
      "250",
      "17;203.0.113.66;1111;192.0.2.10;2222;1;0;88;0;........;2;0;2024-05-0112:00:00.250;2024-05-0112:00:00."
      "250",
      "6;192.0.2.10;40001;198.51.100.20;443;4;5;777;8888;...A..SF;2;7;2024-05-0111:59:55.150;2024-05-0111:59:"
      "59.200",
  };
  EXPECT_EQ(testing::split(text, '\n'), expected) << collector.log();
}

TEST(IpfixExporter, NfcapdIsKilledAndComesBack) {
  if (!testing::have("nfcapd")) GTEST_SKIP() << "nfdump is not installed";
  const std::uint16_t port = testing::free_udp_port();
  const auto sink = exporter({.port = port});
  {
    testing::Nfcapd first(port);
    sink->write(numbered(3));
    ASSERT_TRUE(sink->flush(30s));
    first.stop();
    EXPECT_EQ(source_ports(first), (std::vector<std::string>{"10000", "10001", "10002"}));
  }
  // The loopback answers at once that nobody listens; the next message finds out and is kept.
  sink->write(numbered(1, 50));
  ASSERT_TRUE(sink->flush(30s));
  const std::uint64_t failures = sink->status().failures;
  sink->write(numbered(4, 100));
  ASSERT_TRUE(eventually([&] { return sink->status().failures > failures; }));
  EXPECT_FALSE(sink->status().working);
  ASSERT_TRUE(sink->status().trouble);
  EXPECT_NE(sink->status().trouble->message().find("Connection refused"), std::string::npos);
  testing::Nfcapd second(port);
  ASSERT_TRUE(sink->flush(30s));
  second.stop();
  EXPECT_EQ(source_ports(second), (std::vector<std::string>{"10100", "10101", "10102", "10103"}));
  EXPECT_EQ(sink->status().lost, 0U);
}

TEST(IpfixExporter, TemplatesComeAgainOverUdp) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), size), 0);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  const timeval limit{.tv_sec = 30, .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const auto sink = exporter({.port = ntohs(address.sin_port), .template_interval = 20ms});
  for (int i = 0; i < 3; ++i) {  // without a record to send
    IpfixMessage message(2000);
    const ssize_t length = ::recv(socket, message.data(), message.size(), 0);
    ASSERT_GT(length, 20);
    EXPECT_EQ(message[16] << 8 | message[17], 2) << "a template set, RFC 7011 section 3.3.2";
  }
  ::close(socket);
}

TEST(IpfixExporter, TcpStreamIsReadByTshark) {
  if (!testing::have("tshark")) GTEST_SKIP() << "tshark is not installed";
  const Listener listener;
  auto sink = exporter({.port = listener.port(), .transport = Transport::kTcp});
  const int connection = listener.accept();
  sink->write(numbered(500));
  ASSERT_TRUE(sink->flush(30s));
  sink.reset();  // ends the stream
  std::vector<IpfixMessage> messages;
  for (IpfixMessage message = read_message(connection); !message.empty(); message = read_message(connection))
    messages.push_back(message);
  ::close(connection);
  std::vector<std::string> ports;
  for (const auto& row : testing::tshark(messages, {"cflow.srcport", "_ws.malformed"})) {
    EXPECT_EQ(row.at("_ws.malformed"), "");
    for (const std::string& port : testing::split(row.at("cflow.srcport"), ',')) ports.push_back(port);
  }
  ASSERT_EQ(ports.size(), 500U);
  for (std::size_t i = 0; i < ports.size(); ++i) EXPECT_EQ(ports[i], std::to_string(10'000 + i));
}

TEST(IpfixExporter, TcpConnectionThatBreaksIsMadeAnewWithTemplatesFirst) {
  const Listener listener;
  const auto sink = exporter({.port = listener.port(), .transport = Transport::kTcp});
  const int first = listener.accept();
  ASSERT_FALSE(read_message(first).empty());
  ::close(first);
  sink->write(numbered(5));
  const int second = listener.accept();
  const IpfixMessage templates = read_message(second);
  ASSERT_GT(templates.size(), 20U);
  EXPECT_EQ(templates[16] << 8 | templates[17], 2);
  const IpfixMessage data = read_message(second);
  ASSERT_GT(data.size(), 20U);
  EXPECT_EQ(data[16] << 8 | data[17], 256);
  EXPECT_EQ(data[8] | data[9] | data[10] | data[11], 0) << "the sequence begins anew";
  ASSERT_TRUE(sink->flush(30s));
  EXPECT_EQ(sink->status().written, 5U);
  EXPECT_EQ(sink->status().lost, 0U);
  ::close(second);
}

TEST(IpfixExporter, NeverWaitsForACollectorThatDoesNotReadAndCountsWhatIsLost) {
  const Listener listener;  // accepts by the kernel's hand only: nobody reads
  auto sink = exporter(
      {.port = listener.port(), .transport = Transport::kTcp, .waiting_records = 1000, .patience = 1h});
  const auto records = numbered(1000);
  std::uint64_t given = 0;
  ASSERT_TRUE(eventually([&] {
    sink->write(records);
    given += records.size();
    return sink->status().lost != 0 && given > 100'000;
  }));
  const FlowSinkStatus status = sink->status();
  EXPECT_LE(status.waiting, 1000U);
  EXPECT_LE(status.written + status.lost, given);
  const auto before = std::chrono::steady_clock::now();
  sink.reset();  // though a message waits for an hour
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
}

TEST(IpfixExporter, AccountsForEveryRecordWhenTheCollectorWasNeverThere) {
  std::uint16_t port = 0;
  {
    const Listener gone;
    port = gone.port();
  }
  const auto sink = exporter({.port = port, .transport = Transport::kTcp, .waiting_records = 100});
  for (int i = 0; i < 5; ++i) sink->write(numbered(50));
  ASSERT_TRUE(eventually([&] { return sink->status().failures > 2; }));
  const FlowSinkStatus status = sink->status();
  EXPECT_EQ(status.waiting, 100U);
  EXPECT_EQ(status.lost, 150U);
  EXPECT_EQ(status.written, 0U);
}

}  // namespace
}  // namespace millrace::control
