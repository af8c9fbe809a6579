// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/ike_messages.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace millrace::vpn::ike {
namespace {

// The protocol's numbers are the crypto library's, from 1 on.
constexpr bool same(crypto::Cipher cipher, millrace_ike_cipher wire) {
  return static_cast<int>(cipher) + 1 == static_cast<int>(wire);
}
static_assert(same(crypto::Cipher::kAesGcm128, MILLRACE_IKE_AES_GCM_128) &&
              same(crypto::Cipher::kChaCha20Poly1305, MILLRACE_IKE_CHACHA20_POLY1305) &&
              same(crypto::Cipher::kAesCbc128, MILLRACE_IKE_AES_CBC_128) &&
              same(crypto::Cipher::kAesCtr128, MILLRACE_IKE_AES_CTR_128) &&
              same(crypto::Cipher::kNull, MILLRACE_IKE_NULL));
static_assert(static_cast<int>(crypto::Integrity::kNone) == MILLRACE_IKE_NO_INTEGRITY &&
              static_cast<int>(crypto::Integrity::kHmacSha512) == MILLRACE_IKE_HMAC_SHA512);

// Walks over a message; the first thing that is wrong is kept, and all that follows is skipped.
class Fields {
 public:
  explicit Fields(Bytes message) : reader_(message) {}

  template <WireFormat T>
  [[nodiscard]] T next(std::string_view what) {
    const std::size_t left = reader_.left();
    if (const T* const found = reader_.read<T>()) return *found;
    wrong(fmt::format("{} takes {} bytes, {} are left", what, sizeof(T), left));
    return T{};
  }
  [[nodiscard]] Bytes take(std::size_t count, std::string_view what) {
    const std::size_t left = reader_.left();
    const Bytes taken = reader_.take(count);
    if (taken.size() != count) wrong(fmt::format("{} takes {} bytes, {} are left", what, count, left));
    return taken;
  }
  void wrong(const std::string& reason) {
    if (!reason_) reason_ = fmt::format("byte {}: {}", reader_.offset(), reason);
  }
  void require(bool good, std::string_view reason) {
    if (!good) wrong(std::string(reason));
  }
  void end() {
    if (reader_.left() != 0) wrong(fmt::format("{} bytes behind the end of the message", reader_.left()));
  }
  [[nodiscard]] bool good() const noexcept { return !reason_; }
  [[nodiscard]] std::string reason() const { return reason_.value_or(""); }

