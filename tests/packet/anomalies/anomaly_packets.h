// SPDX-License-Identifier: BSD-3-Clause
// A firewall that watches, and packets of good and bad sources for it.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/packet/firewall_control/control_bed.h"

namespace millrace::testing {

// Accepts all that is not to port 7 or to 192.168.9.0/24. `anomalies`: the value of that key; empty: none.
inline std::string watching_section(const std::string& anomalies, const std::string& more = "") {
  return "firewall:\n"
         "  rules:\n"
         "    - {name: no-echo, service: tcp/7, action: drop}\n"
         "    - {name: closed, destination: 192.168.9.0/24, action: reject}\n"
         "    - {name: all, action: accept}\n" +
         more + (anomalies.empty() ? "" : "  anomalies: " + anomalies + "\n");
}

class AnomalyPackets {
 public:
  static constexpr unsigned kInside = ControlBed::kInside;
  static constexpr unsigned kOutside = ControlBed::kOutside;

  explicit AnomalyPackets(const std::string& section, unsigned workers = 2)
      : bed(std::make_shared<firewall::Firewall>(), section, workers, 16'384) {
    bed.begin();
  }

  // Packets that come in by a port, and out by whichever.
  void send(unsigned port, const PacketBuilder& packet) {
    bed.bed().receive(port, packet.bytes());
    if (++waiting_ == kAtOnce) flush();
  }
  void flush() {
    waiting_ = 0;
    bed.bed().run();
    for (const unsigned port : {kInside, kOutside}) static_cast<void>(bed.bed().transmitted(port));
    static_cast<void>(bed.bed().to_host());
  }
  void pass_seconds(unsigned seconds) {
    flush();
    bed.pass_seconds(seconds);
  }

  void syn(const std::string& source, const std::string& destination, std::uint16_t from, std::uint16_t to) {
    send(kInside, ControlBed::from_inside(source, destination).tcp(from, to).flags("S").seq(1000));
  }
  // SYNs to so many ports of a host, from `first` on, in each of `seconds`.
  void scan_ports(const std::string& source, std::uint16_t first, unsigned ports, unsigned seconds) {
    for (unsigned second = 0; second < seconds; ++second) {
      for (unsigned i = 0; i < ports; ++i)
        syn(source, "192.168.1.80", 40'000, static_cast<std::uint16_t>(first + second * ports + i));
      pass_seconds(1);
    }
  }
  // A whole connection, in which the server answers with so many bytes.
  void connection(const std::string& client, const std::string& server, std::uint16_t from, std::uint16_t to,
                  std::size_t bytes) {
    const auto out = [&] { return ControlBed::from_inside(client, server).tcp(from, to); };
    const auto back = [&] { return ControlBed::from_outside(server, client).tcp(to, from); };
    const auto answered = static_cast<std::uint32_t>(5001 + bytes);
    send(kInside, out().flags("S").seq(1000));
    flush();
    send(kOutside, back().flags("SA").seq(5000).ack(1001));
    flush();
    send(kInside, out().flags("A").seq(1001).ack(5001));
    flush();
    send(kOutside, back().flags("PA").seq(5001).ack(1001).payload(bytes));
    send(kOutside, back().flags("FA").seq(answered).ack(1001));
    flush();
    send(kInside, out().flags("FA").seq(1001).ack(answered + 1));
    flush();
    send(kOutside, back().flags("A").seq(answered + 1).ack(1002));
    flush();
  }
  // A query by UDP, and an answer.
  void resolve(const std::string& client, const std::string& name, std::uint16_t from) {
    std::string query("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
    for (std::size_t at = 0; at <= name.size();) {
      const std::size_t dot = std::min(name.find('.', at), name.size());
      query += static_cast<char>(dot - at);
      query += name.substr(at, dot - at);
      at = dot + 1;
    }
    query += std::string("\x00\x00\x01\x00\x01", 5);
    send(kInside, ControlBed::from_inside(client, "192.168.1.53").udp(from, 53).payload(query));
    flush();
    query[2] = static_cast<char>(0x81);
    send(kOutside, ControlBed::from_outside("192.168.1.53", client).udp(53, from).payload(query));
    flush();
  }
  // A name such as data make.
  std::string data_name(const std::string& domain) {
    static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
    std::string name;
    for (int i = 0; i < 50; ++i) name += kLetters[random_() % kLetters.size()];
    return name + "." + domain;
  }

  [[nodiscard]] boost::json::object report() { return bed.own("anomalies").as_object(); }
  [[nodiscard]] std::vector<boost::json::object> open() { return list("anomalies"); }
  [[nodiscard]] std::vector<boost::json::object> blocks() { return list("blocks"); }
  [[nodiscard]] std::uint64_t dropped(firewall::Drop reason) {
    return bed.bed().dropped(static_cast<std::uint8_t>(reason));
  }
  // The value of a metric with this label; -1: there is none.
  [[nodiscard]] double metric(std::string_view name, std::string_view label = {}) {
    for (const auto& family : bed.vnf().metrics(bed.workers(), bed.snapshot())) {
      if (family.name != name) continue;
      for (const auto& sample : family.samples)
        if (label.empty() || sample.labels[0].second == label) return sample.value;
    }
    return -1;
  }

  ControlBed bed;

 private:
  static constexpr unsigned kAtOnce = 200;

  std::vector<boost::json::object> list(std::string_view what) {
    std::vector<boost::json::object> all;
    const boost::json::object answer = report();
    for (const auto& one : answer.at(what).as_array()) all.push_back(one.as_object());
    return all;
  }

  unsigned waiting_ = 0;
  std::mt19937 random_{7};
};

// On one worker, and on two, to which the sessions of one source go by their ports.
inline void for_each_watch(const std::string& section, const std::function<void(AnomalyPackets&)>& body) {
  for (const unsigned workers : {1U, 2U}) {
    SCOPED_TRACE(std::to_string(workers) + " workers");
    AnomalyPackets packets(section, workers);
    body(packets);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace millrace::testing
