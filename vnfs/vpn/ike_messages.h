// SPDX-License-Identifier: BSD-3-Clause
// The messages of ike_protocol.h as values. What comes from the socket is checked here, and nowhere else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "common/base/reader.h"
#include "vnfs/vpn/association_spec.h"
#include "vnfs/vpn/ike_protocol.h"

namespace millrace::vpn::ike {

struct Hello {
  std::uint32_t process = 0;
  std::string release;  // of strongSwan: "5.9.8"
};
struct AllocateSpi {};
struct AddAssociation {
  AssociationSpec spec;
  bool again = false;  // it has been told before
};
struct MoveAssociation {
  AssociationKey key;
  AssociationMove to;
};
struct RemoveAssociation {
  AssociationKey key;
};
struct QueryAssociation {
  AssociationKey key;
};
struct AddPolicy {
  PolicySpec spec;
};
struct RemovePolicy {
  PolicyKey key;
};
struct QueryPolicy {
  PolicyKey key;
};
struct FlushAssociations {};
struct FlushPolicies {};
struct ResyncBegin {};
struct ResyncEnd {};
struct Trouble {
  std::string connection;  // empty: it is not known whose
  std::string text;        // printable
  bool unproved = false;   // one side did not prove who it is
};

using Body = std::variant<Hello, AllocateSpi, AddAssociation, MoveAssociation, RemoveAssociation,
                          QueryAssociation, AddPolicy, RemovePolicy, QueryPolicy, FlushAssociations,
                          FlushPolicies, ResyncBegin, ResyncEnd, Trouble>;

struct Request {
  std::uint32_t serial = 0;
  Body body;
};

struct Malformed {
  std::uint32_t serial = 0;
  bool strange = false;  // no message of this protocol: nothing more is to be had from who sent it
  std::string reason;    // "byte 12: an address has family 4 or 6, not 9"
};

// Copies what it keeps; key material only into crypto::Secret.
[[nodiscard]] tl::expected<Request, Malformed> read_request(Bytes message);

using Message = std::vector<std::uint8_t>;

struct Answer {
  millrace_ike_status status = MILLRACE_IKE_OK;
  std::string text{};  // cut at MILLRACE_IKE_MOST_TEXT bytes
  std::uint32_t spi = 0;
  AssociationUse use{};
};

[[nodiscard]] Message write_answer(std::uint32_t serial, const Answer& answer);
[[nodiscard]] Message write_expired(const AssociationKey& which, std::uint32_t tunnel, bool hard);
[[nodiscard]] Message write_acquire(std::uint32_t tunnel, const Selector& packet);
[[nodiscard]] Message write_mapping(const AssociationKey& which, std::uint32_t tunnel,
                                    const net::IpAddress& remote, std::uint16_t remote_port);

// For log lines: "inbound association 0xc0000001", "outbound association 0xc0000001 to 192.0.2.1".
[[nodiscard]] std::string text_of(const AssociationKey& key);

}  // namespace millrace::vpn::ike
