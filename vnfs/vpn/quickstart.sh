# SPDX-License-Identifier: BSD-3-Clause
# The VPN gateway's part of vnfs/quickstart, which sources this.

cat <<'EOF'

   client               VPN gateway    what is between    VPN gateway              server
   192.0.2.10        ┌───────────┐    sees ESP alone   ┌───────────┐        198.51.100.10
   2001:db8:1::10 ───┤  vnf-vpn  ├─════════════════════─┤  vnf-vpn  ├─── 2001:db8:2::10
                     └───────────┘                     └───────────┘
                      203.0.113.1                       203.0.113.2
EOF
vpn_peer="$lab_prefix-peer"
vpn_end() {
  lab_in "$vpn_peer" ip link set veth-out netns "$lab_vnf" 2>/dev/null || true
  lab_in "$lab_vnf" ip link set veth-out up 2>/dev/null || true
  ip netns delete "$vpn_peer" 2>/dev/null || true
}
trap 'vpn_end; lab_down' EXIT
ip netns add "$vpn_peer"
lab_in "$lab_vnf" ip link set veth-out netns "$vpn_peer"
ip link add veth-wan netns "$lab_vnf" type veth peer name veth-wan netns "$vpn_peer"
for namespace in "$lab_vnf" "$vpn_peer"; do
  for device in veth-out veth-wan; do
    lab_in "$namespace" ip link show "$device" >/dev/null 2>&1 || continue
    lab_in "$namespace" ethtool -K "$device" tx off tso off gso off gro off >/dev/null
    # The data path answers what comes to this device, by the twin; the kernel of the namespace must not.
    lab_in "$namespace" sysctl -qw "net.ipv6.conf.$device.disable_ipv6=1" "net.ipv4.conf.$device.arp_ignore=8" \
      "net.ipv4.conf.$device.rp_filter=1"
    lab_in "$namespace" ip link set "$device" up
  done
done

# With key exchange; with keys of the profile where charon's plugin cannot be built.
plugin=$PWD/$build/vnfs/vpn/charon-plugin/libstrongswan-millrace.so
if $build_first; then cmake --build --preset release --target strongswan-millrace >/dev/null 2>&1 || rm -f "$plugin"; fi
if [[ -f $plugin ]]; then kind_of_keys=quickstart; else kind_of_keys=static-keys; fi
mkdir -p "$lab_dir/vpn/here" "$lab_dir/vpn/peer"
for name in psk to-client.key to-server.key; do
  (umask 077 && od -An -N20 -tx1 /dev/urandom | tr -d ' \n' >"$lab_dir/vpn/$name")
done
sed "s,/run/millrace,$lab_dir/vpn/here," "vnfs/vpn/profiles/$kind_of_keys.yaml" >"$lab_dir/vpn/here.yaml"
sed "s,/run/millrace,$lab_dir/vpn/peer," "vnfs/vpn/profiles/$kind_of_keys-peer.yaml" >"$lab_dir/vpn/peer.yaml"
peer_socket="$lab_dir/vpn-peer.sock"
lab_start "$vpn_peer" vpn-peer.log "$build/vnfs/vpn/vnf-vpn" --profile "$lab_dir/vpn/peer.yaml" --control "$peer_socket"
vpn_processes=$!
lab_start_vnf "$build" vpn "$lab_dir/vpn/here.yaml"
lab_wait 20 "the other gateway (its log: $(cat "$lab_dir/vpn-peer.log"))" \
  curl --silent --fail --unix-socket "$peer_socket" "http://vnf/v1/health?ready=true"
title "Both gateways are up"
grep "is ready" "$lab_dir/vpn.log" "$lab_dir/vpn-peer.log" | sed 's/^[^:]*://'
grep -m 1 -o "IPsec-MB.*\|OpenSSL.*" "$lab_dir/vpn.log"

if [[ $kind_of_keys == quickstart ]]; then
  title "strongSwan agrees on keys"
  lab_start "$vpn_peer" charon-peer.log vnfs/vpn/run-charon "$lab_dir/vpn/peer" "$plugin"
  vpn_processes+=" $!"
  lab_wait 20 "the other gateway's charon" grep "charon answers on" "$lab_dir/vpn-peer.log"
  lab_start "$lab_vnf" charon.log vnfs/vpn/run-charon "$lab_dir/vpn/here" "$plugin"
  vpn_processes+=" $!"
  vpn_is_up() { # else what is to be seen of it
    local here there
    here=$(vnfctl vpn | tee "$lab_dir/tunnels" | grep -c "to-the-server-. *up")
    there=$(lab_socket=$peer_socket vnfctl vpn | tee -a "$lab_dir/tunnels" | grep -c "to-the-clients-. *up")
    ((here == 2 && there == 2)) || ! tail -n 40 "$lab_dir"/{tunnels,charon.log,vpn.log}
  }
  lab_wait 30 "both tunnels, at both gateways" vpn_is_up
  grep -h "selected proposal\|established between\|established with" "$lab_dir/charon.log" | cut -c 1-150
else
  title "charon's plugin is not built here: the keys are the profile's"
  cmake --preset release | grep "charon's plugin" || true
fi

title "Through the tunnel"
passes "ping the server" client ping -q -c 3 -i 0.2 -W 2 198.51.100.10
passes "ping it over IPv6" client ping -q -c 3 -i 0.2 -W 2 2001:db8:2::10
passes "a page" get http://198.51.100.10/
passes "TCP throughput" speed 198.51.100.10
passes "and back" speed 198.51.100.10 --reverse

title "What somebody between the gateways sees of a ping"
lab_start "$lab_vnf" between.log timeout 10 tcpdump -n -l -c 1 -i veth-wan "not arp and not ip6"
lab_wait 5 "tcpdump" grep "listening on" "$lab_dir/between.log"
client ping -q -c 1 -W 2 198.51.100.10 >/dev/null
lab_wait 10 "the answer between the gateways" grep ESP "$lab_dir/between.log"
grep ESP "$lab_dir/between.log" | cut -c 1-100

title "And not in otherwise"
lab_in "$vpn_peer" ip address add 203.0.113.9/24 dev veth-wan
lab_in "$vpn_peer" ip address add 198.51.100.9/32 dev veth-wan
lab_in "$vpn_peer" ip route add 192.0.2.0/24 via 203.0.113.1 dev veth-wan onlink
blocked "clear text that pretends to come from the server" \
  lab_in "$vpn_peer" ping -q -c 1 -W 1 -I 198.51.100.9 192.0.2.10

title "vnfctl explain 192.0.2.10 198.51.100.10 tcp/443"
vnfctl explain 192.0.2.10 198.51.100.10 tcp/443

title "vnfctl vpn"
vnfctl vpn

title "vnfctl vpn associations"
vnfctl vpn associations

title "vnfctl drops"
vnfctl drops

# shellcheck disable=SC2086
kill $vpn_processes
# shellcheck disable=SC2086
wait $vpn_processes || true
vpn_end
trap lab_down EXIT
