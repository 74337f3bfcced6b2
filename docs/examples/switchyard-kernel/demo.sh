#!/bin/sh
# A kernel talks with simulated services: in a network namespace of its own, so
# that nothing of this machine is touched. It wants Linux, root, the command ip
# and /dev/net/tun, and dsim in the PATH or as $DSIM:
#
#   sudo DSIM=./dsim sh docs/examples/switchyard-kernel/demo.sh
#
# What it starts it ends, and what it makes it takes away, also when interrupted.
set -eu
dsim=${DSIM:-dsim}
ns=dsim-kernel-$$
fail() { echo "demo: $*" >&2; exit 1; }
command -v "$dsim" >/dev/null || fail "no command $dsim: go build ./cmd/dsim, and DSIM=./dsim"
command -v ip >/dev/null || fail "it wants the command ip, of iproute2"
[ -c /dev/net/tun ] || fail "there is no /dev/net/tun: modprobe tun"
ip netns add "$ns" || fail "no network namespace can be made: that takes root"

pids=
clean() {
	for pid in $pids; do kill "$pid" 2>/dev/null || true; done
	for pid in $pids; do wait "$pid" || true; done
	ip netns del "$ns"
}
trap clean EXIT
trap 'exit 130' INT TERM

# In the namespace there is the loopback, where the fabric listens.
ip -n "$ns" link set lo up
for what in serve echo icmp "dns --table www.example=10.0.0.80" "tap --tap sy0"; do
	case $what in serve) wait= ;; *) wait="--wait-fabric 10s" ;; esac
	# shellcheck disable=SC2086 # they are words
	ip netns exec "$ns" "$dsim" switchyard $what $wait &
	pids="$pids $!"
done

# The interface is there once the fabric is.
n=0
until ip -n "$ns" link show sy0 >/dev/null 2>&1; do
	n=$((n + 1))
	[ "$n" -lt 100 ] || fail "there is no interface sy0"
	sleep 0.1
done
ip -n "$ns" addr add 10.0.0.9/24 dev sy0

# A datagram to the echo service, from a program that knows nothing of dsim.
echo_once() {
	ip netns exec "$ns" timeout 2 bash -c 'exec 3<>/dev/udp/10.0.0.2/7007 && printf "marco polo" >&3 && head -c 10 <&3'
}
if command -v bash >/dev/null; then
	n=0
	until reply=$(echo_once 2>/dev/null); do
		n=$((n + 1))
		[ "$n" -lt 5 ] || fail "no echo"
	done
	echo "udp: the kernel got $reply"
fi
if command -v ping >/dev/null; then
	ip netns exec "$ns" ping -c 2 -W 2 10.0.0.20
fi
echo "arp: the kernel knows"
ip -n "$ns" neigh show dev sy0 | sed 's/^/  /'
ip netns exec "$ns" "$dsim" switchyard capture | sed 's/^/  /'
