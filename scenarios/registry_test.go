package scenarios

import (
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

func TestScenariosOfOtherProtocolsAreNotShipped(t *testing.T) {
	r := NewRegistry()
	register(r)
	r.RegisterProtocol(Protocol{Name: "own", New: func(any) (cells.Protocol, error) { return fake{}, nil }})
	r.RegisterProperty(Property{"own/right", "", func() cells.Oracle { return nil }})
	for _, x := range []struct {
		protocol, property string
		want               bool
	}{
		{"abp", "abp/exactly-once-in-order", true},
		{"own", "abp/exactly-once-in-order", false},
		{"abp", "own/right", false},
	} {
		src, err := New("x").Cell("alice", x.protocol).Expect("always: " + x.property).Source()
		if err != nil {
			t.Fatal(err)
		}
		sc, err := src.Build(BuildOptions{Seed: des.SeedOf(1), Registry: r})
		if err != nil {
			t.Fatal(err)
		}
		if sc.Shipped() != x.want {
			t.Errorf("a scenario of %s and %s: shipped is %t", x.protocol, x.property, sc.Shipped())
		}
	}
}

func TestAConfigCannotTakeAKeyOfEveryCell(t *testing.T) {
	_, err := configParams(&struct {
		N int `dsim:"count"`
	}{})
	if want := `field N: "count" means something else in every cell`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
