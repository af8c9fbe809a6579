// SPDX-License-Identifier: BSD-3-Clause
// vpn_key_listener SOCKET: the appliance's end of key exchange, without an appliance. What charon tells is
// printed, a line of JSON each, keys and all. Lines on standard input raise events: "soft SPI", "hard SPI" of
// an inbound association, "acquire TUNNEL LOCAL REMOTE". Ends with standard input.
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/json.hpp>
#include <iostream>
#include <sstream>
#include <string>

#include <unistd.h>

#include "tests/support/recording_gateway.h"
#include "vnfs/vpn/key_exchange_server.h"

namespace {

using namespace millrace;
namespace asio = boost::asio;
namespace json = boost::json;

void print(const char* what, json::object fields) {
  json::object line{{"what", what}};
  for (auto& field : fields) line.insert(std::move(field));
  std::cout << json::serialize(line) << std::endl;
}

std::string hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

json::object object(const vpn::AssociationKey& key) {
  return {{"spi", key.spi}, {"outbound", key.outbound}, {"remote", key.remote.to_string()}};
}

json::object object(const vpn::Selector& selector) {
  return {{"local", selector.local.to_string()},
          {"remote", selector.remote.to_string()},
          {"protocol", selector.protocol},
          {"remote_ports", {selector.remote_ports.first, selector.remote_ports.last}}};
}

json::object object(const vpn::AssociationSpec& spec) {
  json::object all = object(spec.key);
  all["own"] = spec.local.to_string();
  all["mode"] = spec.mode == vpn::Mode::kTunnel ? "tunnel" : "transport";
  all["cipher"] = crypto::name(spec.suite.cipher);
  all["integrity"] = crypto::name(spec.suite.integrity);
  all["cipher_key"] = hex(spec.cipher_key.bytes());
  all["integrity_key"] = hex(spec.integrity_key.bytes());
  all["extended"] = spec.extended;
  all["window"] = spec.window;
  all["udp"] = spec.udp.has_value();
  all["tunnel"] = spec.tunnel;
  all["seconds"] = {spec.seconds.soft, spec.seconds.hard};
  all["bytes"] = {spec.bytes.soft, spec.bytes.hard};
  all["packets"] = {spec.packets.soft, spec.packets.hard};
  json::array selectors;
  for (const vpn::Selector& selector : spec.selectors) selectors.push_back(object(selector));
  all["selectors"] = std::move(selectors);
  return all;
}

class PrintingGateway final : public test::RecordingGateway {
 public:
  Result<std::uint32_t> allocate_spi() override {
    auto spi = RecordingGateway::allocate_spi();
    print("allocate", {{"spi", *spi}});
    return spi;
  }
  Result<void> add(vpn::AssociationSpec spec) override {
    json::object said = object(spec);
    auto result = RecordingGateway::add(std::move(spec));
    said["ok"] = result.has_value();
    print("add", std::move(said));
    return result;
  }
  Result<void> move(const Key& which, const vpn::AssociationMove& to) override {
    json::object said = object(which);
    said["to_own"] = to.local.to_string();
    said["to_remote"] = to.remote.to_string();
    if (to.udp) said["to_udp"] = {to.udp->local, to.udp->remote};
    print("move", std::move(said));
    return RecordingGateway::move(which, to);
  }
  Result<void> remove(const Key& which) override {
    print("remove", object(which));
    return RecordingGateway::remove(which);
  }
  Result<void> add(const vpn::PolicySpec& policy) override {
    json::object said = object(policy.selector);
    said["priority"] = policy.priority;
    said["tunnel"] = policy.tunnel;
    said["action"] = static_cast<int>(policy.action);
    said["spi"] = policy.outbound ? policy.outbound->spi : 0;
    print("add_policy", std::move(said));
    return RecordingGateway::add(policy);
  }
  Result<void> remove(const PolicyKey& which) override {
    json::object said = object(which.selector);
    said["priority"] = which.priority;
    print("remove_policy", std::move(said));
    return RecordingGateway::remove(which);
  }
  void keep_only(const std::vector<Key>& known, const std::vector<PolicyKey>& known_policies) override {
    RecordingGateway::keep_only(known, known_policies);
    print("keep_only", {{"associations", known.size()}});
  }
};

void command(const std::string& line, PrintingGateway& gateway, vpn::KeyExchange& server) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  if (word == "soft" || word == "hard" || word == "mapping") {
    std::uint32_t spi = 0;
    words >> spi;
    const vpn::AssociationKey key{.outbound = false, .spi = spi, .remote = {}};
    const auto found = gateway.associations.find(key);
    if (found == gateway.associations.end()) return print("error", {{"text", "no such association"}});
    const std::uint32_t tunnel = found->second.tunnel;
    if (word == "mapping") {
      std::string address;
      std::uint16_t port = 0;
      words >> address >> port;
      return server.mapping_changed(key, tunnel, net::IpAddress::parse(address).value_or(net::IpAddress{}),
                                    port);
    }
    if (word == "hard") gateway.associations.erase(found);
    return server.expired(key, tunnel, word == "hard");
  }
  if (word == "acquire") {
    std::uint32_t tunnel = 0;
    std::string local, remote;
    words >> tunnel >> local >> remote;
    const auto from = net::Prefix::parse(local), to = net::Prefix::parse(remote);
    if (from && to) return server.acquire(tunnel, {.local = *from, .remote = *to});
  }
  print("error", {{"text", "not understood: " + line}});
}

void read_commands(asio::posix::stream_descriptor& input, asio::streambuf& buffer, PrintingGateway& gateway,
                   vpn::KeyExchange& server, asio::io_context& io) {
  asio::async_read_until(input, buffer, '\n', [&](boost::system::error_code error, std::size_t) {
    if (error) return io.stop();
    std::istream lines(&buffer);
    std::string line;
    std::getline(lines, line);
    command(line, gateway, server);
    read_commands(input, buffer, gateway, server, io);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: vpn_key_listener SOCKET\n";
    return 2;
  }
  asio::io_context io;
  PrintingGateway gateway;
  vpn::KeyExchangeServer server(io, gateway, [](std::string_view line) { print("log", {{"text", line}}); });
  if (const auto listening = server.listen(argv[1]); !listening) {
    std::cerr << listening.error().message() << '\n';
    return 1;
  }
  print("listening", {});
  asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  asio::streambuf buffer;
  read_commands(input, buffer, gateway, server, io);
  io.run();
  return 0;
}
