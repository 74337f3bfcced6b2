package planted

// planted in scenarios

import "example.com/dsim/clock"

func started() int64 { return clock.Wall().UnixNano() } // want `uses clock.Wall`