 private:
  Reader reader_;
  std::optional<std::string> reason_;
};

net::IpAddress address_of(Fields& fields, const millrace_ike_address& wire) {
  if (wire.family == 6) {
    net::Ipv6Address address;
    std::memcpy(address.bytes.data(), wire.bytes, address.bytes.size());
    return address;
  }
  if (wire.family != 4) {
    fields.wrong(fmt::format("an address has family 4 or 6, not {}", static_cast<int>(wire.family)));
    return {};
  }
  fields.require(std::all_of(std::begin(wire.bytes) + 4, std::end(wire.bytes), [](auto b) { return b == 0; }),
                 "an IPv4 address has zeros behind it");
  std::uint32_t value = 0;
  std::memcpy(&value, wire.bytes, sizeof value);
  return net::Ipv4Address{be32::from_wire(value)};
}

AssociationKey key_of(Fields& fields, const millrace_ike_which& wire) {
  fields.require(wire.outbound <= 1, "a direction is 0 or 1");
  return {.outbound = wire.outbound != 0, .spi = wire.spi, .remote = address_of(fields, wire.remote)};
}

net::Prefix prefix_of(Fields& fields, const millrace_ike_address& wire, unsigned length) {
  const net::IpAddress address = address_of(fields, wire);
  if (length > address.bits()) {
    fields.wrong(fmt::format("a prefix of {} has at most {} bits, not {}", address.to_string(),
                             address.bits(), length));
    return {};
  }
  const net::Prefix prefix = net::Prefix::of(address, length);
  if (prefix.address != address)
    fields.wrong(fmt::format("{}/{} has bits set behind its prefix", address.to_string(), length));
  return prefix;
}

Selector selector_of(Fields& fields, const millrace_ike_selector& wire) {
  const Selector selector{.local = prefix_of(fields, wire.local, wire.local_length),
                          .remote = prefix_of(fields, wire.remote, wire.remote_length),
                          .protocol = wire.protocol,
                          .local_ports = {wire.local_first, wire.local_last},
                          .remote_ports = {wire.remote_first, wire.remote_last}};
  fields.require(selector.local_ports.first <= selector.local_ports.last &&
                     selector.remote_ports.first <= selector.remote_ports.last,
                 "a range of ports ends before it begins");
  return selector;
}

void check_flags(Fields& fields, unsigned flags, unsigned known) {
  if ((flags & ~known) != 0) fields.wrong(fmt::format("flags 0x{:x} are not known here", flags & ~known));
}

std::optional<UdpPorts> udp_of(unsigned flags, const millrace_ike_udp& wire) {
  if ((flags & MILLRACE_IKE_UDP) == 0) return std::nullopt;
  return UdpPorts{.local = wire.local, .remote = wire.remote};
}

Limit limit_of(const millrace_ike_limit& wire) { return {.soft = wire.soft, .hard = wire.hard}; }

// How many bytes of key material follow.
void check_suite(Fields& fields, const millrace_ike_association& wire, crypto::Suite& suite) {
  if (wire.cipher < MILLRACE_IKE_AES_GCM_128 || wire.cipher > MILLRACE_IKE_NULL) {
    fields.wrong(fmt::format("there is no cipher {}", static_cast<int>(wire.cipher)));
    return;
  }
  if (wire.integrity > MILLRACE_IKE_HMAC_SHA512) {
    fields.wrong(fmt::format("there is no hash {}", static_cast<int>(wire.integrity)));
    return;
  }
  suite = {static_cast<crypto::Cipher>(wire.cipher - 1), static_cast<crypto::Integrity>(wire.integrity)};
  if (!crypto::is_of_use(suite)) {
    fields.wrong(fmt::format("{} {} hash", crypto::name(suite.cipher),
                             crypto::is_aead(suite.cipher) ? "takes no" : "needs a"));
    return;
  }
  const crypto::SuiteSizes sizes = crypto::sizes_of(suite);
  if (wire.cipher_key_bytes != sizes.cipher_key + sizes.salt)
    fields.wrong(fmt::format("{} takes a key of {} bytes with its salt, not {}", crypto::name(suite.cipher),
                             sizes.cipher_key + sizes.salt, static_cast<int>(wire.cipher_key_bytes)));
  if (wire.integrity_key_bytes != sizes.integrity_key)
    fields.wrong(fmt::format("the hash {} takes a key of {} bytes, not {}", crypto::name(suite.integrity),
                             static_cast<int>(sizes.integrity_key),
                             static_cast<int>(wire.integrity_key_bytes)));
}

AddAssociation association_of(Fields& fields) {
  AddAssociation added;
  AssociationSpec& spec = added.spec;
  const auto wire = fields.next<millrace_ike_association>("an association");
  if (!fields.good()) return added;
  spec.key = key_of(fields, wire.key);
  spec.local = address_of(fields, wire.local);
  fields.require(wire.mode == MILLRACE_IKE_TUNNEL || wire.mode == MILLRACE_IKE_TRANSPORT,
                 "the mode is 1, tunnel, or 2, transport");
  spec.mode = wire.mode == MILLRACE_IKE_TRANSPORT ? Mode::kTransport : Mode::kTunnel;
  check_suite(fields, wire, spec.suite);
  check_flags(fields, wire.flags, MILLRACE_IKE_EXTENDED | MILLRACE_IKE_UDP | MILLRACE_IKE_AGAIN);
  spec.extended = (wire.flags & MILLRACE_IKE_EXTENDED) != 0;
  added.again = (wire.flags & MILLRACE_IKE_AGAIN) != 0;
  spec.window = wire.window;
  spec.udp = udp_of(wire.flags, wire.udp);
  spec.tunnel = wire.tunnel;
  spec.interface = wire.interface;
  spec.seconds = limit_of(wire.seconds);
  spec.bytes = limit_of(wire.bytes);
  spec.packets = limit_of(wire.packets);
  if (wire.selectors > MILLRACE_IKE_MOST_SELECTORS)
    fields.wrong(fmt::format("an association has at most {} selectors, not {}", MILLRACE_IKE_MOST_SELECTORS,
                             static_cast<int>(wire.selectors)));
  if (!fields.good()) return added;
  spec.cipher_key = crypto::Secret(fields.take(wire.cipher_key_bytes, "the cipher's key"));
  spec.integrity_key = crypto::Secret(fields.take(wire.integrity_key_bytes, "the hash's key"));
  for (unsigned i = 0; i < wire.selectors && fields.good(); ++i)
    spec.selectors.push_back(selector_of(fields, fields.next<millrace_ike_selector>("a selector")));
  return added;
}

MoveAssociation move_of(Fields& fields) {
  const auto wire = fields.next<millrace_ike_move>("a move");
  if (!fields.good()) return {};
  check_flags(fields, wire.flags, MILLRACE_IKE_UDP);
  return {.key = key_of(fields, wire.key),
          .to = {.local = address_of(fields, wire.local),
                 .remote = address_of(fields, wire.remote),
                 .udp = udp_of(wire.flags, wire.udp)}};
}

AssociationKey which_of(Fields& fields) {
  const auto wire = fields.next<millrace_ike_which>("an association's number");
  return fields.good() ? key_of(fields, wire) : AssociationKey{};
}

PolicyKey policy_key_of(Fields& fields, const millrace_ike_which_policy& wire) {
  return {
      .priority = wire.priority, .selector = selector_of(fields, wire.selector), .interface = wire.interface};
}

PolicyKey which_policy_of(Fields& fields) {
  const auto wire = fields.next<millrace_ike_which_policy>("a policy's selector");
  return fields.good() ? policy_key_of(fields, wire) : PolicyKey{};
}

AddPolicy policy_of(Fields& fields) {
  const auto wire = fields.next<millrace_ike_policy>("a policy");
  if (!fields.good()) return {};
  AddPolicy added;
  const PolicyKey key = policy_key_of(fields, wire.key);
  added.spec.selector = key.selector;
  added.spec.priority = key.priority;
  added.spec.interface = key.interface;
  added.spec.tunnel = wire.tunnel;
  switch (wire.action) {
    case MILLRACE_IKE_PROTECT:
      added.spec.action = Action::kProtect;
      break;
    case MILLRACE_IKE_BYPASS:
      added.spec.action = Action::kBypass;
      break;
    case MILLRACE_IKE_DISCARD:
      added.spec.action = Action::kDiscard;
      break;
    default:
      fields.wrong(fmt::format("there is no action {}", static_cast<int>(wire.action)));
  }
  check_flags(fields, wire.flags, MILLRACE_IKE_OUTBOUND);
  if ((wire.flags & MILLRACE_IKE_OUTBOUND) != 0) {
    added.spec.outbound = key_of(fields, wire.outbound);
    fields.require(added.spec.outbound->outbound, "packets leave by an outbound association");
  }
  return added;
}

Hello hello_of(Fields& fields) {
  const auto wire = fields.next<millrace_ike_hello>("a hello");
  if (!fields.good()) return {};
  const char* const end = std::find(std::begin(wire.release), std::end(wire.release), '\0');
  Hello hello{.process = wire.process, .release = {std::begin(wire.release), end}};
  const auto printable = [](char c) { return c > ' ' && c < '\x7f'; };
  fields.require(!hello.release.empty() && std::ranges::all_of(hello.release, printable),
                 "strongSwan's release is a printable word");
  return hello;
}

// What a peer says may be in it.
std::string printable(std::string_view text) {
  std::string clean(text);
  for (char& c : clean)
    if (c < ' ' || c > '~') c = '?';
  return clean;
}

Trouble trouble_of(Fields& fields) {
  const auto wire = fields.next<millrace_ike_trouble>("a trouble");
  if (!fields.good()) return {};
  const char* const end = std::find(std::begin(wire.connection), std::end(wire.connection), '\0');
  fields.require(wire.text_bytes != 0 && wire.text_bytes <= MILLRACE_IKE_MOST_TEXT,
                 fmt::format("a text has 1 to {} bytes", MILLRACE_IKE_MOST_TEXT));
  if (!fields.good()) return {};
  check_flags(fields, wire.flags, MILLRACE_IKE_UNPROVED);
  const Bytes text = fields.take(wire.text_bytes, "the text of a trouble");
  return {.connection = printable({std::begin(wire.connection), end}),
          .text = printable({reinterpret_cast<const char*>(text.data()), text.size()}),
          .unproved = (wire.flags & MILLRACE_IKE_UNPROVED) != 0};
}

std::optional<Body> body_of(unsigned type, Fields& fields) {
  switch (type) {
    case MILLRACE_IKE_HELLO:
      return hello_of(fields);
    case MILLRACE_IKE_ALLOCATE_SPI:
      return AllocateSpi{};
    case MILLRACE_IKE_ADD_ASSOCIATION:
      return association_of(fields);
    case MILLRACE_IKE_MOVE_ASSOCIATION:
      return move_of(fields);
    case MILLRACE_IKE_REMOVE_ASSOCIATION:
      return RemoveAssociation{which_of(fields)};
    case MILLRACE_IKE_QUERY_ASSOCIATION:
      return QueryAssociation{which_of(fields)};
    case MILLRACE_IKE_ADD_POLICY:
      return policy_of(fields);
    case MILLRACE_IKE_REMOVE_POLICY:
      return RemovePolicy{which_policy_of(fields)};
    case MILLRACE_IKE_QUERY_POLICY:
      return QueryPolicy{which_policy_of(fields)};
    case MILLRACE_IKE_FLUSH_ASSOCIATIONS:
      return FlushAssociations{};
    case MILLRACE_IKE_FLUSH_POLICIES:
      return FlushPolicies{};
    case MILLRACE_IKE_RESYNC_BEGIN:
      return ResyncBegin{};
    case MILLRACE_IKE_RESYNC_END:
      return ResyncEnd{};
    case MILLRACE_IKE_TROUBLE:
      return trouble_of(fields);
    default:
      return std::nullopt;
  }
}

}  // namespace

tl::expected<Request, Malformed> read_request(Bytes message) {
  Fields fields(message);
  const auto header = fields.next<millrace_ike_header>("a header");
  const auto strange = [&](std::string reason) {
    return tl::unexpected(Malformed{header.serial, true, std::move(reason)});
  };
  if (!fields.good()) return strange(fields.reason());
  if (header.version != MILLRACE_IKE_VERSION)
    return strange(
        fmt::format("byte 0: version {} of the protocol, and this is {}; plugin and gateway belong to "
                    "the same release of Millrace",
                    static_cast<int>(header.version), MILLRACE_IKE_VERSION));
  if (header.length != message.size())
    return strange(fmt::format("byte 8: a length of {} in a message of {} bytes",
                               static_cast<std::uint32_t>(header.length), message.size()));
  auto body = body_of(header.type, fields);
  if (!body)
    return tl::unexpected(Malformed{
        header.serial, false, fmt::format("byte 2: there is no request {}", static_cast<int>(header.type))});
  fields.end();
  if (!fields.good()) return tl::unexpected(Malformed{header.serial, false, fields.reason()});
  return Request{header.serial, std::move(*body)};
}

}  // namespace millrace::vpn::ike
