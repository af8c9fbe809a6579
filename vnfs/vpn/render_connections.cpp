// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/render_connections.h"

#include <boost/json.hpp>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "vnfs/vpn/render_children.h"

namespace millrace::vpn {
namespace {

using boost::json::array;
using boost::json::object;
using profile::Authentication;
using profile::Connection;

constexpr std::size_t kMostFile = 60000;

// Gives no memory back unwiped.
class WipingResource final : public boost::json::memory_resource {
 public:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    return ::operator new(bytes, std::align_val_t(alignment));
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    OPENSSL_cleanse(memory, bytes);
    ::operator delete(memory, std::align_val_t(alignment));
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

object wiped_object() { return object(boost::json::make_shared_resource<WipingResource>()); }

// One line of text, without its end.
Result<object> secret_of(const std::string& path) {
  auto text = control::read_text_file(path, kMostFile);
  if (!text) return tl::unexpected(std::move(text.error()));
  const std::size_t end = text->find_last_not_of("\r\n");
  object message = wiped_object();
  message["data"] = std::string_view(*text).substr(0, end == std::string::npos ? 0 : end + 1);
  crypto::wipe(*text);
  return message;
}

// PEM files may hold several: each from its first line to its last.
std::vector<std::string_view> pems_of(std::string_view text) {
  std::vector<std::string_view> all;
  constexpr std::string_view kBegin = "-----BEGIN ";
  for (std::size_t at = text.find(kBegin); at != std::string_view::npos;) {
    const std::size_t next = text.find(kBegin, at + 1);
    all.push_back(text.substr(at, next == std::string_view::npos ? next : next - at));
    at = next;
  }
  return all;
}

// Who the peer has to be. Of a secret one has to know whose it is, which without another word is the address.
std::optional<std::string> peer_of(const Connection& connection) {
  if (connection.peer) return connection.peer;
  const bool shared = *connection.authentication == Authentication::kSecret;
  if (!shared || connection.remote.size() != 1) return std::nullopt;
  const std::string& remote = *connection.remote.front();
  return net::IpAddress::parse(remote) ? std::optional(remote) : std::nullopt;
}

class Renderer {
 public:
  explicit Renderer(const profile::Section& profile) : profile_(profile) {}

  Result<std::vector<IkeSetting>> all() {
    for (const auto& authority : profile_.authorities) add_authority(authority);
    for (const auto& user : profile_.users) add_secret("EAP", *user.name, *user.secret, {*user.name});
    for (const auto& pool : profile_.pools) add_pool(pool);
    for (const Connection& connection : profile_.connections) add_connection(connection);
    if (trouble_) return tl::unexpected(std::move(*trouble_));
    return std::move(settings_);
  }

 private:
  void add(IkeSetting::Kind kind, std::string name, std::string command, object message) {
    settings_.push_back({kind, std::move(name), std::move(command), std::move(message)});
  }

  std::string read(const std::string& path) {
    auto text = control::read_text_file(path, kMostFile);
    if (text) return std::move(*text);
    trouble_ = std::move(text.error());
    return {};
  }

  void add_secret(std::string_view type, const std::string& name, const std::string& path,
                  const std::vector<std::string>& owners) {
    auto message = secret_of(path);
    if (!message) {
      trouble_ = std::move(message.error());
      return;
    }
    (*message)["id"] = fmt::format("{} {}", type, name);
    (*message)["type"] = type;
    (*message)["owners"] = list(owners, [](const std::string& one) { return one; });
    add(IkeSetting::Kind::kCredential, fmt::format("secret of {}", name), "load-shared", std::move(*message));
  }

  void add_authority(const profile::Authority& authority) {
    object body;
    body["cacert"] = read(*authority.certificate);
    const auto same = [](const std::string& one) { return one; };
    if (!authority.crl.empty()) body["crl_uris"] = list(authority.crl, same);
    if (!authority.ocsp.empty()) body["ocsp_uris"] = list(authority.ocsp, same);
    add(IkeSetting::Kind::kAuthority, *authority.name, "load-authority", {{*authority.name, body}});
  }

  void add_pool(const profile::Pool& pool) {
    object body;
    body["addrs"] = *pool.addresses;
    if (!pool.dns.empty()) body["dns"] = list(pool.dns, [](const auto& one) { return one.to_string(); });
    if (!pool.split.empty())
      body["split_include"] = list(pool.split, [](const auto& one) { return one.to_string(); });
    add(IkeSetting::Kind::kPool, *pool.name, "load-pool", {{*pool.name, body}});
  }

