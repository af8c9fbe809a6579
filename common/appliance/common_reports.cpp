// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/common_reports.h"

#include <boost/json.hpp>
#include <vector>

namespace millrace::appliance {

using boost::json::array;
using boost::json::object;

array drops_report(Workers workers, std::span<const core::DropReason> own) {
  array list;
  for (const auto reasons : {core::core_drop_reasons().subspan(1), own}) {  // without "not dropped"
    for (const core::DropReason& reason : reasons) {
      std::uint64_t packets = 0;
      for (const core::Worker* worker : workers) packets += worker->counters().dropped[reason.id].read();
      list.push_back(object{{"reason", reason.name}, {"sentence", reason.sentence}, {"packets", packets}});
    }
  }
  return list;
}

array stages_report(Workers workers, std::span<const std::string_view> own) {
  std::vector<std::string_view> names{"ingress"};
  names.insert(names.end(), own.begin(), own.end());
  names.emplace_back("egress");
  array list;
  for (std::size_t stage = 0; stage < names.size(); ++stage) {
    std::uint64_t packets = 0;
    std::uint64_t drops = 0;
    std::uint64_t cycles = 0;
    for (const core::Worker* worker : workers) {
      const core::StageCounters& counters = worker->counters().stages[stage];
      packets += counters.packets.read();
      drops += counters.drops.read();
      cycles += counters.cycles.read();
    }
    object one{
        {"stage", names[stage]}, {"packets", packets}, {"drops", drops}, {"cycles_per_packet", nullptr}};
    if (packets != 0) one["cycles_per_packet"] = static_cast<double>(cycles) / static_cast<double>(packets);
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace millrace::appliance
