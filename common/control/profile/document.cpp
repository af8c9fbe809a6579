// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/document.h"

#include <algorithm>
#include <istream>
#include <streambuf>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "common/control/profile/text.h"

namespace millrace::control {
namespace {

// Ends the parse: thrown through yaml-cpp and caught in Document::parse.
struct Refused {
  Position at;
  std::string message;
};

struct ViewBuffer : std::streambuf {
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // NOLINT: the get area is never written to
    setg(begin, begin, begin + text.size());
  }
};

// Byte positions of yaml-cpp, counted from 0, to lines and columns in characters, counted from 1.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {
    ascii_ = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (ascii_) return;
    lines_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') lines_.push_back(i + 1);
    }
  }

  Position of(const YAML::Mark& mark) {
    const auto line = static_cast<std::uint32_t>(std::max(mark.line, 0));
    const auto column = static_cast<std::uint32_t>(std::max(mark.column, 0));
    if (ascii_ || line >= lines_.size()) return {line + 1, column + 1};
    // Nodes come in order, so counting goes on from the last one: long lines stay linear.
    if (line != last_line_ || column < last_bytes_) {
      last_line_ = line;
      last_bytes_ = 0;
      last_characters_ = 0;
    }
    const std::size_t end = std::min(lines_[line] + column, text_.size());
    for (std::size_t i = lines_[line] + last_bytes_; i < end; ++i) {
      if ((static_cast<unsigned char>(text_[i]) & 0xc0U) != 0x80) ++last_characters_;
    }
    last_bytes_ = column;
    return {line + 1, last_characters_ + 1};
  }

 private:
  std::string_view text_;
  bool ascii_ = true;
  std::vector<std::size_t> lines_;
  std::uint32_t last_line_ = 0;
  std::uint32_t last_bytes_ = 0;
  std::uint32_t last_characters_ = 0;
};

class Builder final : public YAML::EventHandler {
 public:
  Builder(std::deque<Node>& nodes, Places& places, Diagnostics& diagnostics)
      : nodes_(nodes), places_(places), diagnostics_(diagnostics) {}

  [[nodiscard]] const Node* root() const noexcept { return root_; }
  [[nodiscard]] Position end() const noexcept { return latest_; }

  // yaml-cpp takes the end of the text for the end of a quoted value.
  void check_closed(std::string_view text) const {
    if (last_scalar_.node == nullptr || !last_scalar_.node->quoted || last_scalar_.offset >= text.size())
      return;
    const char mark = text[last_scalar_.offset];
    if (mark != '"' && mark != '\'') return;  // the scalar has properties before it
    for (std::size_t i = last_scalar_.offset + 1; i < text.size(); ++i) {
      if (text[i] == mark) return;
      if (text[i] == '\\' && mark == '"') ++i;
    }
    throw Refused{last_scalar_.node->at, "this quote is not closed; end the value with another one"};
  }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    attach(make(Node::Kind::kNull, mark, anchor));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node& node = make(Node::Kind::kScalar, mark, anchor);
    check_tag(node, tag);
    node.text = value;
    node.quoted = tag == "!";
    last_scalar_ = {&node, static_cast<std::size_t>(std::max(mark.pos, 0))};
    attach(node);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end() ||
        std::ranges::any_of(open_, [&](const Open& open) { return open.node == found->second; })) {
      throw Refused{places_.of(mark), "this alias stands inside the value it names; write the value out"};
    }
    attach(*found->second);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Node& node = make(Node::Kind::kSequence, mark, anchor);
    check_tag(node, tag);
    open(node);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Node& node = make(Node::Kind::kMap, mark, anchor);
    check_tag(node, tag);
    open(node);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node* node;
    const Node* key = nullptr;
    std::unordered_map<std::string_view, const Node*> keys = {};
  };

  void check_tag(Node& node, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    node.broken = true;
    diagnostics_.error(node.at,
                       fmt::format("YAML reads {} as a type tag, which has no meaning here; if the ! is part "
                                   "of the value, put the value in double quotes",
                                   quote(tag)));
  }

  [[noreturn]] static void refuse_size(Position at) {
    throw Refused{at, fmt::format("more than {} values; put long lists of addresses into files of their own",
                                  Document::kMostNodes)};
  }

  Node& make(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (nodes_.size() >= Document::kMostNodes) refuse_size(places_.of(mark));
    Node& node = nodes_.emplace_back();
    node.kind = kind;
    node.at = latest_ = places_.of(mark);
    if (anchor != 0) anchors_[anchor] = &node;
    return node;
  }

  void open(Node& node) {
    if (open_.size() >= Document::kMostDepth) {
      throw Refused{node.at,
                    fmt::format("nested more than {} deep; no value of a profile is", Document::kMostDepth)};
    }
    open_.push_back({.node = &node});
  }

  void close() {
    Node& node = *open_.back().node;
    open_.pop_back();
    attach(node);
  }

  void attach(Node& node) {
    if (open_.empty()) {
      root_ = &node;
      return;
    }
    Open& parent = open_.back();
    parent.node->weight += node.weight;
    if (parent.node->weight > Document::kMostNodes) refuse_size(latest_);
    if (parent.node->kind == Node::Kind::kSequence) {
      parent.node->items.push_back(&node);
    } else if (parent.key == nullptr) {
      if (node.kind != Node::Kind::kScalar) {
        throw Refused{node.at, "a key must be a plain word; write 'key: value'"};
      }
      parent.key = &node;
    } else {
      add_entry(parent, node);
    }
  }

  void add_entry(Open& parent, Node& value) {
    const Node* key = std::exchange(parent.key, nullptr);
    if (value.kind == Node::Kind::kNull) value.at = key->at;  // yaml-cpp places it at what follows
    const auto [first, added] = parent.keys.emplace(key->text, key);
    if (added) {
      parent.node->entries.push_back({key, &value});
    } else {
      diagnostics_.error(key->at, fmt::format("key {} is given twice, first in line {}; keep one of them",
                                              quote(key->text), first->second->at.line));
    }
  }

  std::deque<Node>& nodes_;
  Places& places_;
  Diagnostics& diagnostics_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Node*> anchors_;
  struct Scalar {
    const Node* node = nullptr;
    std::size_t offset = 0;  // of its first byte in the text
  };

  const Node* root_ = nullptr;
  Position latest_{1, 1};
  Scalar last_scalar_;
};

