// SPDX-License-Identifier: BSD-3-Clause
// What of the profile charon is told, as commands of VICI.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "vnfs/vpn/profile.h"

namespace millrace::vpn {

// One thing that charon is told, and how it is taken back.
struct IkeSetting {
  enum class Kind : std::uint8_t {
    kCredential,  // taken back only with all others
    kAuthority,
    kPool,
    kConnection,
  };

  Kind kind{};
  std::string name;  // unique among those of its kind
  std::string command;
  boost::json::object message;
  bool always = false;  // a connection whose tunnels are to be there always
};

// Reads the files that the profile names. Connections stand behind all that they need. With secrets: the
// memory is wiped when the settings go.
[[nodiscard]] Result<std::vector<IkeSetting>> render_connections(const profile::Section& profile);

}  // namespace millrace::vpn
