package scenarios

import (
	"errors"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// talkConfig has a parameter of each type.
type talkConfig struct {
	Role     string        `dsim:"role" doc:"what the cell does" oneof:"sender,receiver" required:"true"`
	Messages int           `dsim:"messages" doc:"how many" default:"10" min:"1" max:"1000000"`
	RTO      time.Duration `dsim:"rto" doc:"retransmission timeout" default:"50ms" min:"1ms"`
	Window   uint64        `dsim:"window" doc:"frames on the way" default:"1"`
	Offset   int64         `dsim:"offset" doc:"first number" min:"-5"`
	Loud     bool          `dsim:"loud" doc:"says more" default:"false"`
	Give     des.Ratio     `dsim:"give-up" doc:"chance of giving up"`
	Gap      des.Sampler   `dsim:"gap" doc:"between messages" default:"uniform(1ms, 5ms)"`
	Fast     clock.Drift   `dsim:"fast" doc:"how fast" default:"0"`
	Words    []string      `dsim:"words" doc:"what is said"`
	Ignored  int
}

// growConfig has the parameter that roots decides, and one on each side of it.
type growConfig struct {
	Beat time.Duration `dsim:"beat" default:"10ms"`
	Root bool          `dsim:"root" default:"true"`
	Life int           `dsim:"life" default:"9"`
}

type fake struct{ attrs []cells.Attr }

func (fake) Start(cells.Env)                    {}
func (fake) Up(cells.Env, cells.Port)           {}
func (fake) Recv(cells.Env, cells.Port, []byte) {}
func (fake) Timer(cells.Env, cells.TimerID)     {}
func (fake) Down(cells.Env, cells.Port, error)  {}

type shown struct{ fake }

func (s shown) AppendState(list []cells.Attr) []cells.Attr { return append(list, s.attrs...) }

type noOracle struct{}

func (noOracle) Kinds() []cells.Kind                   { return nil }
func (noOracle) Observe(des.Key, cells.Emission) error { return nil }
func (noOracle) Finish() error                         { return nil }

// testRegistry knows protocols made for tests, so that what is tested does
// not change with the shipped ones.
func testRegistry() *Registry {
	r := NewRegistry()
	r.RegisterProtocol(Protocol{
		Name: "talk", Doc: "for tests", Config: func() any { return new(talkConfig) },
		New: func(cfg any) (cells.Protocol, error) {
			c := cfg.(*talkConfig)
			if c.Messages == 13 {
				return nil, errors.New("messages 13: unlucky")
			}
			return shown{fake{[]cells.Attr{
				cells.IntAttr("delivered", int64(c.Messages)), cells.IntAttr("retransmitted", 0),
				cells.BoolAttr("idle", true), cells.TextAttr("state", "new"),
			}}}, nil
		},
		State: []string{"later"},
	})
	r.RegisterProtocol(Protocol{Name: "mute", New: func(any) (cells.Protocol, error) { return fake{}, nil }})
	r.RegisterProtocol(Protocol{
		Name: "grow", Config: func() any { return new(growConfig) },
		New: func(cfg any) (cells.Protocol, error) {
			return shown{fake{[]cells.Attr{cells.BoolAttr("root", cfg.(*growConfig).Root)}}}, nil
		},
	})
	oracle := func() cells.Oracle { return noOracle{} }
	r.RegisterProperty(Property{Name: "talk/in-order", New: oracle})
	r.RegisterProperty(Property{Name: "talk/once", New: oracle})
	return r
}