// The place of the first byte that is not UTF-8 (RFC 3629) or is a control character YAML does not allow.
std::optional<Position> first_bad_byte(std::string_view text) {
  Position at{1, 1};
  std::size_t i = 0;
  const auto byte = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0U; };
  while (i < text.size()) {
    const unsigned lead = byte(i);
    std::size_t length = 0;
    if (lead == '\t' || lead == '\r' || lead == '\n' || (lead >= 0x20 && lead < 0x7f)) length = 1;
    if (lead >= 0xc2 && lead <= 0xdf) length = 2;
    if (lead >= 0xe0 && lead <= 0xef) length = 3;
    if (lead >= 0xf0 && lead <= 0xf4) length = 4;
    if (length == 0) return at;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0U) != 0x80) return at;
    }
    const unsigned second = byte(i + 1);
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
        (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
      return at;
    }
    i += length;
    if (lead == '\n') {
      ++at.line;
      at.column = 1;
    } else {
      ++at.column;
    }
  }
  return std::nullopt;
}

std::string_view line_of(std::string_view text, std::uint32_t line) {
  for (std::uint32_t i = 1; i < line; ++i) {
    const auto newline = text.find('\n');
    if (newline == std::string_view::npos) return {};
    text.remove_prefix(newline + 1);
  }
  return text.substr(0, text.find('\n'));
}

// What yaml-cpp says helps those who know YAML; this is for the others.
std::string advice(std::string_view text, const YAML::Mark& mark) {
  const std::string_view line = line_of(text, static_cast<std::uint32_t>(std::max(mark.line, 0)) + 1);
  const auto column = static_cast<std::size_t>(std::max(mark.column, 0));
  const char here = column < line.size() ? line[column] : '\0';
  if (here == '@' || here == '`' || here == '%') {
    return fmt::format("a value that starts with {} must be in double quotes", here);
  }
  const auto first = line.find_first_not_of(' ');
  if (first != std::string_view::npos && line[first] == '\t') return "indent with spaces, not with tabs";
  return "look at the indentation, quotes and brackets here and just above";
}

}  // namespace

std::optional<Document> Document::parse(std::string_view text, Diagnostics& diagnostics) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.size() > kMostBytes) {
    diagnostics.error(
        {}, fmt::format("the text has {} bytes; at most {} are read: put long lists of addresses into "
                        "files of their own",
                        text.size(), kMostBytes));
    return std::nullopt;
  }
  if (const auto bad = first_bad_byte(text)) {
    diagnostics.error(*bad, "this byte is not text; a profile is UTF-8 without control characters");
    return std::nullopt;
  }
  Document document;
  Places places(text);
  Builder builder(document.nodes_, places, diagnostics);
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder) || builder.root() == nullptr) {
      diagnostics.error({1, 1}, "the text is empty; a profile starts with 'vnf: ...'");
      return std::nullopt;
    }
    builder.check_closed(text);
    document.root_ = builder.root();
    const Position end = builder.end();
    if (parser.HandleNextDocument(builder)) {
      diagnostics.error(end,
                        "a second YAML document follows; a profile is one document, remove the '---' line");
      return std::nullopt;
    }
  } catch (const Refused& refused) {
    diagnostics.error(refused.at, refused.message);
    return std::nullopt;
  } catch (const YAML::ParserException& error) {
    diagnostics.error(places.of(error.mark),
                      fmt::format("not valid YAML: {}; {}", error.msg, advice(text, error.mark)));
    return std::nullopt;
  }
  return document;
}

}  // namespace millrace::control
