package socket

func openDevice(c Config, h Handler) (Wire, error) {
	switch c.Kind {
	case "raw":
		return openRaw(c, h)
	case "tap":
		return openTAP(c, h)
	}
	return openNeighbour(c, h)
}
