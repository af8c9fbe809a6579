// SPDX-License-Identifier: BSD-3-Clause
// vnf-loadbalancer. The way of a packet is make_pipeline() in function.h; what surrounds it is
// common/appliance.
#include "common/appliance/run.h"
#include "vnfs/load_balancer/load_balancer.h"

int main(int argc, char** argv) {
  return millrace::appliance::run<millrace::load_balancer::LoadBalancer>(argc, argv);
}
