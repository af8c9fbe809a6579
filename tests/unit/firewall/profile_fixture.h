// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the firewall's profile share.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/control/profile/section.h"
#include "common/net/address.h"

namespace millrace::firewall::profile {

// A folder of its own, gone when the test ends.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "millrace-profile-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, const std::string& content) const {
    const auto file = path_ / name;
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::vector<std::string> texts(const std::vector<net::Prefix>& prefixes) {
  std::vector<std::string> out;
  for (const net::Prefix& prefix : prefixes) out.push_back(prefix.to_string());
  return out;
}

// Lines 1 to 11; what a test adds starts at line 12, within the section.
inline const std::string kHead =
    "vnf: firewall\n"
    "name: fw\n"
    "ports:\n"
    "  p: {device: \"0000:00:05.0\"}\n"
    "  q: {device: \"0000:00:06.0\"}\n"
    "interfaces:\n"
    "  trust: {port: p, address: [192.0.2.1/24]}\n"
    "  dmz: {port: p, vlan: 5}\n"
    "  untrust: {port: q, address: [198.51.100.2/24]}\n"
    "firewall:\n"
    "  zones: {inside: [trust, dmz], outside: untrust}\n";

}  // namespace millrace::firewall::profile
