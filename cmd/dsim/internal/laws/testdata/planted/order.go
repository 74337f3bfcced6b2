package planted

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

type table map[string]int

func order[M ~map[string]int, S ~[]int](m map[string]int, g M, s S) (sum int) {
	for k := range m { // want `ranges over a map`
		fmt.Println(k)
	}
	for range m { // without names the order is not seen
		sum++
	}
	for k := range (table{"": 1}) { // want `ranges over a map`
		sum += len(k)
	}
	for _, sum = range m { // want `ranges over a map`
		sum++
	}
	for _, v := range g { // want `ranges over a map`
		sum += v
	}
	for _, v := range s {
		sum += v
	}
	for _, v := range m { //dsim:sorted a sum does not see the order
		sum += v
	}
	//dsim:sorted a sum does not see the order
	for _, v := range m {
		sum += v
	}
	for k := range maps.Keys(m) { // want `uses maps.Keys`
		fmt.Println(k)
	}
	keys := slices.Collect(maps.Keys(m)) // want `uses maps.Keys`
	slices.Sort(keys)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		sum += m[k]
	}
	maps.DeleteFunc(m, func(string, int) bool { return false }) // want `uses maps.DeleteFunc`
	_ = reflect.ValueOf(m).MapKeys()                            // want `uses reflect.Value.MapKeys`
	_ = reflect.ValueOf(&sum).Pointer() < 1                     // want `uses reflect.Value.Pointer`
	var address uintptr                                         // want `uses uintptr`
	_ = fmt.Sprintf("%p %d", &sum, address)                     // want `formats a pointer`
	return sum
}

func notes(m map[string]int) {
	for k := range m { //dsim:sorted // want `gives no reason` `ranges over a map`
		println(k)
	}
	//dsim:sorted there is no range here // want `allows nothing here`
	//dsim:hurry nobody knows this one // want `no exception this house knows`
}
