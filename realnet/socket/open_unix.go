//go:build linux || darwin

package socket

func open(c Config, h Handler) (Wire, error) {
	switch c.Kind {
	case "unix":
		return openUnixgram(c, h)
	case "udp":
		return openUDP(c, h)
	case "unix-stream":
		return openUnixStream(c, h)
	case "tcp":
		return openTCP(c, h)
	}
	return openDevice(c, h)
}
