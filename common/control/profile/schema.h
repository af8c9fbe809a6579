// SPDX-License-Identifier: BSD-3-Clause
// Tables that bind the keys of a YAML mapping to the members of a struct:
//
//   auto table = std::make_shared<Struct<Limit>>("limit", "A token bucket ...");
//   table->field("rate", &Limit::rate, rate(), "Events let through", kRequired);
//
// The same table parses, and describes itself as a Shape. Defaults are the member initialisers of the struct.
// A member may be a T, or Located<T>, optional<T> or vector<T> of what its type reads, nested at will: a
// vector takes a YAML list or one item of it.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/control/profile/diagnostics.h"
#include "common/control/profile/document.h"
#include "common/control/profile/shape.h"

namespace millrace::control {

// Carries the errors, and the key they are about, through one parse.
class Reader {
 public:
  explicit Reader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // "KEY: VALUE WRONG; give RIGHT" at the node. Returns false, for `return reader.refuse(...)`.
  bool refuse(const Node& node, std::string_view wrong, std::string_view right);
  bool error(Position at, std::string message);

  // Sets the key that errors name, until the end of the scope.
  class Scope {
   public:
    Scope(Reader& reader, std::string_view key) : reader_(reader), outer_(std::exchange(reader.key_, key)) {}
    ~Scope() { reader_.key_ = outer_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Reader& reader_;
    std::string_view outer_;
  };

 private:
  Diagnostics& diagnostics_;
  std::string_view key_;
};

// How values are written, for those who know where one is, and not what. Immutable, shared by all threads.
class AnyType {
 public:
  virtual ~AnyType() = default;
  virtual bool read_at(const Node& node, void* out, Reader& reader) const = 0;
  [[nodiscard]] virtual std::string show_at(const void* value) const = 0;
  [[nodiscard]] virtual Shape shape() const = 0;
};

// How values of T are written.
template <class T>
class Type : public AnyType {
 public:
  using Value = T;
  // False after an error has been reported; `out` is then as good as could be read.
  virtual bool read(const Node& node, T& out, Reader& reader) const = 0;
  // As one would write it; empty when no value can be written for it (an unset optional).
  [[nodiscard]] virtual std::string show(const T& value) const = 0;

  bool read_at(const Node& node, void* out, Reader& reader) const final {
    return read(node, *static_cast<T*>(out), reader);
  }
  [[nodiscard]] std::string show_at(const void* value) const final {
    return show(*static_cast<const T*>(value));
  }
};

template <class T>
using TypePtr = std::shared_ptr<const Type<T>>;

namespace detail {

// Both report an error and return false.
bool expect_map(const Node& node, std::string_view right, Reader& reader);  // true when it is one
bool empty_list(const Node& node, Reader& reader);

std::string show_list(const std::vector<std::string>& items);
Shape list_shape(Shape item, bool may_be_empty);
Shape map_shape(Shape name, Shape value, bool may_be_empty);

template <class T>
class LocatedType final : public Type<Located<T>> {
 public:
  explicit LocatedType(TypePtr<T> inner) : inner_(std::move(inner)) {}
  bool read(const Node& node, Located<T>& out, Reader& reader) const override {
    T value = out.value;
    if (!inner_->read(node, value, reader)) return false;
    out = {std::move(value), node.at};
    return true;
  }
  [[nodiscard]] std::string show(const Located<T>& value) const override { return inner_->show(value.value); }
  [[nodiscard]] Shape shape() const override { return inner_->shape(); }

 private:
  TypePtr<T> inner_;
};

template <class T>
class OptionalType final : public Type<std::optional<T>> {
 public:
  explicit OptionalType(TypePtr<T> inner) : inner_(std::move(inner)) {}
  bool read(const Node& node, std::optional<T>& out, Reader& reader) const override {
    return inner_->read(node, out.emplace(), reader);
  }
  [[nodiscard]] std::string show(const std::optional<T>& value) const override {
    return value ? inner_->show(*value) : std::string();
  }
  [[nodiscard]] Shape shape() const override { return inner_->shape(); }

 private:
  TypePtr<T> inner_;
};

}  // namespace detail

template <class T>
class ListType final : public Type<std::vector<T>> {
 public:
  ListType(TypePtr<T> item, bool may_be_empty) : item_(std::move(item)), may_be_empty_(may_be_empty) {}

