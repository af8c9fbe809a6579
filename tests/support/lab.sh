# SPDX-License-Identifier: BSD-3-Clause
# A client, an appliance and a server in network namespaces of their own, joined by veth pairs. To be sourced.
#
#   client (192.0.2.10, 2001:db8:1::10) -- [inside] appliance [outside] -- server (198.51.100.10, 2001:db8:2::10)
#
# Everything is called mr$$-..., so that several labs can stand side by side, and is gone after lab_down.

lab_prefix="mr$$"
lab_client="$lab_prefix-client"
lab_vnf="$lab_prefix-vnf"
lab_server="$lab_prefix-server"
lab_dir=$(mktemp -d "${TMPDIR:-/tmp}/millrace.XXXXXX")
lab_socket="$lab_dir/vnf.sock"
lab_pids=()

lab_in() { # NAMESPACE COMMAND...
  local namespace=$1
  shift
  ip netns exec "$namespace" "$@"
}

# Waits until the command succeeds, at most SECONDS; its output is kept for the message when it never does.
lab_wait() { # SECONDS WHAT COMMAND...
  local until=$((SECONDS + $1)) what=$2
  shift 2
  while ! "$@" >"$lab_dir/wait.log" 2>&1; do
    if ((SECONDS >= until)); then
      echo "waited in vain for $what:" >&2
      cat "$lab_dir/wait.log" >&2
      return 1
    fi
    read -r -t 0.05 <> <(:) || true
  done
}

# Runs a command in a namespace in the background; lab_down ends it by its own id.
lab_start() { # NAMESPACE LOGFILE COMMAND...
  local namespace=$1 log=$2
  shift 2
  ip netns exec "$namespace" "$@" >"$lab_dir/$log" 2>&1 &
  lab_pids+=($!)
}

lab_link() { # NAMESPACE DEVICE PEER_DEVICE
  ip link add "$2" netns "$1" type veth peer name "$3" netns "$lab_vnf"
  # Checksums and segments must be whole before they leave a namespace: the data path takes frames as they are.
  lab_in "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
  lab_in "$lab_vnf" ethtool -K "$3" tx off tso off gso off gro off >/dev/null
  lab_in "$lab_vnf" sysctl -qw "net.ipv6.conf.$3.disable_ipv6=1"
  # The data path answers what comes to this device, by the twin; the kernel of the namespace must not.
  lab_in "$lab_vnf" sysctl -qw "net.ipv4.conf.$3.arp_ignore=8" "net.ipv4.conf.$3.rp_filter=1"
  lab_in "$1" ip link set "$2" up
  lab_in "$1" ip link set lo up
  lab_in "$lab_vnf" ip link set "$3" up
}

lab_up() {
  local namespace
  mkdir -p "$lab_dir"
  for namespace in "$lab_client" "$lab_vnf" "$lab_server"; do ip netns add "$namespace"; done
  lab_in "$lab_client" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  lab_in "$lab_server" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  lab_link "$lab_client" eth0 veth-in
  lab_link "$lab_server" eth0 veth-out
  lab_in "$lab_client" ip address add 192.0.2.10/24 dev eth0
  lab_in "$lab_client" ip address add 2001:db8:1::10/64 dev eth0 nodad
  lab_in "$lab_client" ip route add default via 192.0.2.1
  lab_in "$lab_client" ip route add default via 2001:db8:1::1
  lab_in "$lab_server" ip address add 198.51.100.10/24 dev eth0
  lab_in "$lab_server" ip address add 2001:db8:2::10/64 dev eth0 nodad
  lab_in "$lab_server" ip route add default via 198.51.100.1
  lab_in "$lab_server" ip route add default via 2001:db8:2::1
}

lab_down() {
  local pid namespace
  for pid in "${lab_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${lab_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  for namespace in "$lab_client" "$lab_vnf" "$lab_server"; do ip netns delete "$namespace" 2>/dev/null || true; done
  lab_pids=()
  rm -rf "$lab_dir"
}
trap lab_down EXIT

# An appliance with a profile, in its namespace; returns when it says it is ready.
lab_start_vnf() { # BUILD_DIR KIND PROFILE [ARGUMENTS...]
  local build=$1 kind=$2 profile=$3
  shift 3
  lab_start "$lab_vnf" "$kind.log" "$build/vnfs/$kind/vnf-${kind//_/}" --profile "$profile" --control "$lab_socket" "$@"
  lab_vnf_pid=$!
  lab_wait 20 "the $kind (its log: $(cat "$lab_dir/$kind.log"))" \
    curl --silent --fail --unix-socket "$lab_socket" "http://vnf/v1/health?ready=true"
}

lab_stop_vnf() {
  kill "$lab_vnf_pid"
  wait "$lab_vnf_pid" || true
}

# nginx on port 80 of both families and on 8080, which tells at /whoami whom it sees; iperf3 on 5201.
lab_start_servers() {
  mkdir -p "$lab_dir/www"
  echo "hello from the server" >"$lab_dir/www/index.html"
  head -c 1000000 /dev/zero >"$lab_dir/www/large"
  cat >"$lab_dir/nginx.conf" <<EOF
daemon off;
master_process off;
pid $lab_dir/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  server {
    listen 80; listen [::]:80; listen 8080; listen [::]:8080;
    root $lab_dir/www;
    location = /whoami { default_type text/plain; return 200 "\$remote_addr:\$remote_port\n"; }
  }
}
EOF
  chmod 755 "$lab_dir"
  lab_start "$lab_server" nginx.log nginx -p "$lab_dir" -c "$lab_dir/nginx.conf"
  lab_nginx_pid=$!
  lab_start "$lab_server" iperf3.log iperf3 --server
  lab_wait 10 "nginx" lab_in "$lab_server" curl --silent http://127.0.0.1/
}
