// SPDX-License-Identifier: BSD-3-Clause
// vnf-vpn. The way of a packet is make_pipeline() in function.h; what surrounds it is common/appliance.
#include "common/appliance/run.h"
#include "vnfs/vpn/vpn.h"

int main(int argc, char** argv) { return millrace::appliance::run<millrace::vpn::Vpn>(argc, argv); }