  bool read(const Node& node, std::vector<T>& out, Reader& reader) const override {
    out.clear();
    bool good = true;
    const auto add = [&](const Node& item) {
      T value{};
      if (!item_->read(item, value, reader)) {
        good = false;
        // A structure that is partly wrong still has a name others refer to.
        if (!std::is_class_v<T> || item.kind != Node::Kind::kMap) return;
      }
      out.push_back(std::move(value));
    };
    if (node.kind == Node::Kind::kSequence) {
      if (node.items.empty() && !may_be_empty_) return detail::empty_list(node, reader);
      out.reserve(node.items.size());
      for (const Node* item : node.items) add(*item);
    } else {
      add(node);
    }
    return good;
  }
  [[nodiscard]] std::string show(const std::vector<T>& value) const override {
    std::vector<std::string> items;
    items.reserve(value.size());
    for (const T& item : value) items.push_back(item_->show(item));
    return detail::show_list(items);
  }
  [[nodiscard]] Shape shape() const override { return detail::list_shape(item_->shape(), may_be_empty_); }

 private:
  TypePtr<T> item_;
  bool may_be_empty_;
};

// A mapping from names to structures; each structure keeps its name in a member, in the order of the file.
template <class T>
class MapType final : public Type<std::vector<T>> {
 public:
  MapType(Located<std::string> T::*name, TypePtr<std::string> names, TypePtr<T> value, bool may_be_empty)
      : name_(name), names_(std::move(names)), value_(std::move(value)), may_be_empty_(may_be_empty) {}

  bool read(const Node& node, std::vector<T>& out, Reader& reader) const override {
    out.clear();
    if (!detail::expect_map(node, shape().phrase, reader)) return false;
    if (node.entries.empty() && !may_be_empty_) return detail::empty_list(node, reader);
    bool good = true;
    for (const Node::Entry& entry : node.entries) {
      T value{};
      std::string name;
      if (names_->read(*entry.key, name, reader)) {
        value.*name_ = {std::move(name), entry.key->at};
      } else {
        good = false;
      }
      const Reader::Scope scope(reader, entry.key->text);
      good = value_->read(*entry.value, value, reader) && good;
      out.push_back(std::move(value));
    }
    return good;
  }
  [[nodiscard]] std::string show(const std::vector<T>& value) const override {
    return value.empty() ? "{}" : std::string();
  }
  [[nodiscard]] Shape shape() const override {
    return detail::map_shape(names_->shape(), value_->shape(), may_be_empty_);
  }

 private:
  Located<std::string> T::*name_;
  TypePtr<std::string> names_;
  TypePtr<T> value_;
  bool may_be_empty_;
};

// Reads a U and makes a T of it; `make` may report an error and return false.
template <class T, class U>
class MappedType final : public Type<T> {
 public:
  using Make = std::function<bool(U&& from, T& to, const Node& node, Reader& reader)>;
  MappedType(TypePtr<U> inner, Make make, std::function<std::string(const T&)> show)
      : inner_(std::move(inner)), make_(std::move(make)), show_(std::move(show)) {}
  bool read(const Node& node, T& out, Reader& reader) const override {
    U from{};
    return inner_->read(node, from, reader) && make_(std::move(from), out, node, reader);
  }
  [[nodiscard]] std::string show(const T& value) const override {
    return show_ ? show_(value) : std::string();
  }
  [[nodiscard]] Shape shape() const override { return inner_->shape(); }

 private:
  TypePtr<U> inner_;
  Make make_;
  std::function<std::string(const T&)> show_;
};

// Different ways to write a T, told apart by being a word, a list or a mapping.
template <class T>
class OneOfType final : public Type<T> {
 public:
  struct Ways {
    TypePtr<T> word = nullptr;
    TypePtr<T> list = nullptr;
    TypePtr<T> map = nullptr;
  };
  OneOfType(Ways ways, std::function<std::string(const T&)> show)
      : ways_(std::move(ways)), show_(std::move(show)) {}

  bool read(const Node& node, T& out, Reader& reader) const override {
    const TypePtr<T>& way = node.kind == Node::Kind::kScalar     ? ways_.word
                            : node.kind == Node::Kind::kSequence ? ways_.list
                            : node.kind == Node::Kind::kMap      ? ways_.map
                                                                 : nullptr;
    if (way == nullptr) return reader.refuse(node, "does not fit", shape().phrase);
    return way->read(node, out, reader);
  }
  [[nodiscard]] std::string show(const T& value) const override {
    return show_ ? show_(value) : std::string();
  }
  [[nodiscard]] Shape shape() const override {
    Shape shape{.kind = Shape::Kind::kOneOf};
    for (const TypePtr<T>& way : {ways_.word, ways_.list, ways_.map}) {
      if (way == nullptr) continue;
      shape.parts.push_back(way->shape());
      if (!shape.phrase.empty()) shape.phrase += ", or ";
      shape.phrase += shape.parts.back().phrase;
    }
    return shape;
  }

