package linear

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/register"
)

// Register is a register that is read and written, as package register emits
// it: each key is an object, and its first value is 0.
var Register = Model{
	Invoke: register.KindInvoke,
	Return: register.KindReturn,
	Object: func(call Op) int64 {
		key, _ := register.Operation(call.A)
		return key
	},
	Step: func(state int64, call, answer Op) (bool, int64) {
		if _, write := register.Operation(call.A); write {
			return true, call.B
		}
		return answer.Unknown || answer.B == state, state
	},
	Describe: func(call, answer Op) string {
		if _, write := register.Operation(call.A); write {
			return fmt.Sprintf("a write of value %#x", uint64(call.B))
		}
		return fmt.Sprintf("a read of value %#x", uint64(answer.B))
	},
}

// NewRegister gives the oracle "register/linearizable".
func NewRegister() cells.Oracle { return New(Register) }
