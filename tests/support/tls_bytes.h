// SPDX-License-Identifier: BSD-3-Clause
// Messages of TLS, built by hand (RFC 8446 sections 4 and 5).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace millrace::testing {

[[nodiscard]] inline std::string number_bytes(std::uint64_t value, unsigned count) {
  std::string bytes;
  while (count-- != 0) bytes += static_cast<char>(value >> (8 * count) & 0xff);
  return bytes;
}
// With its length before it, in so many bytes.
[[nodiscard]] inline std::string counted(std::string_view content, unsigned count) {
  return number_bytes(content.size(), count).append(content);
}
[[nodiscard]] inline std::string pairs(std::initializer_list<unsigned> values) {
  std::string bytes;
  for (const unsigned value : values) bytes += number_bytes(value, 2);
  return bytes;
}

[[nodiscard]] inline std::string tls_record(unsigned type, std::string_view content,
                                            unsigned version = 0x0303) {
  return number_bytes(type, 1) + number_bytes(version, 2) + counted(content, 2);
}
// Records of at most so many bytes each.
[[nodiscard]] inline std::string tls_records(unsigned type, std::string_view content, std::size_t most) {
  std::string bytes;
  for (std::size_t at = 0; at < content.size(); at += most)
    bytes += tls_record(type, content.substr(at, most));
  return bytes;
}
[[nodiscard]] inline std::string tls_message(unsigned type, std::string_view body) {
  return number_bytes(type, 1) + counted(body, 3);
}
[[nodiscard]] inline std::string tls_extension(unsigned type, std::string_view content) {
  return number_bytes(type, 2) + counted(content, 2);
}
[[nodiscard]] inline std::string tls_server_name(std::string_view name) {
  return tls_extension(0, counted(std::string(1, '\0') + counted(name, 2), 2));
}
[[nodiscard]] inline std::string tls_protocols(std::initializer_list<std::string_view> names) {
  std::string list;
  for (const std::string_view name : names) list += counted(name, 1);
  return tls_extension(16, counted(list, 2));
}
[[nodiscard]] inline std::string tls_client_hello(std::string_view extensions,
                                                  std::initializer_list<unsigned> ciphers = {0x1301,
                                                                                             0xc02f}) {
  return tls_message(1, pairs({0x0303}) + std::string(32, 'r') + counted(std::string(32, 's'), 1) +
                            counted(pairs(ciphers), 2) + counted(std::string(1, '\0'), 1) +
                            counted(extensions, 2));
}
[[nodiscard]] inline std::string tls_server_hello(std::string_view extensions,
                                                  std::string_view random = std::string_view()) {
  std::string bytes = random.empty() ? std::string(32, 'R') : std::string(random);
  return tls_message(2, pairs({0x0303}) + bytes + counted("", 1) + pairs({0x1301}) + std::string(1, '\0') +
                            counted(extensions, 2));
}
[[nodiscard]] inline std::string tls_certificates(std::initializer_list<std::string_view> certificates) {
  std::string list;
  for (const std::string_view one : certificates) list += counted(one, 3);
  return tls_message(11, counted(list, 3));
}

}  // namespace millrace::testing
