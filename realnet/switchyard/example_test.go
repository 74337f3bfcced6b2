package switchyard_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/realnet"
	"example.com/dsim/realnet/switchyard"
	"example.com/dsim/replay/site"
	"example.com/dsim/scenarios"
)

// A virtual machine's network card, joined to a fabric that runs in this process:
// what the guest sends goes to Send, and what Recv gives goes to the guest.
func Example() {
	fabric, err := switchyard.Serve(realnet.Options{
		Site: site.Config{Name: switchyard.FabricCell, Seed: des.SeedOf(1), Make: scenarios.MakeProtocol},
	}, nil, "127.0.0.1", 0)
	if err != nil {
		log.Fatal(err)
	}
	defer fabric.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	open := func(name string) *switchyard.Endpoint {
		e, err := switchyard.Open(ctx, switchyard.Options{Addr: switchyard.Addr(fabric), Name: name, Wait: 5 * time.Second})
		if err != nil {
			log.Fatal(err)
		}
		return e
	}
	vm0, vm1 := open("vm0"), open("vm1")
	defer vm0.Close()
	defer vm1.Close()

	to, from := vm1.Identity().MAC, vm0.Identity().MAC
	frame := append(append(append(to[:], from[:]...), 0x88, 0xb5), "hello"...)
	if err := vm0.Send(frame); err != nil {
		log.Fatal(err)
	}
	in, err := vm1.Recv(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(eth.MAC(in.Data[:6]), "<-", eth.MAC(in.Data[6:12]), string(in.Data[eth.HeaderSize:]))
	// Output: 02:53:59:00:00:02 <- 02:53:59:00:00:01 hello
}
