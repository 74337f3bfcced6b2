package shrink

import "testing"

func TestNumbersAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]string{
		"500": "500", "12.5%": "12.5%", "1e-3": "0.001", "10ms": "10ms", "1500B": "1500B", "100Mbit": "100Mbit", "-3.25": "-3.25", "-0.5%": "-0.5%", "0": "0",
	} {
		n, ok := parseNumber(text)
		if !ok || n.String() != want {
			t.Errorf("%q is read as %q (%t), want %q", text, n, ok, want)
		}
	}
	for _, text := range []string{"sender", "uniform(1ms, 2ms)", "server:echo", "", "1/3", "true"} {
		if n, ok := parseNumber(text); ok {
			t.Errorf("%q is read as %q, want no number", text, n)
		}
	}
}

func TestNumbersAreRounded(t *testing.T) {
	for text, want := range map[string]string{"812.4ms": "800ms", "5.193%": "5%", "10ms": "", "1.5s": "2s", "37": "40"} {
		n, _ := parseNumber(text)
		got := ""
		if list := n.roundings(); len(list) > 0 {
			got = list[0].String()
		}
		if got != want {
			t.Errorf("%s: plainest is %q, want %q", text, got, want)
		}
	}
	n, _ := parseNumber("812.4ms")
	var all []string
	for _, m := range n.roundings() {
		all = append(all, m.String())
	}
	if len(all) < 5 || all[len(all)-2] != "812ms" {
		t.Errorf("812.4ms: %v, want 812ms near the end", all)
	}
	for v, want := range map[int64]int64{11: 12, 433: 440, 100: 110, 9: 10} {
		if got := roundUp(v, 2); got != want {
			t.Errorf("above %d: %d, want %d", v, got, want)
		}
	}
}
