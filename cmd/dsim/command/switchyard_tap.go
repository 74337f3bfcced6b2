package command

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"example.com/dsim/realnet/socket"
	"example.com/dsim/realnet/switchyard"
)

func (a *app) switchyardTAP() *cobra.Command {
	q := &asking{}
	var tap, raw string
	c := &cobra.Command{
		Use:   "tap",
		Short: "Join a real interface to the fabric: a TAP device, or an Ethernet interface",
		Long: `Join a real interface to the fabric: what the kernel sends on it enters the fabric,
and what the fabric sends leaves by it. So a real kernel talks ARP, ICMP and UDP with
simulated services. While the fabric is gone, a TAP device has no carrier.

It needs Linux, and the right to open the device: for --tap /dev/net/tun and
CAP_NET_ADMIN, for --raw CAP_NET_RAW; dsim doctor says whether this process has them.
A TAP device that this command made is gone when it ends. Then it says what it
carried; exit code 5 says that the interface was taken away.`,
		Example: "  dsim switchyard tap --tap sy0        # made if it is not there\n  dsim switchyard tap --raw veth0",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config := socket.Config{Kind: "tap", Interface: tap}
			if raw != "" {
				config = socket.Config{Kind: "raw", Interface: raw}
			}
			if (tap == "") == (raw == "") {
				return exit(exitUsage, errors.New("tap: want either --tap or --raw, with the name of an interface"))
			}
			if err := config.Check(); err != nil {
				return exit(exitUsage, err)
			}
			return a.joinInterface(c, q, config)
		},
	}
	q.flags(c, "")
	c.Flags().Lookup("name").Usage = "of the endpoint; the interface's if empty"
	c.Flags().Lookup("json").Usage = "print what was carried as JSON"
	c.Flags().StringVar(&tap, "tap", "", "the TAP device")
	c.Flags().StringVar(&raw, "raw", "", "the Ethernet interface")
	return c
}

func (a *app) joinInterface(c *cobra.Command, q *asking, config socket.Config) error {
	o := switchyard.Options{Addr: q.fabric, Name: q.name, Queue: 1 << 12}
	if err := reach(c.Context(), q.fabric, q.wait); err != nil {
		return err
	}
	j, err := switchyard.Join(c.Context(), o, config, func(line string) { a.err.printf("%s\n", line) })
	if err != nil {
		return exit(exitEnvironment, err)
	}
	a.out.printf("%s %s is endpoint %d of %s, MTU %d\n", config.Kind, config.Interface, j.Identity().Endpoint, q.fabric, j.MTU())
	if err = j.Run(c.Context()); err != nil {
		err = exit(exitEnvironment, err)
	}
	s := j.Stats()
	if q.json {
		line, jerr := json.Marshal(s)
		err = errors.Join(err, jerr)
		a.out.printf("%s\n", line)
	} else {
		a.err.printf("%d frames in, %d out, %d lost, %d too long\n", s.In, s.Out, s.Lost, s.TooLong)
	}
	return errors.Join(err, j.Close())
}
