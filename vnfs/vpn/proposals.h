// SPDX-License-Identifier: BSD-3-Clause
// What charon may agree on with a peer, in strongSwan's words: "aes128gcm16-prfsha256-ecp256".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/profile/diagnostics.h"

namespace millrace::vpn::profile {

enum class ProposalKind : bool { kIke, kEsp };

// Best first: what is fast here, then what every peer has.
[[nodiscard]] std::vector<control::Located<std::string>> default_proposals(ProposalKind kind);

// Nothing, or what is wrong with the proposal and what would be right.
[[nodiscard]] std::optional<std::string> fault_of_proposal(std::string_view proposal, ProposalKind kind);

}  // namespace millrace::vpn::profile
