package register

import (
	"bytes"
	"testing"

	"example.com/dsim/cells"
)

// Any bytes may be found where a state was kept: what is taken is kept so again.
func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"Registers":[{"Key":0,"Version":{"Stamp":1,"Writer":2},"Value":3}],"Queries":1}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := newReplica(t).P.(cells.Durable)
		if a.Restore(b) != nil {
			return
		}
		c := newReplica(t).P.(cells.Durable)
		if err := c.Restore(a.Save()); err != nil || !bytes.Equal(c.Save(), a.Save()) {
			t.Errorf("%s: %v", a.Save(), err)
		}
	})
}
