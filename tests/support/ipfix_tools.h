// SPDX-License-Identifier: BSD-3-Clause
// Readers of IPFIX that nobody here wrote: tshark for what is on the wire, nfdump's nfcapd as a collector.
#pragma once

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/control/flow_log/ipfix_encoder.h"
#include "tests/support/eventually.h"
#include "tests/support/netns.h"

namespace millrace::control::testing {

inline bool have(const std::string& program) { return test::run("command -v " + program).status == 0; }

inline std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "ipfix_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A capture file (classic pcap, raw IP) with each message in a UDP datagram to port 4739, and the fields
// tshark finds in it: one map per message.
inline std::vector<std::map<std::string, std::string>> tshark(std::span<const IpfixMessage> messages,
                                                              const std::vector<std::string>& fields) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "messages.pcap";
  {
    std::ofstream out(path, std::ios::binary);
    const auto put = [&](auto... values) {
      (out.write(reinterpret_cast<const char*>(&values), sizeof values), ...);
    };
    put(std::uint32_t{0xa1b2c3d4}, std::uint16_t{2}, std::uint16_t{4}, std::uint32_t{0}, std::uint32_t{0},
        std::uint32_t{65535}, std::uint32_t{101});
    for (const IpfixMessage& message : messages) {
      const auto udp = static_cast<std::uint16_t>(message.size() + 8);
      const auto ip = static_cast<std::uint16_t>(udp + 20);
      put(std::uint32_t{0}, std::uint32_t{0}, std::uint32_t{ip}, std::uint32_t{ip});
      put(std::uint8_t{0x45}, std::uint8_t{0}, htons(ip), std::uint32_t{0}, std::uint8_t{64},
          std::uint8_t{17}, std::uint16_t{0}, htonl(0x7f000001), htonl(0x7f000001));
      put(htons(50000), htons(4739), htons(udp), std::uint16_t{0});
      out.write(reinterpret_cast<const char*>(message.data()), static_cast<std::streamsize>(message.size()));
    }
  }
  std::string command = "tshark -r " + path + " -n -d udp.port==4739,cflow -T fields -E separator='|'";
  for (const std::string& field : fields) command += " -e " + field;
  std::vector<std::map<std::string, std::string>> found;
  for (const std::string& line : split(test::run(command + " 2>/dev/null").output, '\n')) {
    const auto values = split(line + "|", '|');
    std::map<std::string, std::string> row;
    for (std::size_t i = 0; i < fields.size() && i < values.size(); ++i) row[fields[i]] = values[i];
    found.push_back(row);
  }
  return found;
}

// A UDP port of the loopback that was free a moment ago.
inline std::uint16_t free_udp_port() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

// nfcapd on a UDP port of the loopback, until it is stopped.
class Nfcapd {
 public:
  explicit Nfcapd(std::uint16_t port) : port_(port) {
    child_ = ::fork();
    if (child_ == 0) {
      const std::string number = std::to_string(port);
      const std::string where = directory_.path();
      if (std::freopen("/dev/null", "w", stdout) == nullptr ||
          std::freopen((where + ".log").c_str(), "w", stderr) == nullptr)
        ::_exit(126);
      ::execlp("nfcapd", "nfcapd", "-w", where.c_str(), "-p", number.c_str(), "-b", "127.0.0.1", "-t", "3600",
               static_cast<char*>(nullptr));
      ::_exit(127);
    }
    if (!test::eventually([&] { return queue().has_value(); }))
      throw std::runtime_error("nfcapd does not listen");
  }
  ~Nfcapd() {
    if (child_ > 0) stop();
    std::filesystem::remove(directory_.path().string() + ".log");
  }
  Nfcapd(const Nfcapd&) = delete;
  Nfcapd& operator=(const Nfcapd&) = delete;

  // Ends it when it has read what it was sent.
  void stop() {
    static_cast<void>(test::eventually([&] { return queue().value_or(0) == 0; }));
    ::kill(child_, SIGTERM);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }

  // What nfdump prints of the records received.
  [[nodiscard]] std::string nfdump(const std::string& arguments) const {
    return test::run("nfdump -R " + directory_.path().string() + " -N -q " + arguments + " 2>/dev/null")
        .output;
  }
  [[nodiscard]] std::string log() const {
    std::ifstream in(directory_.path().string() + ".log");
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

 private:
  // Bytes waiting in its socket; nothing while there is no socket. Columns of /proc/net/udp.
  [[nodiscard]] std::optional<unsigned long> queue() const {
    char wanted[16];
    std::snprintf(wanted, sizeof wanted, "0100007F:%04X", static_cast<unsigned>(port_));
    std::ifstream in("/proc/net/udp");
    for (std::string line; std::getline(in, line);) {
      std::istringstream columns(line);
      std::string number, local, remote, state, queues;
      columns >> number >> local >> remote >> state >> queues;
      if (local == wanted) return std::stoul(queues.substr(queues.find(':') + 1), nullptr, 16);
    }
    return std::nullopt;
  }

  std::uint16_t port_;
  TemporaryDirectory directory_;
  pid_t child_ = -1;
};

}  // namespace millrace::control::testing
