// SPDX-License-Identifier: BSD-3-Clause
// A reader of syslog messages by the grammar of RFC 5424 section 6, and a receiver of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace millrace::control::testing {

// With one element of structured data.
struct SyslogMessage {
  int priority = 0;
  std::string timestamp, host, program, process, id, element;
  std::map<std::string, std::string> parameters;
  std::string text;

  static std::optional<SyslogMessage> parse(const std::string& line) {
    static const std::regex kMessage(
        R"re(<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) )re"
        R"re(([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) )re"
        R"re(\[([!#-<>-\\^-~]{1,32})((?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\](?: (.*))?)re");
    static const std::regex kParameter(R"re( ([^ =]+)="((?:[^"\\\]]|\\["\\\]])*)")re");
    static const std::regex kEscape(R"re(\\(["\\\]]))re");
    std::smatch match;
    if (!std::regex_match(line, match, kMessage)) return std::nullopt;
    SyslogMessage message{.priority = std::stoi(match[1]),
                          .timestamp = match[2],
                          .host = match[3],
                          .program = match[4],
                          .process = match[5],
                          .id = match[6],
                          .element = match[7],
                          .parameters = {},
                          .text = match[9]};
    const std::string parameters = match[8];
    for (std::sregex_iterator at(parameters.begin(), parameters.end(), kParameter), last; at != last; ++at)
      message.parameters[(*at)[1]] = std::regex_replace((*at)[2].str(), kEscape, "$1");
    return message;
  }
};

// A UDP socket of the loopback.
class SyslogReceiver {
 public:
  explicit SyslogReceiver(std::uint16_t port = 0) : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0) throw std::runtime_error("bind");
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~SyslogReceiver() { ::close(fd_); }
  SyslogReceiver(const SyslogReceiver&) = delete;
  SyslogReceiver& operator=(const SyslogReceiver&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // The next datagram; empty when none comes for long.
  [[nodiscard]] std::string next() const {
    std::string line(65'536, '\0');
    const ssize_t count = ::recv(fd_, line.data(), line.size(), 0);
    line.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return line;
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

}  // namespace millrace::control::testing
