// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_uri.h"

#include <algorithm>

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

// Full-width forms of ASCII are what IIS takes for it; all others that are no ASCII become a question mark.
std::uint8_t best_fit(unsigned code) noexcept {
  if (code <= 0xff) return static_cast<std::uint8_t>(code);
  if (code >= 0xff01 && code <= 0xff5e) return static_cast<std::uint8_t>(code - 0xff01 + '!');
  return '?';
}

// The number of the next `digits` hexadecimal digits; -1 when they are not there.
int take_hex(Bytes text, std::size_t at, std::size_t digits) noexcept {
  if (text.size() < at + digits) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    const int digit = hex_value(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// Escapes resolved, one byte after another.
class Unescape {
 public:
  Unescape(Bytes text, HttpAnomalySet& anomalies) noexcept : text_(text), anomalies_(anomalies) {}

  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] std::uint8_t next() noexcept {
    const std::uint8_t c = text_[at_++];
    if (c != '%') [[likely]]
      return c;
    if (const int value = take_hex(text_, at_, 2); value >= 0) {
      at_ += 2;
      return told(static_cast<std::uint8_t>(value));
    }
    if (at_ < text_.size() && lower(text_[at_]) == 'u') {
      if (const int value = take_hex(text_, at_ + 1, 4); value >= 0) {
        at_ += 5;
        anomalies_.add(HttpAnomaly::kUnicodeEscape);
        return told(best_fit(static_cast<unsigned>(value)));
      }
    }
    anomalies_.add(HttpAnomaly::kBadEscape);
    return c;
  }

 private:
  std::uint8_t told(std::uint8_t c) noexcept {
    anomalies_.add_if(c == 0, HttpAnomaly::kEscapedNul);
    anomalies_.add_if(c == '%' && take_hex(text_, at_, 2) >= 0, HttpAnomaly::kDoubleEscape);
    return c;
  }

  Bytes text_;
  HttpAnomalySet& anomalies_;
  std::size_t at_ = 0;
};

// Joins what overlong UTF-8 has taken apart: C0 AF is a slash. Gives the new length; in place.
std::size_t resolve_overlong(MutableBytes path, HttpAnomalySet& anomalies) noexcept {
  std::size_t length = 0;
  for (std::size_t i = 0; i < path.size(); ++i, ++length) {
    const std::uint8_t c = path[i];
    const bool overlong = (c & 0xfeU) == 0xc0 && i + 1 < path.size() && (path[i + 1] & 0xc0U) == 0x80;
    if (overlong) anomalies.add(HttpAnomaly::kOverlongUtf8);
    path[length] =
        overlong ? static_cast<std::uint8_t>((c & 1U) << 6U | (path[++i] & 0x3fU)) : std::uint8_t{c};
  }
  return length;
}

std::size_t resolve_slashes(MutableBytes path) noexcept {
  std::size_t length = 0;
  for (const std::uint8_t sent : path) {
    const std::uint8_t c = sent == '\\' ? '/' : sent;
    if (c == '/' && length != 0 && path[length - 1] == '/') continue;
    path[length++] = c;
  }
  return length;
}

// RFC 3986 section 5.2.4, of a path without empty segments. Each segment that is kept is moved once, and
// going back to the slash before it looks at each of its bytes once more.
std::size_t remove_dot_segments(MutableBytes path, HttpAnomalySet& anomalies) noexcept {
  std::size_t length = 0;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = find(path, '/', at);
    const Bytes segment = Bytes(path).subspan(at, end - at);
    const std::size_t next = std::min(end + 1, path.size());
    const bool up = segment.size() == 2 && segment[0] == '.' && segment[1] == '.';
    if (up) {
      const bool at_root = length == 0 || (length == 1 && path[0] == '/');
      anomalies.add_if(at_root, HttpAnomaly::kAboveRoot);
      if (!at_root) {
        --length;  // the slash behind the segment that is left
        while (length != 0 && path[length - 1] != '/') --length;
      }
    } else if (segment.size() != 1 || segment[0] != '.') {
      std::copy(path.begin() + static_cast<std::ptrdiff_t>(at),
                path.begin() + static_cast<std::ptrdiff_t>(next),
                path.begin() + static_cast<std::ptrdiff_t>(length));
      length += next - at;
    }
    at = next;
  }
  return length;
}

void write_path(Bytes path, RoomWriter& room, HttpAnomalySet& anomalies) noexcept {
  const std::size_t before = room.written().size();
  for (Unescape bytes(path, anomalies); !bytes.at_end();) room.put(bytes.next());
  MutableBytes written = room.written().subspan(before);
  written = written.first(resolve_overlong(written, anomalies));
  written = written.first(resolve_slashes(written));
  room.cut(before + remove_dot_segments(written, anomalies));
}

// The scheme's length with "://"; 0 when the target is not of the absolute form.
std::size_t scheme_of(Bytes target) noexcept {
  if (begins_with_word(target, "http://")) return 7;
  return begins_with_word(target, "https://") ? 8 : 0;
}

}  // namespace

HttpUri normalize_uri(Bytes target, bool is_connect, RoomWriter& room, HttpAnomalySet& anomalies) noexcept {
  HttpUri uri;
  if (is_connect) {
    room.put(target);
    uri.authority = target;
    uri.path = room.take();
    return uri;
  }
  if (const std::size_t scheme = scheme_of(target); scheme != 0) {
    target = target.subspan(scheme);
    const auto* const end = std::ranges::find_if(
        target.data(), target.data() + target.size(),
        [](std::uint8_t c) noexcept { return c == '/' || c == '\\' || c == '?' || c == '#'; });
    uri.authority = target.first(static_cast<std::size_t>(end - target.data()));
    target = target.subspan(uri.authority.size());
    // RFC 9110 section 4.2.3: an empty path is the same as "/".
    if (target.empty() || target[0] == '?' || target[0] == '#') room.put(std::uint8_t{'/'});
  }
  const std::size_t fragment = find(target, '#');
  const std::size_t query = find(target.first(fragment), '?');
  write_path(target.first(query), room, anomalies);
  for (Unescape bytes(target.subspan(query, fragment - query), anomalies); !bytes.at_end();)
    room.put(bytes.next());
  room.put(target.subspan(fragment));
  uri.path = room.take();
  return uri;
}

Bytes host_of(Bytes authority) noexcept {
  // RFC 3986 section 3.2: what stands before the last "@" is no part of the host.
  for (std::size_t at = authority.size(); at != 0; --at) {
    if (authority[at - 1] != '@') continue;
    authority = authority.subspan(at);
    break;
  }
  if (!authority.empty() && authority[0] == '[') {
    const std::size_t end = find(authority, ']');
    return authority.first(std::min(end + 1, authority.size()));
  }
  Bytes host = trim(authority.first(find(authority, ':')));
  while (host.size() > 1 && host.back() == '.') host = host.first(host.size() - 1);
  return host;
}

}  // namespace millrace::firewall::inspection
