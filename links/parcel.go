package links

import "example.com/dsim/des"

// parcel is what leaves one lane for another: an arrival, and what arrives.
type parcel struct {
	event  des.Event
	cause  des.Key
	data   []byte // of a frame, or of a segment
	stream bool
	seg    segment
}
