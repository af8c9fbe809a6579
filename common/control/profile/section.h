// SPDX-License-Identifier: BSD-3-Clause
// How an appliance adds its section to the common profile.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/control/profile/load.h"
#include "common/control/profile/schema.h"

namespace millrace::control {

// What the check of a section may use.
struct CheckContext {
  const Profile& common;
  const ResolveFile& resolve;
  Diagnostics& diagnostics;
};

template <class Section>
struct ProfileSchema {
  std::string vnf;  // the value of `vnf:`, and the key of the section
  std::string doc;
  bool tunnels = false;  // interfaces may be tunnels that the appliance carries; `check` looks which
  std::shared_ptr<const Struct<Section>> section;
  std::function<void(Section& section, const CheckContext& context)>
      check;  // after parsing, even if that failed

  // The table of a whole file.
  [[nodiscard]] std::shared_ptr<const Struct<Loaded<Section>>> whole() const;
};

// The table of the common part; `vnf` is the appliance this program is, and whether it has `tunnels`.
[[nodiscard]] std::shared_ptr<const Struct<Profile>> common_table(const std::string& vnf, bool tunnels);
// Everything about the common part that one value alone does not tell.
void check_common(const Profile& profile, Diagnostics& diagnostics);

template <class Section>
std::shared_ptr<const Struct<Loaded<Section>>> ProfileSchema<Section>::whole() const {
  auto table = std::make_shared<Struct<Loaded<Section>>>("the profile", doc);
  table->include(&Loaded<Section>::common, *common_table(vnf, tunnels));
  table->field(vnf, &Loaded<Section>::own, section, doc, kRequired);
  return table;
}

template <class Section>
[[nodiscard]] Checked<Loaded<Section>> parse_profile(const ProfileSchema<Section>& schema,
                                                     std::string_view text, const std::string& file,
                                                     const ResolveFile& resolve) {
  Diagnostics diagnostics(file);
  Loaded<Section> loaded;
  if (const auto document = Document::parse(text, diagnostics)) {
    Reader reader(diagnostics);
    static_cast<void>(schema.whole()->read(document->root(), loaded, reader));
    check_common(loaded.common, diagnostics);
    schema.check(loaded.own, CheckContext{loaded.common, resolve, diagnostics});
  }
  if (diagnostics.empty()) return loaded;
  diagnostics.sort();
  return tl::unexpected<Diagnostics>(std::move(diagnostics));
}

template <class Section>
[[nodiscard]] Checked<Loaded<Section>> load_profile(const ProfileSchema<Section>& schema,
                                                    const std::string& path) {
  const auto text = read_text_file(path, Document::kMostBytes, true);
  if (text) return parse_profile(schema, *text, path, files_beside(path));
  Diagnostics diagnostics(path);
  diagnostics.error({}, text.error().message());
  return tl::unexpected<Diagnostics>(std::move(diagnostics));
}

}  // namespace millrace::control
