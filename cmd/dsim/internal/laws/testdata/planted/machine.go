package planted

import (
	"log"       // want `imports log`
	"net"       // want `imports net`
	"net/netip" // an address is a value
	"os"        // want `imports os`
	"runtime"   // want `imports runtime`
	"unsafe"    // want `imports unsafe`
)

func machine(a netip.Addr) {
	host, _ := os.Hostname()
	log.Println(host, a, runtime.NumCPU(), unsafe.Sizeof(a))
	_, _ = net.Dial("tcp", host)
}
