// SPDX-License-Identifier: BSD-3-Clause
// From the profile's anomalies to what watches and detector ask.
#pragma once

#include "vnfs/firewall/inspection/anomaly_settings.h"
#include "vnfs/firewall/inspection/traffic_watch.h"
#include "vnfs/firewall/profile.h"

namespace millrace::firewall {

// Workers whose watches are of other settings are made anew.
[[nodiscard]] inspection::WatchSettings watch_settings(const profile::Anomalies& anomalies);

// `groups`: of the profile, for the names in `except`.
[[nodiscard]] inspection::AnomalySettings anomaly_settings(const profile::Anomalies& anomalies,
                                                           const profile::Section& groups);

}  // namespace millrace::firewall