  // Those between it and its authority are told apart: charon finds them when it builds the chain.
  void add_certificates(const Connection& connection, object& local) {
    const std::string text = read(*connection.certificate.value);
    unsigned number = 0;
    for (const std::string_view pem : pems_of(text)) {
      if (number++ == 0) {
        local["certs"] = array{boost::json::string(pem)};
      } else {
        add(IkeSetting::Kind::kCredential, fmt::format("certificate {} of {}", number, *connection.name),
            "load-cert", {{"type", "X509"}, {"flag", "CA"}, {"data", pem}});
      }
    }
    auto key = secret_of(*connection.key.value);
    if (!key) {
      trouble_ = std::move(key.error());
      return;
    }
    (*key)["type"] = "any";
    add(IkeSetting::Kind::kCredential, fmt::format("key of {}", *connection.name), "load-key",
        std::move(*key));
  }

  void add_shared_secret(const Connection& connection) {
    std::vector<std::string> owners;
    if (connection.identity) owners.push_back(*connection.identity);
    if (const auto peer = peer_of(connection)) owners.push_back(*peer);
    add_secret("IKE", *connection.name, *connection.secret.value, owners);
  }

  void add_connection(const Connection& connection) {
    object local;
    object remote;
    switch (*connection.authentication) {
      case Authentication::kSecret:
        local["auth"] = remote["auth"] = "psk";
        break;
      case Authentication::kCertificate:
        local["auth"] = remote["auth"] = "pubkey";
        break;
      case Authentication::kEapTls:
        local["auth"] = "pubkey";
        remote["auth"] = "eap-tls";
        break;
      case Authentication::kEapMschapv2:
        local["auth"] = "pubkey";
        remote["auth"] = "eap-mschapv2";
        break;
    }
    if (connection.identity) local["id"] = *connection.identity;
    if (const auto peer = peer_of(connection)) remote["id"] = *peer;
    const bool eap = *connection.authentication == Authentication::kEapTls ||
                     *connection.authentication == Authentication::kEapMschapv2;
    if (eap) remote["eap_id"] = "%any";
    if (*connection.authentication == Authentication::kSecret) {
      add_shared_secret(connection);
    } else {
      add_certificates(connection, local);
      add_trust(connection, remote);
    }
    object body;
    body["version"] = "2";
    if (connection.local.value) body["local_addrs"] = array{(*connection.local)->to_string()};
    if (!connection.remote.empty()) body["remote_addrs"] = texts(connection.remote);
    body["proposals"] = texts(connection.ike_proposals);
    body["encap"] = connection.force_udp ? "yes" : "no";
    body["mobike"] = connection.mobike ? "yes" : "no";
    body["dpd_delay"] = seconds(connection.dead_peer_check);
    body["rekey_time"] = seconds(connection.renewal.exchange);
    body["rand_time"] = seconds(connection.renewal.exchange / 10);
    body["over_time"] = seconds(time_to_renew(connection.renewal.exchange));
    if (connection.renewal.authentication) body["reauth_time"] = seconds(*connection.renewal.authentication);
    if (connection.start == profile::Start::kAlways) body["keyingtries"] = "0";  // for ever
    if (eap) body["send_cert"] = "always";                                       // many clients do not ask
    if (!connection.pools.empty()) body["pools"] = texts(connection.pools);
    body["local"] = std::move(local);
    body["remote"] = std::move(remote);
    body["children"] = children_of(connection);
    add(IkeSetting::Kind::kConnection, *connection.name, "load-conn", {{*connection.name, std::move(body)}});
    settings_.back().always = connection.start == profile::Start::kAlways;
  }

  void add_trust(const Connection& connection, object& remote) {
    if (connection.strict_revocation) remote["revocation"] = "strict";
    array certificates;
    for (const auto& name : connection.authorities) {
      for (const auto& authority : profile_.authorities) {
        if (*authority.name == *name) certificates.emplace_back(read(*authority.certificate));
      }
    }
    if (!certificates.empty()) remote["cacerts"] = std::move(certificates);
  }

  const profile::Section& profile_;
  std::vector<IkeSetting> settings_;
  std::optional<Error> trouble_;
};

}  // namespace

Result<std::vector<IkeSetting>> render_connections(const profile::Section& profile) {
  return Renderer(profile).all();
}

}  // namespace millrace::vpn
