// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/host_name.h"

#include <algorithm>

#include "common/net/address.h"
#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

constexpr std::size_t kMostPortDigits = 5;

// Where the colon before a port stands; the size when there is no port.
std::size_t port_colon(Bytes host) noexcept {
  std::size_t at = host.size();
  while (at > 0 && host.size() - at < kMostPortDigits && is_digit(host[at - 1])) --at;
  return at > 0 && host[at - 1] == ':' ? at - 1 : host.size();
}

bool is_usual_port(Bytes port) noexcept {
  return port.empty() || same_word(port, "80") || same_word(port, "443");
}

}  // namespace

SplitHost split_host(Bytes host) noexcept {
  SplitHost split;
  const std::size_t colon = port_colon(host);
  split.name = host.first(colon);
  if (colon < host.size()) split.port = host.subspan(colon + 1);
  // "::80" is no name with a port.
  if (!split.name.empty() && split.name.back() == ':') return {host, {}};
  if (!split.name.empty() && split.name.back() == '.') split.name = split.name.first(split.name.size() - 1);
  return split;
}

HostSuffixes::HostSuffixes(Bytes host, const SipKey& seed, std::size_t most) noexcept {
  Bytes name = split_host(host).name;
  bool begins_label = true;
  if (name.size() > kLongestHostName) {
    cut_ = true;
    begins_label = name[name.size() - kLongestHostName - 1] == '.';
    name = name.last(kLongestHostName);
  }
  length_ = name.size();
  std::ranges::transform(name, name_.begin(), lower);
  most = std::min(most, kMostHostLabels);
  SipSequence labels(seed);
  for (std::size_t end = length_; end > 0 && count_ < most;) {
    std::size_t begin = end;
    while (begin > 0 && name_[begin - 1] != '.') --begin;
    if (begin == 0 && !begins_label) return;
    labels.add(Bytes(name_.data() + begin, end - begin));
    hashes_[count_] = labels.value();
    begins_[count_++] = static_cast<std::uint8_t>(begin);
    end = begin == 0 ? 0 : begin - 1;
  }
}

UrlHost::UrlHost(Bytes host) noexcept {
  const SplitHost split = split_host(host);
  if (split.name.empty() || split.name.size() > kLongestHostName) return;
  if (split.name.front() == '[' && split.name.back() == ']') {
    const Bytes inner = split.name.subspan(1, split.name.size() - 2);
    const auto address = net::Ipv6Address::parse({reinterpret_cast<const char*>(inner.data()), inner.size()});
    if (!address) return;
    append(split.name.first(1));
    append(address->bytes);
  } else {
    append(split.name);
    std::ranges::transform(text(), text_.begin(), lower);
  }
  if (is_usual_port(split.port)) return;
  constexpr std::array<std::uint8_t, 1> kColon = {':'};
  append(kColon);
  append(split.port);
}

void UrlHost::append(Bytes bytes) noexcept {
  std::ranges::copy(bytes, text_.begin() + static_cast<std::ptrdiff_t>(length_));
  length_ += bytes.size();
}

}  // namespace millrace::firewall::inspection
