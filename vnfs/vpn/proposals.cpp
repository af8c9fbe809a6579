// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/proposals.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "common/control/profile/text.h"

namespace millrace::vpn::profile {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::array<std::string_view, 4> kSealing{"aes128gcm16", "aes192gcm16", "aes256gcm16",
                                                   "chacha20poly1305"};
constexpr std::array<std::string_view, 6> kCiphers{"aes128",    "aes192",    "aes256",
                                                   "aes128ctr", "aes192ctr", "aes256ctr"};
constexpr std::array<std::string_view, 1> kNoCipher{"null"};
constexpr std::array<std::string_view, 4> kHashes{"sha1", "sha256", "sha384", "sha512"};
constexpr std::array<std::string_view, 4> kPseudoRandom{"prfsha1", "prfsha256", "prfsha384", "prfsha512"};
constexpr std::array<std::string_view, 9> kGroups{"curve25519", "ecp256",   "ecp384",   "ecp521",  "modp2048",
                                                  "modp3072",   "modp4096", "modp6144", "modp8192"};
constexpr std::array<std::string_view, 3> kOfEsp{"modpnone", "esn", "noesn"};

bool has(Words words, std::string_view word) { return std::ranges::find(words, word) != words.end(); }

std::vector<std::string_view> words_of(std::string_view proposal) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t end = proposal.find('-');
    words.push_back(proposal.substr(0, end));
    if (end == std::string_view::npos) return words;
    proposal.remove_prefix(end + 1);
  }
}

std::vector<std::string> all_words(ProposalKind kind) {
  std::vector<std::string> all;
  const auto add = [&](Words words) { all.insert(all.end(), words.begin(), words.end()); };
  add(kSealing);
  add(kCiphers);
  if (kind == ProposalKind::kEsp) add(kNoCipher);
  add(kHashes);
  if (kind == ProposalKind::kIke) add(kPseudoRandom);
  add(kGroups);
  if (kind == ProposalKind::kEsp) add(kOfEsp);
  return all;
}

std::string listed(Words words) { return fmt::format("{}", fmt::join(words, ", ")); }

}  // namespace

std::vector<control::Located<std::string>> default_proposals(ProposalKind kind) {
  const std::string groups = "-curve25519-ecp256-ecp384-modp2048";
  const std::string tail = kind == ProposalKind::kEsp ? groups + "-modpnone-esn-noesn" : groups;
  const std::string random = kind == ProposalKind::kIke ? "-prfsha256-prfsha384" : "";
  return {{.value = "aes128gcm16-aes256gcm16-chacha20poly1305" + random + tail, .at = {}},
          {.value = "aes128-aes256-sha256-sha384-sha512" + tail, .at = {}}};
}

std::optional<std::string> fault_of_proposal(std::string_view proposal, ProposalKind kind) {
  const std::vector<std::string> known = all_words(kind);
  const std::vector<std::string_view> words = words_of(proposal);
  for (const std::string_view word : words) {
    if (std::ranges::find(known, word) == known.end())
      return control::undefined("the algorithm", word, known);
  }
  const auto any = [&](Words of) {
    return std::ranges::any_of(words, [&](std::string_view word) { return has(of, word); });
  };
  const bool seals = any(kSealing);
  const bool separate = any(kCiphers) || any(kNoCipher);
  if (seals && separate)
    return "a cipher that seals by itself and one that needs a hash are in one proposal; give two proposals";
  if (!seals && !separate)
    return fmt::format("it has no cipher; give one of {}, {}", listed(kSealing), listed(kCiphers));
  if (separate && !any(kHashes))
    return fmt::format("its cipher needs a hash; give one of {}", listed(kHashes));
  if (seals && any(kHashes))
    return "its cipher seals by itself and takes no hash; remove the hash" +
           std::string(kind == ProposalKind::kIke ? ", or give it as prfsha..." : "");
  if (kind == ProposalKind::kEsp) return std::nullopt;
  if (seals && !any(kPseudoRandom))
    return fmt::format("it has no pseudo-random function; give one of {}", listed(kPseudoRandom));
  if (!any(kGroups)) return fmt::format("it has no group for keys; give one of {}", listed(kGroups));
  return std::nullopt;
}

}  // namespace millrace::vpn::profile
