package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"example.com/dsim/realnet/nd"
	"golang.org/x/sys/unix"
)

// namespaces tries to run a command in new ones.
func namespaces() []Finding {
	user := Finding{Topic: "user namespaces", Level: OK, For: "interfaces without root: unshare -Urn dsim …"}
	if err := runIn(syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET); err != nil {
		user.Level, user.Found = Missing, err.Error()
		user.Do = []string{
			"sysctl -w kernel.unprivileged_userns_clone=1, user.max_user_namespaces=10000 or",
			"kernel.apparmor_restrict_unprivileged_userns=0, whichever the system has (as root)",
		}
	} else {
		user.Found = "a command runs as root of its own"
	}
	network := Finding{Topic: "network namespaces", Level: OK, For: "cells joined by veth, each with interfaces of its own"}
	err := runIn(syscall.CLONE_NEWNET)
	_, noIP := exec.LookPath("ip")
	switch {
	case err != nil && user.Level == OK:
		network.Level, network.Found = Limited, fmt.Sprintf("only inside of a user namespace: %v", err)
		network.Do = []string{"unshare -Urn dsim …"}
	case err != nil:
		network.Level, network.Found = Missing, err.Error()
		network.Do = []string{"run it as root"}
	case noIP != nil:
		network.Level, network.Found = Limited, "work, but there is no command ip to make them with"
		network.Do = []string{"install iproute2"}
	default:
		network.Found = "a command runs in one, and ip is there to make them"
	}
	return []Finding{user, network}
}

// runIn runs a command that does nothing in new namespaces.
func runIn(flags uintptr) error {
	path, err := exec.LookPath("true")
	if err != nil {
		return errors.New("there is no command true to try it with")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, path)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	if flags&syscall.CLONE_NEWUSER != 0 {
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return cause(c.Run())
}

// rawEthernet tries a packet socket.
func rawEthernet() Finding {
	f := Finding{Topic: "raw Ethernet", Level: OK, Found: "packet sockets open", For: "ports bound as raw:IFACE, and protocols right above Ethernet"}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	return tried(f, fd, err, "CAP_NET_RAW")
}

// rawICMP tries what neighbour discovery is spoken over.
func rawICMP() Finding {
	f := Finding{Topic: "raw ICMPv6", Level: OK, Found: "sockets open", For: "neighbour discovery: ports bound to an interface by its name"}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	return tried(f, fd, err, "CAP_NET_RAW")
}

// tried closes what was opened, or says what was missing.
func tried(f Finding, fd int, err error, capability string) Finding {
	if err == nil {
		_ = unix.Close(fd)
		return f
	}
	f.Level, f.Found = Missing, err.Error()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		f.Found += ": " + capability + " is missing"
		f.Do = give(capability)
	} else {
		f.Do = []string{"the kernel has it not: load its module, or use another kernel"}
	}
	return f
}

// tap looks whether a device could be made; making one would be seen.
func tap() Finding {
	f := Finding{Topic: "TAP devices", Level: OK, Found: "/dev/net/tun opens, and devices may be made", For: "ports bound as tap:NAME: the machine itself as the other end"}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		f.Level, f.Found = Missing, "/dev/net/tun: "+err.Error()
		f.Do = []string{"modprobe tun (as root); in a container, pass the device in"}
		return f
	case errors.Is(err, unix.EACCES):
		f.Level, f.Found = Missing, "/dev/net/tun may not be opened by this user"
		f.Do = give("CAP_NET_ADMIN")
		return f
	case err != nil:
		return tried(f, fd, err, "CAP_NET_ADMIN")
	}
	_ = unix.Close(fd)
	if !capable(capNetAdmin) {
		f.Level, f.Found = Missing, "/dev/net/tun opens, but CAP_NET_ADMIN is missing"
		f.Do = give("CAP_NET_ADMIN")
	}
	return f
}

// ipv6 looks whether there is any, and whether all nodes answer when asked.
func ipv6() Finding {
	f := Finding{Topic: "IPv6", Level: OK, Found: "is there", For: "neighbour discovery"}
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		f.Level, f.Found = Missing, "the kernel has none"
		f.Do = []string{"load the module ipv6, or boot without ipv6.disable=1"}
		return f
	}
	if n, ok := setting("net/ipv6/conf/all/disable_ipv6"); ok && n != 0 {
		f.Level, f.Found = Missing, "is disabled on all interfaces"
		f.Do = []string{"sysctl -w net.ipv6.conf.all.disable_ipv6=0 (as root)"}
		return f
	}
	for _, name := range []string{"echo_ignore_all", "echo_ignore_multicast"} {
		if n, ok := setting("net/ipv6/icmp/" + name); ok && n != 0 {
			f.Level, f.Found = Limited, "is there, but this machine does not answer who asks all nodes"
			f.Do = append(f.Do, "sysctl -w net.ipv6.icmp."+name+"=0 (as root): else only a neighbour that asks back is found")
		}
	}
	return f
}

// interfacesMax bounds the list: machines with containers have hundreds.
const interfacesMax = 32

// interfaces says of each whether its neighbour could be found.
func interfaces() []Finding {
	all, err := net.Interfaces()
	if err != nil {
		return []Finding{{Topic: "interfaces", Level: Missing, Found: cause(err).Error(), For: "ports bound to an interface"}}
	}
	var out []Finding
	for i, ifi := range all {
		if ifi.Flags&net.FlagLoopback != 0 {
			continue // that is for UDP and TCP
		}
		if i == interfacesMax {
			out = append(out, Finding{Topic: "interfaces", Level: OK, Found: fmt.Sprintf("%d more", len(all)-i), For: "ports bound to an interface"})
			break
		}
		out = append(out, oneInterface(ifi.Name))
	}
	return out
}

func oneInterface(name string) Finding {
	f := Finding{Topic: "interface " + name, Level: OK, For: "a port bound to " + name}
	link, err := nd.Look(name)
	prefix := "interface " + name + ": "
	switch {
	case err != nil:
		f.Level = Limited
		f.Found = strings.TrimPrefix(err.Error(), prefix)
		f.Do = []string{"bind ports to an Ethernet interface, or to UNIX sockets or UDP"}
	case link.Problem != nil:
		f.Level = Limited
		f.Found, _, _ = strings.Cut(strings.TrimPrefix(link.Problem.Error(), prefix), ": ")
		f.Do = advice(link.Problem.Error(), prefix)
	default:
		f.Found = fmt.Sprintf("neighbour discovery from %s", link.Local)
	}
	return f
}

// advice is what stands behind the problem: the command that helps.
func advice(problem, prefix string) []string {
	_, do, found := strings.Cut(strings.TrimPrefix(problem, prefix), ": ")
	if !found {
		return nil
	}
	return []string{do}
}
