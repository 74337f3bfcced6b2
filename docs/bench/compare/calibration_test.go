package main

import "testing"

// BenchmarkCalibration walks a table that fits the first cache, each step
// waiting for the one before, with some arithmetic in between. It never
// changes: its times in different runs tell how fast the machine was then.
func BenchmarkCalibration(b *testing.B) {
	var table [2048]uint64
	for i := range table {
		table[i] = uint64(i) * 0x9e3779b97f4a7c15
	}
	x := uint64(1)
	for b.Loop() {
		for range 1000 {
			x ^= table[x>>53]
			x *= 0xbf58476d1ce4e5b9
			x ^= x >> 27
		}
	}
	if x == 0 {
		b.Fatal("the walk ended")
	}
}