 private:
  Ways ways_;
  std::function<std::string(const T&)> show_;
};

// Whether a key must be there, and what it means when it is not.
struct Presence {
  bool required = false;
  std::string absent;  // for people; empty: the member's initial value
};
inline const Presence kRequired{.required = true, .absent = {}};
[[nodiscard]] inline Presence absent_means(std::string text) { return {false, std::move(text)}; }

namespace detail {

template <class Member>
struct Wrapping;
template <class T>
struct Wrapping<Located<T>> {
  using Inner = T;
  static TypePtr<Located<T>> wrap(TypePtr<T> type) {
    return std::make_shared<LocatedType<T>>(std::move(type));
  }
};
template <class T>
struct Wrapping<std::optional<T>> {
  using Inner = T;
  static TypePtr<std::optional<T>> wrap(TypePtr<T> type) {
    return std::make_shared<OptionalType<T>>(std::move(type));
  }
};
template <class T>
struct Wrapping<std::vector<T>> {
  using Inner = T;
  static TypePtr<std::vector<T>> wrap(TypePtr<T> type) {
    return std::make_shared<ListType<T>>(std::move(type), true);
  }
};

}  // namespace detail

// The type of a member that wraps what `type` reads: Located, optional, vector, or nothing.
template <class Member, class T>
[[nodiscard]] TypePtr<Member> wrap(TypePtr<T> type) {
  if constexpr (std::same_as<Member, T>) {
    return type;
  } else {
    using Wrapping = detail::Wrapping<Member>;
    return Wrapping::wrap(wrap<typename Wrapping::Inner, T>(std::move(type)));
  }
}

// The fields of a structure, each so many bytes into it.
class FieldTable {
 public:
  FieldTable(std::string name, std::string doc) : name_(std::move(name)), doc_(std::move(doc)) {}

  void add(std::string key, std::size_t offset, std::shared_ptr<const AnyType> type, std::string doc,
           Presence presence);
  // Those of a structure that lies `offset` bytes into this one.
  void include(const FieldTable& part, std::size_t offset);
  void refuse(std::string key, std::string text) { refused_.push_back({std::move(key), std::move(text)}); }

  bool read(const Node& node, void* structure, Reader& reader) const;
  [[nodiscard]] std::string phrase() const;
  // `initial` is a structure that nothing was read into.
  [[nodiscard]] Shape shape(const void* initial) const;

 private:
  struct Field {
    std::string key;
    std::size_t offset = 0;
    std::shared_ptr<const AnyType> type;
    std::string doc;
    Presence presence;
  };
  struct Refused {
    std::string key;
    std::string text;
  };

  [[nodiscard]] const Field* find(std::string_view key) const;
  // Null when the key is not one that is refused.
  [[nodiscard]] const std::string* refusal(std::string_view key) const;
  // These report an error and return false.
  bool unknown_key(const Node& key, Reader& reader) const;
  bool missing_key(const Node& map, const Field& field, Reader& reader) const;

  std::string name_;
  std::string doc_;
  std::vector<Field> fields_;
  std::vector<Refused> refused_;
};

template <class S>
class Struct final : public Type<S> {
 public:
  // `name` is what errors call it ("rule"); unique within a schema.
  Struct(std::string name, std::string doc) : table_(std::move(name), std::move(doc)) {}

  template <class Member, class T>
  void field(const std::string& key, Member S::*member, std::shared_ptr<T> type, std::string doc,
             Presence presence = {}) {
    table_.add(key, offset_of(member), wrap<Member, typename T::Value>(std::move(type)), std::move(doc),
               std::move(presence));
  }

  // A key people may know from elsewhere: using it gets this text.
  void refuse(std::string key, std::string text) { table_.refuse(std::move(key), std::move(text)); }

  // Where to keep the place of the mapping itself.
  void position(Position S::*member) { position_ = member; }

  // The fields of another table, for a struct that lies within this one but whose keys stand beside its own.
  template <class Part>
  void include(Part S::*part, const Struct<Part>& table) {
    table_.include(table.table_, offset_of(part));
  }

  bool read(const Node& node, S& out, Reader& reader) const override {
    if (position_ != nullptr && node.kind == Node::Kind::kMap) out.*position_ = node.at;
    return table_.read(node, &out, reader);
  }
  [[nodiscard]] std::string show(const S& /*value*/) const override { return {}; }
  [[nodiscard]] Shape shape() const override { return table_.shape(&initial_); }

 private:
  template <class Other>
  friend class Struct;

  template <class Member>
  [[nodiscard]] std::size_t offset_of(Member S::*member) const {
    return static_cast<std::size_t>(reinterpret_cast<const char*>(&(initial_.*member)) -
                                    reinterpret_cast<const char*>(&initial_));
  }

  FieldTable table_;
  S initial_{};
  Position S::*position_ = nullptr;
};

}  // namespace millrace::control
