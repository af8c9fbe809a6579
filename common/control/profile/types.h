// SPDX-License-Identifier: BSD-3-Clause
// The scalar types a profile is made of. Each takes one YAML scalar.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/control/profile/profile.h"
#include "common/control/profile/schema.h"
#include "common/control/profile/service.h"
#include "common/control/profile/units.h"
#include "common/net/address.h"

namespace millrace::control {

struct Fault {
  std::string wrong = "does not fit";  // completes "'TEXT' ..."
  std::string right = {};              // completes "give ..."; empty: the phrase of the type
};

// A scalar by its parser.
template <class T>
class ScalarType final : public Type<T> {
 public:
  // False when the text is no T; the fault may then say more.
  using Parse = std::function<bool(std::string_view text, T& out, Fault& fault)>;
  using Show = std::function<std::string(const T&)>;

  ScalarType(Shape shape, Parse parse, Show show)
      : shape_(std::move(shape)), parse_(std::move(parse)), show_(std::move(show)) {}

  bool read(const Node& node, T& out, Reader& reader) const override {
    if (node.kind != Node::Kind::kScalar) return reader.refuse(node, "does not fit", shape_.phrase);
    const bool is_text = shape_.kind == Shape::Kind::kText || shape_.kind == Shape::Kind::kChoice;
    if (node.quoted && !is_text) return reader.refuse(node, "is text because of its quotes", shape_.phrase);
    Fault fault;
    if (parse_(node.text, out, fault)) return true;
    return reader.refuse(node, fault.wrong, fault.right.empty() ? shape_.phrase : fault.right);
  }
  [[nodiscard]] std::string show(const T& value) const override { return show_(value); }
  [[nodiscard]] Shape shape() const override { return shape_; }

 private:
  Shape shape_;
  Parse parse_;
  Show show_;
};

namespace detail {
bool parse_integer(std::string_view text, std::int64_t least, std::int64_t most, std::int64_t& out,
                   Fault& fault);
Shape integer_shape(std::int64_t least, std::int64_t most);
Shape choice_shape(const std::vector<Shape::Choice>& choices);
bool no_such_choice(std::string_view text, const std::vector<Shape::Choice>& choices, Fault& fault);
}  // namespace detail

[[nodiscard]] TypePtr<bool> boolean();

template <std::integral T>
[[nodiscard]] TypePtr<T> integer(T least, T most) {
  return std::make_shared<ScalarType<T>>(
      detail::integer_shape(static_cast<std::int64_t>(least), static_cast<std::int64_t>(most)),
      [least, most](std::string_view text, T& out, Fault& fault) {
        std::int64_t value = 0;
        if (!detail::parse_integer(text, static_cast<std::int64_t>(least), static_cast<std::int64_t>(most),
                                   value, fault)) {
          return false;
        }
        out = static_cast<T>(value);
        return true;
      },
      [](const T& value) { return std::to_string(value); });
}

template <class E>
struct Choice {
  // With a fault the word is known, but cannot be used.
  Choice(std::string a_word, E a_value, std::string a_doc, std::optional<Fault> a_fault = std::nullopt)
      : word(std::move(a_word)), value(a_value), doc(std::move(a_doc)), refused(std::move(a_fault)) {}

  std::string word;
  E value;
  std::string doc;
  std::optional<Fault> refused;
};

template <class E>
[[nodiscard]] TypePtr<E> choice(std::vector<Choice<E>> choices) {
  std::vector<Shape::Choice> words;
  for (const auto& one : choices) {
    if (!one.refused) words.push_back({one.word, one.doc});
  }
  Shape shape = detail::choice_shape(words);
  return std::make_shared<ScalarType<E>>(
      std::move(shape),
      [choices, words](std::string_view text, E& out, Fault& fault) {
        for (const auto& one : choices) {
          if (one.word != text) continue;
          if (one.refused) {
            fault = *one.refused;
          } else {
            out = one.value;
          }
          return !one.refused;
        }
        return detail::no_such_choice(text, words, fault);
      },
      [choices](const E& value) {
        for (const auto& one : choices) {
          if (one.value == value) return one.word;
        }
        return std::string();
      });
}

// A text parsed by `parse`, which gives an optional.
template <class T>
[[nodiscard]] TypePtr<T> text_of(std::string phrase, std::string pattern,
                                 std::function<std::optional<T>(std::string_view)> parse,
                                 std::function<std::string(const T&)> show) {
  Shape shape{.kind = Shape::Kind::kText, .phrase = std::move(phrase)};
  shape.pattern = std::move(pattern);
  return std::make_shared<ScalarType<T>>(
      std::move(shape),
      [parse = std::move(parse)](std::string_view text, T& out, Fault& /*fault*/) {
        auto value = parse(text);
        if (value) out = std::move(*value);
        return value.has_value();
      },
      std::move(show));
}

// Any text that is not empty, of at most `most` bytes.
[[nodiscard]] TypePtr<std::string> string(std::string phrase, std::size_t most = 255);
// A name others refer to: letters, digits, '-', '_' and '.', starting with a letter, digit or '_'.
[[nodiscard]] TypePtr<std::string> name(std::string phrase, std::size_t most = 63);

[[nodiscard]] TypePtr<std::uint64_t> count(std::uint64_t least, std::uint64_t most);
[[nodiscard]] TypePtr<std::uint64_t> size(std::uint64_t least, std::uint64_t most);
// In bits a second.
[[nodiscard]] TypePtr<std::uint64_t> bandwidth(std::uint64_t least, std::uint64_t most);
[[nodiscard]] TypePtr<Rate> rate();
[[nodiscard]] TypePtr<Milliseconds> duration(Milliseconds least, Milliseconds most);

[[nodiscard]] TypePtr<PortRange> ports();
[[nodiscard]] TypePtr<Service> service();
[[nodiscard]] TypePtr<std::uint8_t> dscp();

// "192.0.2.1", "192.0.2.0/24" or "192.0.2.1-192.0.2.9" as prefixes that cover exactly that, in ascending
// order, appended to `out`. When it is none of these, false, and `wrong` completes "'TEXT' ...".
bool parse_addresses(std::string_view text, std::vector<net::Prefix>& out, std::string& wrong);

[[nodiscard]] TypePtr<net::IpAddress> ip_address();
[[nodiscard]] TypePtr<net::Prefix> prefix();
[[nodiscard]] TypePtr<net::Prefix> prefix(net::Family family);
[[nodiscard]] TypePtr<net::InterfaceAddress> interface_address();
[[nodiscard]] TypePtr<net::MacAddress> mac_address();
[[nodiscard]] TypePtr<Endpoint> endpoint();
// drop, pass, or {pass: [lldp, 0x88e5, ...]}.
[[nodiscard]] TypePtr<OtherFrames> other_frames();

template <class T>
[[nodiscard]] TypePtr<std::vector<T>> list(TypePtr<T> item) {
  return std::make_shared<ListType<T>>(std::move(item), true);
}
template <class Element, class T>
[[nodiscard]] TypePtr<std::vector<Element>> list_not_empty(std::shared_ptr<T> item) {
  return std::make_shared<ListType<Element>>(wrap<Element, typename T::Value>(std::move(item)), false);
}

}  // namespace millrace::control
